package awssim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a request body may nest. SCIM needs four levels.
const maxDepth = 16

// maxKeys is how many keys one object of a request body may have. A user has some thirty.
const maxKeys = 256

// document is a JSON object with its members in the order sent. Values are nil, bool, json.Number, string, []any and
// document.
type document []member

type member struct {
	name  string
	value any
}

func (d document) get(name string) (any, bool) {
	for _, m := range d {
		if m.name == name {
			return m.value, true
		}
	}
	return nil, false
}

// parseDocument reads one JSON object and nothing after it. Unlike encoding/json it refuses a key given twice, invalid
// UTF-8 and lone surrogates: each lets two readers understand one body in two ways.
func parseDocument(data []byte) (document, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	if !json.Valid(data) {
		return nil, errors.New("the body is not one JSON value")
	}
	r := &reader{data: data}
	if r.peek() != '{' {
		return nil, errors.New("the body is not a JSON object")
	}
	return r.object(0)
}

// reader walks through JSON that is known to be valid.
type reader struct {
	data []byte
	pos  int
}

// peek skips white space and returns the byte there.
func (r *reader) peek() byte {
	for {
		switch c := r.data[r.pos]; c {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return c
		}
	}
}

// after skips white space and a byte, and is whether it was c.
func (r *reader) after(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.pos++
	return true
}

func (r *reader) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the body nests deeper than %d levels", maxDepth)
	}
	switch r.peek() {
	case '{':
		return r.object(depth)
	case '[':
		return r.array(depth)
	case '"':
		return r.text()
	}
	start := r.pos
	for r.pos < len(r.data) && strings.IndexByte(",]} \t\r\n", r.data[r.pos]) < 0 {
		r.pos++
	}
	switch word := string(r.data[start:r.pos]); word {
	case "true", "false":
		return word == "true", nil
	case "null":
		return nil, nil
	default:
		return json.Number(word), nil
	}
}

func (r *reader) array(depth int) ([]any, error) {
	list := []any{}
	r.after('[')
	for !r.after(']') {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		r.after(',')
	}
	return list, nil
}

func (r *reader) object(depth int) (document, error) {
	d := document{}
	r.after('{')
	for !r.after('}') {
		r.peek()
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if len(d) == maxKeys {
			return nil, fmt.Errorf("an object has more than %d keys", maxKeys)
		}
		if _, twice := d.get(name); twice {
			return nil, fmt.Errorf("the key %q is given twice", name)
		}
		r.after(':')
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d = append(d, member{name, v})
		r.after(',')
	}
	return d, nil
}

// text reads a string. Most hold no escapes.
func (r *reader) text() (string, error) {
	start := r.pos
	escaped := false
	for r.pos++; r.data[r.pos] != '"'; r.pos++ {
		if r.data[r.pos] == '\\' {
			escaped = true
			r.pos++
		}
	}
	r.pos++
	if !escaped {
		return string(r.data[start+1 : r.pos-1]), nil
	}
	var s string
	if err := json.Unmarshal(r.data[start:r.pos], &s); err != nil {
		return "", fmt.Errorf("read string: %w", err)
	}
	return s, checkText(s)
}

// checkText refuses NUL, and U+FFFD, which is what encoding/json makes of the escape of a lone surrogate.
func checkText(s string) error {
	for _, r := range s {
		if r == utf8.RuneError || r == 0 {
			return fmt.Errorf("the string %q holds a character that is no text", s)
		}
	}
	return nil
}

// quote appends s as a JSON string, leaving <, > and & alone.
func quote(b []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		b = append(b, '"')
		b = append(b, s...)
		return append(b, '"')
	}
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil { // a string always encodes
		return append(b, `""`...)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
