package schema

import (
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlReader converts YAML 1.2 to nodes. It expands aliases up to a limit, and rejects merge keys
// and custom tags.
type yamlReader struct {
	file *dataFile
	// lines is the number of lines before the text.
	lines int
	depth int
	// budget is the number of nodes that aliases may still expand to.
	budget int
	failed bool
}

var yamlLine = regexp.MustCompile(`line (\d+): (.*)`)

// readYAML reads a YAML file. A large file is parsed in chunks if its nodes can be reused.
func (f *dataFile) readYAML(text string) {
	if f.reuseNodes && len(text) > f.limits.chunkBytes && f.readChunks(text) {
		return
	}
	f.readDocuments(text, 0)
}

// topLevelKey matches a line that starts a record in a map from key to record.
var topLevelKey = regexp.MustCompile(`(?m)^("[A-Za-z0-9._-]+"|[A-Za-z0-9][A-Za-z0-9._-]*):\r?$`)

// hasOtherLineBreaks reports whether a text has line breaks of YAML that end no line of a file. The
// lines of its chunks cannot be counted.
func hasOtherLineBreaks(text string) bool {
	return strings.Count(text, "\r") != strings.Count(text, "\r\n") || strings.ContainsAny(text, "\u0085\u2028\u2029")
}

// readChunks reads a map from key to record in chunks, so that not all nodes are in memory at once.
// It returns false, and yields nothing, if the text cannot be split.
//
// A line inside a multi-line string or list may look like the start of a record. Then the chunk
// before that line is incomplete, which is a parse error.
func (f *dataFile) readChunks(text string) bool {
	if hasOtherLineBreaks(text) {
		return false
	}
	begun := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] == ' ' && begun || strings.TrimLeft(line, " ") == "":
		case line == "key:" || line == `"key":` || !topLevelKey.MatchString(line):
			return false
		default:
			begun = true
		}
	}
	valid := true
	part := &dataFile{
		ref: f.ref, kind: f.kind, limits: f.limits, seen: map[string]position{}, arena: f.arena, yield: f.yield,
		report: func(Problem) { valid = false },
	}
	lines := 0
	for text != "" && valid {
		chunk := text[:nextRecord(text, f.limits.chunkBytes)]
		part.readDocuments(chunk, lines)
		lines += strings.Count(chunk, "\n")
		text = text[len(chunk):]
	}
	if !valid {
		f.discard()
	}
	return valid
}

// nextRecord returns the offset of the first record at least n bytes into the text, or the length
// of the text.
func nextRecord(text string, n int) int {
	if n < len(text) {
		if end := strings.IndexByte(text[n:], '\n'); end >= 0 {
			from := n + end + 1
			if at := topLevelKey.FindStringIndex(text[from:]); at != nil {
				return from + at[0]
			}
		}
	}
	return len(text)
}

// readDocuments reads the YAML documents of a text that starts after some lines of the file.
func (f *dataFile) readDocuments(text string, lines int) {
	dec := yaml.NewDecoder(strings.NewReader(text))
	budget := 1000 + len(text)
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			at, message := position{f.ref, 1, 1}, strings.TrimPrefix(err.Error(), "yaml: ")
			if m := yamlLine.FindStringSubmatch(message); m != nil {
				line, _ := strconv.Atoi(m[1])
				at.line, message = int32(min(line, math.MaxInt32)), m[2]
			}
			f.reportAt(at, syntaxError, message, "", "")
			return
		}
		r := &yamlReader{file: f, lines: lines, depth: f.limits.depth, budget: budget}
		n := r.node(&doc)
		if r.failed {
			return
		}
		budget = r.budget
		f.addDocument(n)
	}
}

func (r *yamlReader) position(y *yaml.Node) position {
	return position{r.file.ref, int32(y.Line + r.lines), int32(y.Column)}
}

func (r *yamlReader) fail(y *yaml.Node, c code, message, advice string) *node {
	if !r.failed {
		r.file.reportAt(r.position(y), c, message, "", advice)
	}
	r.failed = true
	return &node{kind: invalidNode, at: r.position(y)}
}

func (r *yamlReader) node(y *yaml.Node) *node {
	if r.failed {
		return &node{kind: invalidNode}
	}
	r.depth--
	r.budget--
	defer func() { r.depth++ }()
	switch {
	case r.depth < 0:
		return r.fail(y, tooLarge, "values are nested too deeply", "")
	case r.budget < 0:
		return r.fail(y, tooLarge, "aliases expand to too many values", "write the values out")
	}
	if tag := y.ShortTag(); y.Kind == yaml.MappingNode && tag != "!!map" ||
		y.Kind == yaml.SequenceNode && tag != "!!seq" {
		return r.fail(y, dataShape, "tag "+tag+" is not supported", "remove it")
	}
	switch y.Kind {
	case yaml.DocumentNode:
		return r.node(y.Content[0])
	case yaml.AliasNode:
		return r.node(y.Alias)
	case yaml.MappingNode:
		return r.mapping(y)
	case yaml.SequenceNode:
		n := &node{kind: listNode, at: r.position(y)}
		for _, e := range y.Content {
			value := r.node(e)
			n.fields = append(n.fields, field{at: value.at, value: value})
		}
		return n
	}
	return r.scalar(y)
}

func (r *yamlReader) mapping(y *yaml.Node) *node {
	b := newBuilder(r.position(y), len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.ShortTag() == "!!merge":
			return r.fail(key, dataShape, "merge keys (<<) are not supported", "write the fields out")
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			return r.fail(key, dataShape, "the key is not a string", "quote it")
		}
		value := r.node(y.Content[i+1])
		if have := b.lookup(key.Value); have != nil {
			r.file.reportDuplicate(r.position(key), key.Value, have.at)
			continue
		}
		b.add(field{name: key.Value, at: r.position(key), value: value}, nil)
	}
	return b.n
}

func (r *yamlReader) scalar(y *yaml.Node) *node {
	n := &node{at: r.position(y)}
	switch tag := y.ShortTag(); tag {
	case "!!str", "!!timestamp":
		n.kind, n.text = stringNode, y.Value
	case "!!null":
		n.kind = nullNode
	case "!!bool":
		n.kind, n.text = boolNode, strings.ToLower(y.Value)
	case "!!int":
		var i int64
		if err := y.Decode(&i); err != nil {
			return r.fail(y, wrongType, "the integer is too large", "quote it if it is a string")
		}
		n.kind, n.text = intNode, strconv.FormatInt(i, 10)
	case "!!float":
		var x float64
		if err := y.Decode(&x); err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return r.fail(y, wrongType, "invalid number", "")
		}
		n.kind, n.text = floatNode, strconv.FormatFloat(x, 'f', -1, 64)
	default:
		return r.fail(y, dataShape, "tag "+tag+" is not supported", "remove it")
	}
	return n
}
