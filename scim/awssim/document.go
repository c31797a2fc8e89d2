package awssim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is the number of levels that a request body may have. SCIM needs four.
const maxDepth = 16

// maxKeys is the number of keys that one object of a request body may have. A user has about
// thirty.
const maxKeys = 256

// document is a JSON object that keeps the order of its members. A value is nil, a bool, a
// json.Number, a string, an []any or a document.
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

// parseDocument parses data, which must be exactly one JSON object. Unlike encoding/json it rejects
// repeated keys, invalid UTF-8 and lone surrogates, which other parsers may interpret differently.
func parseDocument(data []byte) (document, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	if !json.Valid(data) {
		return nil, errors.New("the body is not a single JSON value")
	}
	p := &jsonParser{data: data}
	if p.peek() != '{' {
		return nil, errors.New("the body is not a JSON object")
	}
	return p.object(0)
}

// jsonParser parses JSON that is known to be valid.
type jsonParser struct {
	data []byte
	pos  int
}

// peek skips white space and returns the next byte.
func (p *jsonParser) peek() byte {
	for {
		switch c := p.data[p.pos]; c {
		case ' ', '\t', '\r', '\n':
			p.pos++
		default:
			return c
		}
	}
}

// accept skips white space, and c if it is the next byte. It reports whether it was.
func (p *jsonParser) accept(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

func (p *jsonParser) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the body has more than %d levels", maxDepth)
	}
	switch p.peek() {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.str()
	}
	start := p.pos
	for p.pos < len(p.data) && strings.IndexByte(",]} \t\r\n", p.data[p.pos]) < 0 {
		p.pos++
	}
	switch word := string(p.data[start:p.pos]); word {
	case "true", "false":
		return word == "true", nil
	case "null":
		return nil, nil
	default:
		return json.Number(word), nil
	}
}

func (p *jsonParser) array(depth int) ([]any, error) {
	list := []any{}
	p.accept('[')
	for !p.accept(']') {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		p.accept(',')
	}
	return list, nil
}

func (p *jsonParser) object(depth int) (document, error) {
	d := document{}
	p.accept('{')
	for !p.accept('}') {
		p.peek()
		name, err := p.str()
		if err != nil {
			return nil, err
		}
		if len(d) == maxKeys {
			return nil, fmt.Errorf("an object has more than %d keys", maxKeys)
		}
		if _, exists := d.get(name); exists {
			return nil, fmt.Errorf("the key %q occurs twice", name)
		}
		p.accept(':')
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		d = append(d, member{name, v})
		p.accept(',')
	}
	return d, nil
}

// str parses a string. It decodes only strings with escapes, which are rare.
func (p *jsonParser) str() (string, error) {
	start := p.pos
	escaped := false
	for p.pos++; p.data[p.pos] != '"'; p.pos++ {
		if p.data[p.pos] == '\\' {
			escaped = true
			p.pos++
		}
	}
	p.pos++
	if !escaped {
		return string(p.data[start+1 : p.pos-1]), nil
	}
	var s string
	if err := json.Unmarshal(p.data[start:p.pos], &s); err != nil {
		return "", fmt.Errorf("parse string: %w", err)
	}
	return s, checkText(s)
}

// checkText rejects NUL and U+FFFD. encoding/json decodes the escape of a lone surrogate as U+FFFD.
func checkText(s string) error {
	for _, r := range s {
		if r == utf8.RuneError || r == 0 {
			return fmt.Errorf("the string %q contains NUL or an invalid character", s)
		}
	}
	return nil
}

// appendString appends s as a JSON string. It does not escape <, > and &.
func appendString(b []byte, s string) []byte {
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
	if err := enc.Encode(s); err != nil { // impossible for a string
		return append(b, `""`...)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// appendJSON appends a parsed value as JSON.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case document:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, m.name)
			b = append(b, ':')
			b = appendJSON(b, m.value)
		}
		return append(b, '}')
	case []any:
		return appendList(b, v, appendJSON)
	case string, bool:
		return appendValue(b, v, viewRead)
	case json.Number:
		return append(b, v.String()...)
	}
	return append(b, "null"...)
}
