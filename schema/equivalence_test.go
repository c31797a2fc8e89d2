package schema

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"cuelang.org/go/cue/format"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// throughCUE adds a declaration that may affect all others, so that CUE evaluates the literal
// records too.
func throughCUE(files fstest.MapFS) fstest.MapFS {
	out := maps.Clone(files)
	out["touch.cue"] = &fstest.MapFile{Data: []byte("package roster\n\nif true {_touched: true}\n")}
	return out
}

// readTree copies a folder into memory.
func readTree(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	tr, err := (&source.Scanner{FS: os.DirFS(dir), Limits: source.StandardFileLimits()}).Scan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(append(tr.CUE, tr.Data...), "saml/aws-sp.xml", "saml/idp-2026.crt") {
		b, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: b, Mode: 0o644}
	}
	return files
}

func TestLiteralRecordsAgreeWithCUE(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{"example": readTree(t, "../testdata/example"), "base": base(t)} {
		fast, err := Load(files)
		if err != nil {
			t.Fatal(err)
		}
		slow, err := Load(throughCUE(files))
		if err != nil {
			t.Fatal(err)
		}
		for kind, pair := range map[string][2]any{
			"attributeTypes": {fast.AttributeTypes, slow.AttributeTypes}, "users": {fast.Users, slow.Users},
			"groups": {fast.Groups, slow.Groups}, "apps": {fast.Apps, slow.Apps},
			"provisioners": {fast.Provisioners, slow.Provisioners}, "assertions": {fast.Assertions, slow.Assertions},
			"timezone": {fast.Timezone.String(), slow.Timezone.String()},
		} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Errorf("%s: %s differ:\n%+v\n%+v", name, kind, pair[0], pair[1])
			}
		}
	}
}

// TestSplitRecordsUnifyAsInCUE declares records in two files. Some fields are in both files, with
// equal or different values.
func TestSplitRecordsUnifyAsInCUE(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 7))
	rejected := 0
	for i := range 60 {
		files := base(t)
		user := parseJSON(t, `{"userId": "c", "firstName": "C", "lastName": "D", "email": "c@example.com", "state": `+
			`"LOCKED", "attributes": {"department": "x", "skills": ["go", "cue"], "level": 3}}`)
		group := parseJSON(t, `{"displayName": "G", "members": {"u-1": {"until": "2026-12-31", "reason": "x"}, "u-2": `+
			`{}}, "where": {"department": ["x", "y"], "level": 1}}`)
		var parts [2]strings.Builder
		for k := range parts {
			fmt.Fprintf(&parts[k], "package roster\n\nusers: \"u-3\": %s\ngroups: g: %s\n",
				cueText(t, partOf(r, user, k)), cueText(t, partOf(r, group, k)))
			files[fmt.Sprintf("part%d.cue", k)] = &fstest.MapFile{Data: []byte(parts[k].String())}
		}
		fast, fastErr := Load(files)
		slow, slowErr := Load(throughCUE(files))
		if (fastErr == nil) != (slowErr == nil) {
			t.Errorf("%d: %v\nCUE: %v\n%s\n%s", i, fastErr, slowErr, parts[0].String(), parts[1].String())
			continue
		}
		if fastErr != nil {
			rejected++
			continue
		}
		if !reflect.DeepEqual(plainUser(fast), plainUser(slow)) {
			t.Errorf("%d: %+v\nCUE: %+v", i, plainUser(fast), plainUser(slow))
		}
	}
	if rejected == 0 || rejected == 60 {
		t.Errorf("%d of 60 were rejected, which tests little", rejected)
	}
}

// parseJSON parses JSON as in a data file.
func parseJSON(t *testing.T, text string) *tree.Node {
	t.Helper()
	f := &source.DataFile{
		Ref: &tree.File{Path: "x.json"}, Limits: source.StandardLimits(), Arena: &tree.Arena{},
		Report: func(p tree.Problem) { t.Fatal(p) },
	}
	return f.ParseJSON(text, 1)
}

// plainUser returns the split records without positions.
func plainUser(d *Declarations) []any {
	u, g := *d.Users["u-3"], *d.Groups["g"]
	u.Pos, g.Pos = tree.Pos{}, tree.Pos{}
	out := []any{u, g.DisplayName, g.Where.Fields}
	for _, m := range g.Members {
		m.Pos = tree.Pos{}
		out = append(out, m)
	}
	return out
}

// partOf omits fields at random, and rarely changes one. Every field is in at least one part.
func partOf(r *rand.Rand, n *tree.Node, k int) *tree.Node {
	c := &tree.Node{Kind: n.Kind, Text: n.Text}
	for i, f := range n.Fields {
		switch {
		case n.Kind == tree.Struct && (i+k)%2 == 0 && r.IntN(3) > 0:
			continue
		case r.IntN(60) == 0 && f.Value.Kind == tree.String:
			f.Value = &tree.Node{Kind: tree.String, Text: f.Value.Text + "x"}
		}
		f.Value = partOf(r, f.Value, k)
		c.Fields = append(c.Fields, f)
	}
	return c
}

func cueText(t *testing.T, n *tree.Node) string {
	t.Helper()
	b, err := format.Node(source.Syntax(n))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
