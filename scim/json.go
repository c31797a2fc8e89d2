package scim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// The package jsontext is that of the next encoding/json. It reads a page in one pass and skips
// what a membership does not need; encoding/json scans each object three times.

// tolerant are the rules of encoding/json: names in any case, repeated names, invalid UTF-8.
// Servers differ, and a rejected page ends a listing.
var tolerant = jsonv1.DefaultOptionsV1()

// decoders are decoders of earlier bodies. Each has 4 KiB of strings that it has read.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// newDecoder returns a decoder that reads a body in one pass, without a copy. The caller puts it
// back into decoders.
func newDecoder(body []byte) *jsontext.Decoder {
	d := decoders.Get().(*jsontext.Decoder)
	d.Reset(bytes.NewBuffer(body), tolerant)
	return d
}

// decode reads the next value into v.
func decode(d *jsontext.Decoder, v any) error { return json.UnmarshalDecode(d, v, tolerant) }

// decodeBody reads a body that is one value.
func decodeBody[T any](body []byte, read func(*jsontext.Decoder) (T, error)) (T, error) {
	d := newDecoder(body)
	defer decoders.Put(d)
	v, err := read(d)
	if err != nil {
		return *new(T), err
	}
	return v, atEnd(d)
}

// atEnd returns an error if a body goes on.
func atEnd(d *jsontext.Decoder) error {
	switch _, err := d.ReadToken(); {
	case err == nil:
		return errors.New("data after the end of the JSON value")
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// decodeObject calls read for each name of an object, in lower case. read must read the value. null
// is an object without names.
func decodeObject(d *jsontext.Decoder, read func(name string) error) error {
	switch kind := d.PeekKind(); kind {
	case 'n':
		return d.SkipValue()
	case '{':
	default:
		return wrongKind(d, "an object")
	}
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return err
		}
		if err := read(strings.ToLower(name.String())); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// wrongKind is the error for the next value, which is not what is expected. It is the error of the
// syntax if the value is invalid.
func wrongKind(d *jsontext.Decoder, want string) error {
	value, err := d.ReadValue()
	if err != nil {
		return err
	}
	return fmt.Errorf("want %s, got %.40q", want, value)
}

// decodePage reads a ListResponse in one pass. A body without Resources is an error unless the
// total is zero, so that another document is not taken for an empty listing.
func decodePage[T any](body []byte, read func(*jsontext.Decoder) (T, error)) (p page, objects []T, err error) {
	d := newDecoder(body)
	defer decoders.Put(d)
	err = decodeObject(d, func(name string) (err error) {
		switch name {
		case "resources":
			p.hasResources = d.PeekKind() != 'n'
			objects, err = decodeList(d, read)
			return err
		case "totalresults":
			return decode(d, &p.TotalResults)
		case "startindex":
			return decode(d, &p.StartIndex)
		case "itemsperpage":
			return decode(d, &p.ItemsPerPage)
		case "nextcursor":
			return decode(d, &p.NextCursor)
		}
		return d.SkipValue()
	})
	if err == nil {
		err = atEnd(d)
	}
	if err == nil && !p.hasResources && (p.TotalResults == nil || *p.TotalResults != 0 || p.NextCursor != nil) {
		err = errors.New("not a ListResponse: it has no Resources")
	}
	return p, objects, err
}

// decodeList reads the elements of a list; null is an empty list.
func decodeList[T any](d *jsontext.Decoder, read func(*jsontext.Decoder) (T, error)) ([]T, error) {
	switch kind := d.PeekKind(); kind {
	case 'n':
		return nil, d.SkipValue()
	case '[':
	default:
		return nil, wrongKind(d, "a list")
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	var out []T
	for d.PeekKind() != ']' {
		v, err := read(d)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := d.ReadToken()
	return out, err
}

// decodeID reads an object that must have an id, and skips the rest of it.
func decodeID(d *jsontext.Decoder) (string, error) {
	id := ""
	if d.PeekKind() != '{' {
		return "", wrongKind(d, "an object with an id")
	}
	if _, err := d.ReadToken(); err != nil {
		return "", err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		switch {
		case err != nil:
			return "", err
		case isID(name):
			err = decode(d, &id)
		default:
			err = d.SkipValue()
		}
		if err != nil {
			return "", err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return "", err
	}
	if id == "" {
		return "", errors.New("an object without id")
	}
	return id, nil
}

// isID reports whether a quoted name is that of the id.
func isID(name jsontext.Value) bool {
	if len(name) == len(`"id"`) {
		return bytes.EqualFold(name, []byte(`"id"`))
	}
	if !bytes.Contains(name, []byte{'\\'}) {
		return false
	}
	unquoted, err := jsontext.AppendUnquote(nil, name)
	return err == nil && strings.EqualFold(string(unquoted), "id")
}
