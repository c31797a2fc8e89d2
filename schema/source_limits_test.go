package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

// codesOf returns the codes of what Load reports.
func codesOf(t testing.TB, files fstest.MapFS, l limits) []string {
	t.Helper()
	_, err := load(files, l, &Cache{})
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var codes []string
	for _, p := range problems {
		codes = append(codes, p.Code)
	}
	return codes
}

func TestLimits(t *testing.T) {
	tight := standardLimits()
	tight.fileBytes, tight.files, tight.folderDepth = 5000, 20, 3
	for name, c := range map[string]struct {
		limits limits
		file   string
		text   string
		want   string
	}{
		"a file that is too large":                {tight, "big.cue", "package roster\n" + strings.Repeat("// x\n", 2000), tooLarge.id},
		"folders that nest too deeply":            {tight, "a/b/c/d/e.cue", "package roster\n", tooLarge.id},
		"a CUE file that nests too deeply":        {standardLimits(), "deep.cue", "package roster\n_x: " + strings.Repeat("[", unseen), tooLarge.id},
		"names that nest too deeply":              {standardLimits(), "deep.cue", "package roster\n" + strings.Repeat("a: ", unseen), tooLarge.id},
		"operators that nest too deeply":          {standardLimits(), "deep.cue", "package roster\n_x: " + strings.Repeat("!", 3*unseen) + "true", tooLarge.id},
		"brackets just below what is looked into": {standardLimits(), "deep.cue", "package roster\n_x: " + strings.Repeat("[", unseen-2000), syntaxError.id},
		"sums that nest too deeply":               {standardLimits(), "deep.cue", "package roster\n_x: 1" + strings.Repeat("+1", 20_000), tooLarge.id},
		"JSON that nests too deeply":              {standardLimits(), "users/x.json", strings.Repeat("[", 1_000_000), syntaxError.id},
		"YAML that nests too deeply":              {standardLimits(), "users/x.yaml", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), tooLarge.id},
		"YAML whose aliases unfold":               {standardLimits(), "users/x.yaml", "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d, *d, *d]\n", tooLarge.id},
		"text that is not UTF-8":                  {standardLimits(), "users/x.csv", "key\n\xff\n", syntaxError.id},
	} {
		t.Run(name, func(t *testing.T) {
			files := base(t)
			files[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			codes := codesOf(t, files, c.limits)
			if len(codes) == 0 || codes[0] != c.want {
				t.Errorf("got %v, want %s", codes, c.want)
			}
		})
	}
	t.Run("too many files", func(t *testing.T) {
		files := base(t)
		for i := range 20 {
			files[fmt.Sprintf("f%d.cue", i)] = &fstest.MapFile{Data: []byte("package roster\n")}
		}
		if codes := codesOf(t, files, tight); !reflect.DeepEqual(codes, []string{tooLarge.id}) {
			t.Errorf("got %v", codes)
		}
	})
	t.Run("CUE that takes too long", func(t *testing.T) {
		hurried := standardLimits()
		hurried.evalMillis = 0
		if codes := codesOf(t, base(t), hurried); !reflect.DeepEqual(codes, []string{tooSlow.id}) {
			t.Errorf("got %v", codes)
		}
	})
}

// unseen makes a file too large to be parsed unseen.
const unseen = noDepthCheckBelow + 1000

// FuzzJSON holds the JSON reader against encoding/json.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a": [1, -2.5e3, true, null, "\u00e9\n"]}`, `[]`, `{"a": {}}`, `"\ud83d\ude00"`, `01`, `1.`, `{"a" 1}`, `[1,]`, "\"\x01\"", `-0`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // refused before it comes here
		}
		j := &judge{t: t, l: &loader{limits: standardLimits()}}
		n := j.parse(text)
		dec := json.NewDecoder(bytes.NewReader([]byte(text)))
		dec.UseNumber()
		var want any
		valid := json.Valid([]byte(text))
		if n != nil && !valid {
			t.Fatalf("%q is no JSON, but was read as %v", text, plainValue(n))
		}
		if n == nil {
			if valid && len(j.l.problems) == 0 {
				t.Fatalf("%q was not read, and nothing was said", text)
			}
			return
		}
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if !sameJSON(n, want) {
			t.Fatalf("%q was read as %v, want %v", text, plainValue(n), want)
		}
	})
}

func sameJSON(n *node, want any) bool {
	switch w := want.(type) {
	case string:
		return n.kind == stringNode && n.text == w
	case bool:
		return n.kind == boolNode && (n.text == "true") == w
	case nil:
		return n.kind == nullNode
	case json.Number:
		return (n.kind == intNode || n.kind == floatNode) && (n.text == w.String() || n.text == "0" && w == "-0")
	case []any:
		if n.kind != listNode || len(n.fields) != len(w) {
			return false
		}
		for i := range w {
			if !sameJSON(n.fields[i].value, w[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		if n.kind != structNode || len(n.fields) != len(w) {
			return false
		}
		for _, f := range n.fields {
			if !sameJSON(f.value, w[f.name]) {
				return false
			}
		}
		return true
	}
	return false
}

// FuzzLoad gives Load any file of any kind. It must answer, with places that are in the file.
func FuzzLoad(f *testing.F) {
	names := []string{"x.cue", "users/x.yaml", "users/x.csv", "users/x.json", "users/x.jsonl", "groups/x.yaml", "groups/x.csv"}
	for i, text := range []string{"package roster\nusers: \"u-3\": {userId: \"x\"}", "u-3: {userId: c}", "key,userId\nu-3,c", `{"key": "u-3"}`, `{"key": "u-3"}`, "g: {displayName: G, members: {u-1: {}}}", "group,user\nall,u-1"} {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		files := base(t)
		name := names[int(kind)%len(names)]
		files[name] = &fstest.MapFile{Data: []byte(text)}
		_, err := Load(files)
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		for _, p := range problems {
			if p.Pos.Line > 1+strings.Count(string(files[p.Pos.File].Data), "\n")+1 || p.Pos.Line < 0 {
				t.Errorf("%v is outside of the file", p)
			}
		}
	})
}
