package source

import (
	"encoding/json"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// jsonReader parses JSON (RFC 8259) into nodes with positions.
type jsonReader struct {
	file   *DataFile
	text   string
	offset int
	line   int
	// lineStart is the offset of the current line.
	lineStart int
	depth     int
	limits    Limits
	err       string
	code      tree.Code
}

// readJSONLines reads one record from each line.
func (f *DataFile) readJSONLines(text string) {
	line := 1
	for row := range strings.Lines(text) {
		row = strings.TrimRight(row, "\r\n")
		if strings.TrimSpace(row) != "" {
			n, complete := f.parseJSON(row, line)
			if !complete { // the lines after it are no records
				return
			}
			if n != nil {
				f.keyedRecord(n)
			}
			f.resetArena()
		}
		line++
	}
}

// ParseJSON parses one JSON value that begins on a line of the file. It reports an error and
// returns nil if the text is not valid.
func (f *DataFile) ParseJSON(text string, line int) *tree.Node {
	n, _ := f.parseJSON(text, line)
	return n
}

// parseJSON is ParseJSON, and reports whether the value is complete.
func (f *DataFile) parseJSON(text string, line int) (n *tree.Node, complete bool) {
	r := &jsonReader{file: f, text: text, line: line, depth: f.Limits.depth, limits: f.Limits, code: tree.SyntaxError}
	n = r.value()
	if r.skipSpace(); r.err == "" && r.offset < len(r.text) {
		r.fail(textAfterValue)
	}
	if r.err != "" {
		advice := syntaxAdvice([]byte(text), r.line-line+1)
		if advice == "" && r.code == tree.SyntaxError {
			advice = r.advice()
		}
		complete = r.offset < len(text) || r.code != tree.SyntaxError || !f.isLines()
		if !complete {
			r.err = "the record does not end on its line"
			advice = "write each record on one line, or name the file .json"
		}
		f.reportAt(r.position(), r.code, r.err, "", advice)
		return nil, complete
	}
	return n, true
}

// isLines reports whether the file is of JSON lines.
func (f *DataFile) isLines() bool { return strings.EqualFold(path.Ext(f.Ref.Path), ".jsonl") }

// advice returns how to correct the text at which the reader failed, or "" if the message says it.
func (r *jsonReader) advice() string {
	rest := r.text[r.offset:]
	before := strings.TrimRight(r.text[:r.offset], " \t\r\n")
	switch {
	case strings.HasPrefix(rest, "//"), strings.HasPrefix(rest, "/*"), strings.HasPrefix(rest, "#"):
		return "JSON has no comments; remove it"
	case strings.HasSuffix(before, ",") && (strings.HasPrefix(rest, "]") || strings.HasPrefix(rest, "}")):
		return "remove the comma before it"
	case r.err == textAfterValue && strings.HasPrefix(rest, ",") && strings.TrimSpace(rest[1:]) == "":
		return "remove the comma: each line has one record"
	case r.err == textAfterValue && (strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "[")):
		return "write each record on a line of its own in a .jsonl file, or all of them in one list in a .json file"
	case r.err == invalidNumber, numberPrefix.MatchString(before) && scalarWord.MatchString(rest):
		return tree.IntAdvice // the rest of 0x10, 1_000 or 1Ki
	}
	return scalarAdvice(rest)
}

// Messages that decide on an advice.
const (
	textAfterValue = "unexpected text after the value"
	invalidNumber  = "invalid number"
)

func (r *jsonReader) position() tree.Position {
	return tree.Position{Ref: r.file.Ref, Line: int32(r.line), Col: int32(r.offset - r.lineStart + 1)}
}

func (r *jsonReader) fail(message string) *tree.Node {
	if r.err == "" {
		r.err = message
	}
	return nil
}

// failLong fails at the value that begins at an offset.
func (r *jsonReader) failLong(begin int) {
	r.offset, r.code = begin, tree.TooLarge
	r.fail(r.limits.tooLong())
}

func (r *jsonReader) skipSpace() {
	for ; r.offset < len(r.text); r.offset++ {
		switch r.text[r.offset] {
		case '\n':
			r.line++
			r.lineStart = r.offset + 1
		case ' ', '\t', '\r':
		default:
			return
		}
	}
}

func (r *jsonReader) peek() byte {
	if r.offset < len(r.text) {
		return r.text[r.offset]
	}
	return 0
}

func (r *jsonReader) value() *tree.Node {
	r.skipSpace()
	at := r.position()
	switch c := r.peek(); {
	case c == '{':
		return r.object(at)
	case c == '[':
		return r.array(at)
	case c == '"':
		if s, ok := r.string(); ok {
			return r.file.Arena.Node(tree.String, at, s)
		}
		return nil
	case c == '-' || c >= '0' && c <= '9':
		return r.number(at)
	case r.keyword("true"), r.keyword("false"):
		return r.file.Arena.Node(tree.Bool, at, strconv.FormatBool(c == 't'))
	case r.keyword("null"):
		return r.file.Arena.Node(tree.Null, at, "")
	case r.offset >= len(r.text):
		return r.fail("unexpected end of the file")
	}
	return r.fail("unexpected character " + strconv.QuoteRune(r.rune()))
}

