package awssim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("the body holds more than one JSON value")
	}
	d, ok := v.(document)
	if !ok {
		return nil, errors.New("the body is not a JSON object")
	}
	return d, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("the body nests deeper than %d levels", maxDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	switch t := tok.(type) {
	case json.Delim:
		if t == '[' {
			return parseArray(dec, depth)
		}
		return parseObject(dec, depth)
	case string:
		return t, checkText(t)
	}
	return tok, nil
}

func parseArray(dec *json.Decoder, depth int) (any, error) {
	list := []any{}
	for dec.More() {
		v, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := dec.Token()
	return list, err
}

func parseObject(dec *json.Decoder, depth int) (any, error) {
	d := document{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		name, ok := tok.(string)
		if !ok {
			return nil, fmt.Errorf("read JSON: %v where a key belongs", tok)
		}
		if err := checkText(name); err != nil {
			return nil, err
		}
		if len(d) == maxKeys {
			return nil, fmt.Errorf("an object has more than %d keys", maxKeys)
		}
		if _, twice := d.get(name); twice {
			return nil, fmt.Errorf("the key %q is given twice", name)
		}
		v, err := parseValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		d = append(d, member{name, v})
	}
	_, err := dec.Token()
	return d, err
}

// checkText refuses U+FFFD, which is what the decoder makes of a lone surrogate, and NUL.
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
