// Package formattest compares the types of a JSON format with a golden file of the format. The
// golden files of all formats that roster stores or prints are in testdata/formats. When a format
// changes, its version must change too, and the golden files of the earlier versions must stay.
package formattest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Check decodes a golden file into v, a pointer to a new value, and encodes it again. The test
// fails if the file has a field that the type has not, if a field of the type is not in the file,
// or if the encoding differs from the file. So no field can be renamed, removed or added unnoticed.
func Check(t testing.TB, file string, v any) {
	t.Helper()
	if Updating() {
		update(t, file, v)
		return
	}
	if err := compare(Read(t, file), v); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// CheckFields fails the test if a field below v has a value nowhere in v.
func CheckFields(t testing.TB, file string, v any) {
	t.Helper()
	if missing := missingFields(reflect.ValueOf(v)); len(missing) > 0 {
		t.Errorf("%s: the file has no value for %s", file, strings.Join(missing, ", "))
	}
}

// Read returns the content of a golden file.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(root, "testdata", "formats", file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// moduleRoot returns the directory of go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in this directory or above it")
		}
		dir = parent
	}
}

func compare(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is data after the JSON value")
	}
	if missing := missingFields(reflect.ValueOf(v).Elem()); len(missing) > 0 {
		return fmt.Errorf("the file has no value for %s", strings.Join(missing, ", "))
	}
	again, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("encoded again it is\n%s\nwant\n%s", again, data)
	}
	return nil
}

// missingFields returns the fields of all struct types below v that have a value nowhere in v.
func missingFields(v reflect.Value) []string {
	c := coverage{all: map[string]bool{}, set: map[string]bool{}, types: map[reflect.Type]bool{}}
	c.addType(v.Type())
	c.addValue(v)
	var missing []string
	for field := range c.all {
		if !c.set[field] {
			missing = append(missing, field)
		}
	}
	slices.Sort(missing)
	return missing
}

// coverage is which fields of struct types have a value.
type coverage struct {
	all, set map[string]bool // by type and field
	types    map[reflect.Type]bool
}

var marshaler = reflect.TypeFor[json.Marshaler]()

// addType adds the fields of a type and of the types below it.
func (c *coverage) addType(t reflect.Type) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		c.addType(t.Elem())
	case reflect.Struct:
		if c.types[t] || t.Implements(marshaler) {
			return
		}
		c.types[t] = true
		for _, f := range encodedFields(t) {
			if !f.Anonymous {
				c.all[t.String()+"."+f.Name] = true
			}
			c.addType(f.Type)
		}
	}
}

// addValue adds the fields that have a value in v.
func (c *coverage) addValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			c.addValue(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			c.addValue(v.Index(i))
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			c.addValue(v.MapIndex(key))
		}
	case reflect.Struct:
		if v.Type().Implements(marshaler) {
			return
		}
		for _, f := range encodedFields(v.Type()) {
			if field := v.FieldByIndex(f.Index); !field.IsZero() {
				c.set[v.Type().String()+"."+f.Name] = true
				c.addValue(field)
			}
		}
	}
}

func encodedFields(t reflect.Type) []reflect.StructField {
	var out []reflect.StructField
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
			out = append(out, f)
		}
	}
	return out
}
