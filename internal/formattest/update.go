package formattest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// Updating reports whether the tests rewrite the golden files: if UPDATE_FORMATS is set. Fields
// without a value in a file get a sample value, to be edited by hand. Fields that the type
// no longer has are dropped.
func Updating() bool { return os.Getenv("UPDATE_FORMATS") != "" }

// update rewrites a golden file with a sample value for each field of v that has none.
func update(t testing.TB, file string, v any) {
	t.Helper()
	if err := json.Unmarshal(Read(t, file), v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	Fill(v)
	data, err := encode(v)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	Write(t, file, data)
}

// Write writes a golden file.
func Write(t testing.TB, file string, data []byte) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "testdata", "formats", file), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Fill gives a sample value to each field that has no value anywhere below v, a pointer. A type
// gets its values where it is first found.
func Fill(v any) {
	missing := map[string]bool{}
	for _, field := range missingFields(reflect.ValueOf(v).Elem()) {
		missing[field] = true
	}
	for len(missing) > 0 && fill(reflect.ValueOf(v).Elem(), missing) {
		clear(missing)
		for _, field := range missingFields(reflect.ValueOf(v).Elem()) { // below the new values
			missing[field] = true
		}
	}
}

// fill sets missing fields and reports whether it set any.
func fill(v reflect.Value, missing map[string]bool) bool {
	set := false
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			set = fill(v.Elem(), missing)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			set = fill(v.Index(i), missing) || set
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			entry := reflect.New(v.Type().Elem()).Elem()
			entry.Set(v.MapIndex(key))
			if fill(entry, missing) {
				v.SetMapIndex(key, entry)
				set = true
			}
		}
	case reflect.Struct:
		if v.Type().Implements(marshaler) {
			return false
		}
		for _, f := range encodedFields(v.Type()) {
			name, field := v.Type().String()+"."+f.Name, v.FieldByIndex(f.Index)
			if missing[name] && field.IsZero() {
				delete(missing, name)
				field.Set(sample(f.Type, 0))
				set = true
			} else if !field.IsZero() {
				set = fill(field, missing) || set
			}
		}
	}
	return set
}

// sample returns a value that is not zero.
func sample(t reflect.Type, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	if t == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 3, 1, 9, 45, 5, 0, time.UTC)))
		return v
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString("sample")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(sample(t.Elem(), depth+1))
	case reflect.Slice:
		v.Set(reflect.Append(v, sample(t.Elem(), depth+1)))
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(sample(t.Key(), depth+1), sample(t.Elem(), depth+1))
	case reflect.Struct:
		if depth < 8 && !t.Implements(marshaler) {
			for _, f := range encodedFields(t) {
				v.FieldByIndex(f.Index).Set(sample(f.Type, depth+1))
			}
		}
	}
	return v
}

func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return out.Bytes(), err
}
