package source

import (
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/seed-d64a251c/roster/internal/yamlerror"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// yamlReader converts YAML 1.2 to nodes. It expands aliases up to a limit, and rejects merge keys
// and custom tags.
type yamlReader struct {
	file *DataFile
	// lines is the number of lines before the text.
	lines int
	depth int
	// budget is the number of nodes that aliases may still expand to.
	budget int
	failed bool
}

// readYAML reads a YAML file. A large file is parsed in chunks if its nodes can be reused.
func (f *DataFile) readYAML(text string) {
	if f.ReuseNodes && len(text) > f.Limits.chunkBytes && f.readChunks(text) {
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
func (f *DataFile) readChunks(text string) bool {
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
	part := &DataFile{
		Ref: f.Ref, kind: f.kind, Limits: f.Limits, seen: map[string]tree.Position{}, Arena: f.Arena, Yield: f.Yield,
		Report: func(tree.Problem) { valid = false },
	}
	lines := 0
	for text != "" && valid {
		chunk := text[:nextRecord(text, f.Limits.chunkBytes)]
		part.readDocuments(chunk, lines)
		lines += strings.Count(chunk, "\n")
		text = text[len(chunk):]
	}
	if !valid {
		f.Discard()
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
func (f *DataFile) readDocuments(text string, lines int) {
	dec := yaml.NewDecoder(strings.NewReader(text))
	budget := 1000 + len(text)
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			for _, p := range yamlerror.Problems(text, err) {
				at := tree.Position{Ref: f.Ref, Line: int32(min(max(1, p.Line)+lines, math.MaxInt32)), Col: 1}
				f.reportAt(at, tree.SyntaxError, p.Message, "", p.Advice)
			}
			return
		}
		r := &yamlReader{file: f, lines: lines, depth: f.Limits.depth, budget: budget}
		n := r.node(&doc)
		if r.failed {
			return
		}
		budget = r.budget
		f.addDocument(n)
	}
}

func (r *yamlReader) position(y *yaml.Node) tree.Position {
	return tree.Position{Ref: r.file.Ref, Line: int32(y.Line + r.lines), Col: int32(y.Column)}
}

func (r *yamlReader) fail(y *yaml.Node, c tree.Code, message, advice string) *tree.Node {
	if !r.failed {
		r.file.reportAt(r.position(y), c, message, "", advice)
	}
	r.failed = true
	return &tree.Node{Kind: tree.Invalid, At: r.position(y)}
}

func (r *yamlReader) node(y *yaml.Node) *tree.Node {
	if r.failed {
		return &tree.Node{Kind: tree.Invalid}
	}
	r.depth--
	r.budget--
	defer func() { r.depth++ }()
	switch {
	case r.depth < 0:
		return r.fail(y, tree.TooLarge, "values are nested too deeply", "")
	case r.budget < 0:
		return r.fail(y, tree.TooLarge, "aliases expand to too many values", "write the values out")
	}
	if tag := y.ShortTag(); y.Kind == yaml.MappingNode && tag != "!!map" ||
		y.Kind == yaml.SequenceNode && tag != "!!seq" {
		return r.fail(y, tree.DataShape, "tag "+tag+" is not supported", "remove it")
	}
	switch y.Kind {
	case yaml.DocumentNode:
		return r.node(y.Content[0])
	case yaml.AliasNode:
		return r.node(y.Alias)
	case yaml.MappingNode:
		return r.mapping(y)
	case yaml.SequenceNode:
		n := &tree.Node{Kind: tree.List, At: r.position(y)}
		for _, e := range y.Content {
			value := r.node(e)
			n.Fields = append(n.Fields, tree.Field{At: value.At, Value: value})
		}
		return n
	}
	return r.scalar(y)
}

func (r *yamlReader) mapping(y *yaml.Node) *tree.Node {
	b := tree.NewBuilder(r.position(y), len(y.Content)/2)
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.ShortTag() == "!!merge":
			return r.fail(key, tree.DataShape, "merge keys (<<) are not supported", "write the fields out")
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			return r.fail(key, tree.DataShape, "the key is not a string", "quote it")
		}
		value := r.node(y.Content[i+1])
		if have := b.Lookup(key.Value); have != nil {
			r.file.reportDuplicate(r.position(key), key.Value, have.At)
			continue
		}
		b.Add(tree.Field{Name: key.Value, At: r.position(key), Value: value}, nil)
	}
	return b.Node
}

func (r *yamlReader) scalar(y *yaml.Node) *tree.Node {
	n := &tree.Node{At: r.position(y)}
	switch tag := y.ShortTag(); tag {
	case "!!str", "!!timestamp":
		n.Kind, n.Text = tree.String, y.Value
	case "!!null":
		n.Kind = tree.Null
	case "!!bool":
		if y.Value != "true" && y.Value != "false" {
			return r.fail(y, tree.WrongType, "only true and false are bools in every format",
				tree.BoolAdvice+", or quote it if it is a string")
		}
		n.Kind, n.Text = tree.Bool, y.Value
	case "!!int":
		if !decimalInt(y.Value) {
			return r.fail(y, tree.WrongType, "the formats do not agree on this number",
				tree.IntAdvice+", or quote it if it is a string")
		}
		if n.Kind, n.Text = tree.Int, y.Value; n.Text == "-0" {
			n.Text = "0"
		}
	case "!!float":
		if decimalInt(y.Value) { // it is too large for an integer of YAML
			n.Kind, n.Text = tree.Int, y.Value
			break
		}
		var x float64
		if err := y.Decode(&x); err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return r.fail(y, tree.WrongType, "invalid number", tree.IntAdvice+", or quote it if it is a string")
		}
		n.Kind, n.Text = tree.Float, strconv.FormatFloat(x, 'f', -1, 64)
		if !strings.Contains(n.Text, ".") {
			n.Text += ".0" // without a point, CUE would read an integer
		}
	default:
		return r.fail(y, tree.DataShape, "tag "+tag+" is not supported", "remove it")
	}
	return n
}
