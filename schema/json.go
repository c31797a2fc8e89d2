package schema

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// jsonReader parses JSON (RFC 8259) into nodes that know their line and column.
type jsonReader struct {
	file  *dataFile
	text  string
	i     int
	line  int
	begin int // where the line begins
	depth int
	err   string
}

// json parses one JSON value that begins on a line of the file, or reports why not.
func (f *dataFile) json(text string, line int) *node {
	r := &jsonReader{file: f, text: text, line: line, depth: f.depth}
	n := r.value()
	if r.space(); r.err == "" && r.i < len(r.text) {
		r.fail("unexpected text after the value")
	}
	if r.err != "" {
		f.wrong(r.spot(), syntaxError, r.err, "", "")
		return nil
	}
	return n
}

func (r *jsonReader) spot() spot {
	return spot{r.file.src, int32(r.line), int32(r.i - r.begin + 1)}
}

func (r *jsonReader) fail(message string) *node {
	if r.err == "" {
		r.err = message
	}
	return nil
}

func (r *jsonReader) space() {
	for ; r.i < len(r.text); r.i++ {
		switch r.text[r.i] {
		case '\n':
			r.line++
			r.begin = r.i + 1
		case ' ', '\t', '\r':
		default:
			return
		}
	}
}

func (r *jsonReader) peek() byte {
	if r.i < len(r.text) {
		return r.text[r.i]
	}
	return 0
}

func (r *jsonReader) value() *node {
	r.space()
	at := r.spot()
	switch c := r.peek(); {
	case c == '{':
		return r.object(at)
	case c == '[':
		return r.array(at)
	case c == '"':
		if s, ok := r.string(); ok {
			return r.file.arena.node(stringNode, at, s)
		}
		return nil
	case c == '-' || c >= '0' && c <= '9':
		return r.number(at)
	case r.word("true"), r.word("false"):
		return r.file.arena.node(boolNode, at, strconv.FormatBool(c == 't'))
	case r.word("null"):
		return r.file.arena.node(nullNode, at, "")
	case r.i >= len(r.text):
		return r.fail("unexpected end of the file")
	}
	return r.fail("unexpected character " + strconv.QuoteRune(r.rune()))
}

func (r *jsonReader) rune() rune {
	c, _ := utf8.DecodeRuneInString(r.text[r.i:])
	return c
}

func (r *jsonReader) word(w string) bool {
	if !strings.HasPrefix(r.text[r.i:], w) {
		return false
	}
	r.i += len(w)
	return true
}

func (r *jsonReader) object(at spot) *node {
	if r.depth--; r.depth < 0 {
		return r.fail("values nest too deeply")
	}
	defer func() { r.depth++ }()
	fields := r.file.arena.members()
	r.i++
	for first := true; ; first = false {
		if r.space(); r.peek() == '}' && first {
			break
		}
		nameAt := r.spot()
		if r.peek() != '"' {
			return r.fail("expected a name in quotes")
		}
		name, ok := r.string()
		if !ok {
			return nil
		}
		if r.space(); r.peek() != ':' {
			return r.fail("expected : after " + quote(name))
		}
		r.i++
		value := r.value()
		if value == nil {
			return nil
		}
		if have := fields.find(name); have != nil {
			r.file.wrong(nameAt, duplicateKey, fmt.Sprintf("the name is given twice, first on line %d", have.at.line), quote(name), "remove one")
		} else {
			fields.add(field{name: name, at: nameAt, value: value})
		}
		if r.space(); r.peek() == '}' {
			break
		}
		if r.peek() != ',' {
			return r.fail("expected , or }")
		}
		r.i++
	}
	r.i++
	n := r.file.arena.node(structNode, at, "")
	n.fields = fields.end()
	return n
}

func (r *jsonReader) array(at spot) *node {
	if r.depth--; r.depth < 0 {
		return r.fail("values nest too deeply")
	}
	defer func() { r.depth++ }()
	base := len(r.file.arena.stack)
	r.i++
	for first := true; ; first = false {
		if r.space(); r.peek() == ']' && first {
			break
		}
		value := r.value()
		if value == nil {
			return nil
		}
		r.file.arena.stack = append(r.file.arena.stack, field{at: value.at, value: value})
		if r.space(); r.peek() == ']' {
			break
		}
		if r.peek() != ',' {
			return r.fail("expected , or ]")
		}
		r.i++
	}
	r.i++
	n := r.file.arena.node(listNode, at, "")
	n.fields = r.file.arena.pop(base)
	return n
}

// string parses a string; those with escapes go through encoding/json.
func (r *jsonReader) string() (string, bool) {
	begin := r.i
	escaped := false
	for r.i++; r.i < len(r.text); r.i++ {
		switch c := r.text[r.i]; {
		case c == '"':
			r.i++
			if !escaped {
				return r.text[begin+1 : r.i-1], true
			}
			var s string
			if err := json.Unmarshal([]byte(r.text[begin:r.i]), &s); err != nil {
				r.i = begin
				r.fail("bad escape in a string")
				return "", false
			}
			return s, true
		case c == '\\':
			escaped = true
			r.i++
		case c < ' ':
			r.fail("control character in a string")
			return "", false
		}
	}
	r.i = begin
	r.fail("the string does not end")
	return "", false
}

func (r *jsonReader) number(at spot) *node {
	begin := r.i
	kind := intNode
	digits := func() bool {
		from := r.i
		for r.peek() >= '0' && r.peek() <= '9' {
			r.i++
		}
		return r.i > from
	}
	if r.peek() == '-' {
		r.i++
	}
	if r.peek() == '0' {
		r.i++
	} else if !digits() {
		return r.fail("bad number")
	}
	if r.peek() == '.' {
		kind = floatNode
		if r.i++; !digits() {
			return r.fail("bad number")
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		kind = floatNode
		r.i++
		if c := r.peek(); c == '+' || c == '-' {
			r.i++
		}
		if !digits() {
			return r.fail("bad number")
		}
	}
	text := r.text[begin:r.i]
	if text == "-0" {
		text = "0"
	}
	return r.file.arena.node(kind, at, text)
}
