package source

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// FuzzJSON compares the JSON parser with encoding/json.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a": [1, -2.5e3, true, null, "\u00e9\n"]}`, `[]`, `{"a": {}}`, `"\ud83d\ude00"`, `01`,
		`1.`, `{"a" 1}`, `[1,]`, "\"\x01\"", `-0`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // rejected before JSON is parsed
		}
		var problems tree.Problems
		file := &DataFile{Ref: &tree.File{Path: "x.json"}, Limits: StandardLimits(), Arena: &tree.Arena{},
			Report: func(p tree.Problem) { problems = append(problems, p) }}
		n := file.ParseJSON(text, 1)
		if len(problems) > 0 {
			n = nil
		}
		dec := json.NewDecoder(bytes.NewReader([]byte(text)))
		dec.UseNumber()
		var want any
		valid := json.Valid([]byte(text))
		if n != nil && !valid {
			t.Fatalf("%q is not JSON, but was parsed as %v", text, n)
		}
		if n == nil {
			if valid && len(problems) == 0 {
				t.Fatalf("%q was not parsed, but no problem was reported", text)
			}
			return
		}
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if !sameJSON(n, want) {
			t.Fatalf("%q was parsed as %v, want %v", text, n, want)
		}
	})
}

func sameJSON(n *tree.Node, want any) bool {
	switch w := want.(type) {
	case string:
		return n.Kind == tree.String && n.Text == w
	case bool:
		return n.Kind == tree.Bool && (n.Text == "true") == w
	case nil:
		return n.Kind == tree.Null
	case json.Number:
		return (n.Kind == tree.Int || n.Kind == tree.Float) && (n.Text == w.String() || n.Text == "0" && w == "-0")
	case []any:
		if n.Kind != tree.List || len(n.Fields) != len(w) {
			return false
		}
		for i := range w {
			if !sameJSON(n.Fields[i].Value, w[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		if n.Kind != tree.Struct || len(n.Fields) != len(w) {
			return false
		}
		for _, f := range n.Fields {
			if !sameJSON(f.Value, w[f.Name]) {
				return false
			}
		}
		return true
	}
	return false
}