func (r *jsonReader) rune() rune {
	c, _ := utf8.DecodeRuneInString(r.text[r.offset:])
	return c
}

func (r *jsonReader) keyword(w string) bool {
	if !strings.HasPrefix(r.text[r.offset:], w) {
		return false
	}
	r.offset += len(w)
	return true
}

func (r *jsonReader) object(at tree.Position) *tree.Node {
	if r.depth--; r.depth < 0 {
		return r.fail("values are nested too deeply")
	}
	defer func() { r.depth++ }()
	fields := r.file.Arena.NewFieldStack()
	r.offset++
	for first := true; ; first = false {
		if r.skipSpace(); r.peek() == '}' && first {
			break
		}
		nameAt := r.position()
		if r.peek() != '"' {
			return r.fail("expected a quoted name")
		}
		name, ok := r.string()
		if !ok {
			return nil
		}
		if r.skipSpace(); r.peek() != ':' {
			return r.fail("expected : after " + tree.Quote(name))
		}
		r.offset++
		value := r.value()
		if value == nil {
			return nil
		}
		if have := fields.Find(name); have != nil {
			r.file.reportDuplicate(nameAt, name, have.At)
		} else {
			fields.Add(tree.Field{Name: name, At: nameAt, Value: value})
		}
		if r.skipSpace(); r.peek() == '}' {
			break
		}
		if r.peek() != ',' {
			return r.fail("expected , or }")
		}
		r.offset++
	}
	r.offset++
	n := r.file.Arena.Node(tree.Struct, at, "")
	n.Fields = fields.End()
	return n
}

func (r *jsonReader) array(at tree.Position) *tree.Node {
	if r.depth--; r.depth < 0 {
		return r.fail("values are nested too deeply")
	}
	defer func() { r.depth++ }()
	base := len(r.file.Arena.Stack)
	r.offset++
	for first := true; ; first = false {
		if r.skipSpace(); r.peek() == ']' && first {
			break
		}
		value := r.value()
		if value == nil {
			return nil
		}
		r.file.Arena.Stack = append(r.file.Arena.Stack, tree.Field{At: value.At, Value: value})
		if r.skipSpace(); r.peek() == ']' {
			break
		}
		if r.peek() != ',' {
			return r.fail("expected , or ]")
		}
		r.offset++
	}
	r.offset++
	n := r.file.Arena.Node(tree.List, at, "")
	n.Fields = r.file.Arena.Pop(base)
	return n
}

// string parses a string. Strings with escapes are decoded by encoding/json.
func (r *jsonReader) string() (string, bool) {
	begin := r.offset
	escaped := false
	for r.offset++; r.offset < len(r.text); r.offset++ {
		switch c := r.text[r.offset]; {
		case r.offset-begin > r.limits.valueBytes:
			r.failLong(begin)
			return "", false
		case c == '"':
			r.offset++
			if !escaped {
				return r.text[begin+1 : r.offset-1], true
			}
			var s string
			raw := r.text[begin:r.offset]
			if err := json.Unmarshal([]byte(raw), &s); err != nil || hasLoneSurrogate(raw) {
				r.offset = begin
				r.fail("invalid escape sequence in a string")
				return "", false
			}
			return s, true
		case c == '\\':
			escaped = true
			r.offset++
		case c < ' ':
			r.fail("control character in a string")
			return "", false
		}
	}
	r.offset = begin
	r.fail("the string has no closing quote")
	return "", false
}

// hasLoneSurrogate reports whether a string has an escaped half of a surrogate pair, which is no
// character. encoding/json replaces it, so two strings that differ would become equal.
func hasLoneSurrogate(raw string) bool {
	high := false // the escape before was a high surrogate
	for i := 0; i < len(raw); i++ {
		var escape uint64
		if raw[i] == '\\' {
			if i++; i+4 < len(raw) && raw[i] == 'u' {
				escape, _ = strconv.ParseUint(raw[i+1:i+5], 16, 16)
				i += 4
			}
		}
		low := escape >= 0xdc00 && escape < 0xe000
		if high != low {
			return true
		}
		high = escape >= 0xd800 && escape < 0xdc00
	}
	return high
}

func (r *jsonReader) number(at tree.Position) *tree.Node {
	begin := r.offset
	kind := tree.Int
	digits := func() bool {
		from := r.offset
		for r.peek() >= '0' && r.peek() <= '9' {
			r.offset++
		}
		return r.offset > from
	}
	if r.peek() == '-' {
		r.offset++
	}
	if r.peek() == '0' {
		r.offset++
		if c := r.peek(); c >= '0' && c <= '9' {
			r.offset = begin
			return r.fail("the formats do not agree on a number with leading zeros")
		}
	} else if !digits() {
		return r.fail(invalidNumber)
	}
	if r.peek() == '.' {
		kind = tree.Float
		if r.offset++; !digits() {
			return r.fail(invalidNumber)
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		kind = tree.Float
		r.offset++
		if c := r.peek(); c == '+' || c == '-' {
			r.offset++
		}
		if !digits() {
			return r.fail(invalidNumber)
		}
	}
	text := r.text[begin:r.offset]
	if len(text) > r.limits.valueBytes {
		r.failLong(begin)
		return nil
	}
	if text == "-0" {
		text = "0"
	}
	return r.file.Arena.Node(kind, at, text)
}
