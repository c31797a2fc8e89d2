package mapping_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
)

// expressionWriter writes random expressions over user.
type expressionWriter struct{ r *rand.Rand }

func (w expressionWriter) pick(of ...string) string { return of[w.r.IntN(len(of))] }

func (w expressionWriter) text(depth int) string {
	leaves := []string{
		"user.email", "user.firstName", "user.userId", "user.key", "user.emailLocal", "user.asciiLastName",
		"user.attributes.department", `user.attributes["department"]`, `user["lastName"]`, `"x"`, `""`, `"é\n"`,
		`#"raw\"#`, "_first", `_table["Sales"]`,
	}
	if depth == 0 {
		return w.pick(leaves...)
	}
	d := depth - 1
	switch w.r.IntN(14) {
	case 0:
		return "strings.ToLower(" + w.text(d) + ")"
	case 1:
		return "strings.ToUpper(" + w.text(d) + ")"
	case 2:
		return `"a\(` + w.text(d) + `)b\(` + w.pick(w.text(d), w.truth(d), w.number(d)) + `)"`
	case 3:
		return "(" + w.text(d) + " + " + w.text(d) + ")"
	case 4:
		return "[if " + w.truth(d) + " {" + w.text(d) + "}, " + w.text(d) + "][0]"
	case 5:
		return "_table[" + w.text(d) + "]"
	case 6:
		return "strings.Replace(" + w.text(d) + ", " + w.text(0) + `, "-", ` + w.pick("-1", "1") + ")"
	case 7:
		return "strings.Split(" + w.text(d) + `, "@")[` + w.pick("0", "1", "5") + "]"
	case 8:
		return "strings.Join(" + w.list(d) + `, ",")`
	case 9:
		return "strings.SliceRunes(" + w.text(d) + ", 0, " + w.pick("1", "3", "20") + ")"
	case 10:
		return "strings.TrimSuffix(" + w.text(d) + `, "@example.com")`
	case 11:
		return "[if " + w.text(d) + " != _|_ {" + w.text(d) + `}, "none"][0]`
	case 12:
		return w.list(d) + "[" + w.number(d) + "]"
	}
	return w.pick(leaves...)
}

func (w expressionWriter) list(depth int) string {
	return w.pick("user.groups", "user.attributes.skills", `["a", "b"]`,
		"["+w.text(max(0, depth-1))+", if "+w.truth(max(0, depth-1))+" {"+w.text(0)+"}]")
}

func (w expressionWriter) number(depth int) string {
	return w.pick("0", "1", "user.attributes.level", "len(user.groups)", "len("+w.text(max(0, depth-1))+")",
		`strings.Index(user.email, "@")`)
}

func (w expressionWriter) truth(depth int) string {
	leaves := []string{
		`user.state == "ACTIVE"`, "user.attributes.contractor", "user.attributes.department != _|_",
		"user.attributes.level == _|_", "true",
	}
	if depth == 0 {
		return w.pick(leaves...)
	}
	d := depth - 1
	switch w.r.IntN(8) {
	case 0:
		return "(" + w.truth(d) + w.pick(" && ", " || ") + w.truth(d) + ")"
	case 1:
		return "!(" + w.truth(d) + ")"
	case 2:
		return w.text(d) + w.pick(" == ", " != ", " < ", " >= ") + w.text(d)
	case 3:
		return w.number(d) + w.pick(" == ", " > ", " <= ") + w.number(d)
	case 4:
		return "list.Contains(" + w.list(d) + ", " + w.text(d) + ")"
	case 5:
		return "strings.HasPrefix(" + w.text(d) + ", " + w.text(0) + ")"
	case 6:
		return "(" + w.text(d) + " != _|_)"
	}
	return w.pick(leaves...)
}

// mapping writes a mapping of random expressions.
func (w expressionWriter) mapping() string {
	var b strings.Builder
	b.WriteString("package roster\n\nimport (\"strings\", \"list\")\n\n_table: {Platform: \"1\", Sales: \"2\", x: " +
		"\"3\"}\n_first: \"f\"\n_used: [strings.ToLower(\"x\"), list.Contains([], 1)]\n\n")
	fmt.Fprintf(&b, "mappings: \"m\": {\n\tuser: #User\n\tlet L = %s\n\tscim: {\n\t\tuserName: %s\n\t\tdisplayName: "+
		"L\n", w.text(1), w.text(2))
	fmt.Fprintf(&b, "\t\tname: {givenName: %s, familyName: %s}\n\t\tactive: %s\n", w.text(2), w.text(2), w.truth(2))
	fmt.Fprintf(&b, "\t\ttitle: %s\n\t\temails: [{value: %s, primary: true}]\n", w.text(3), w.text(1))
	if w.r.IntN(2) == 0 {
		fmt.Fprintf(&b, "\t\tif %s {nickName: %s}\n", w.truth(2), w.text(1))
	}
	fmt.Fprintf(&b, "\t}\n\tonCreate: locale: %s\n}\n", w.text(2))
	return b.String()
}

// testAttributeTypes are the custom attributes of all comparisons with CUE.
const testAttributeTypes = `{"department": {"type": "string"}, "skills": {"type": "strings"}, "level": {"type": ` +
	`"int"}, "contractor": {"type": "bool"}}`

// mappingAgrees compares the compiled form of a mapping with CUE for several users. It returns
// false if the mapping cannot be compiled.
func mappingAgrees(t *testing.T, text string) bool {
	t.Helper()
	files := fstest.MapFS{
		"m.cue": {Data: []byte(text)},
		"o.cue": {Data: []byte("package roster\n\nattributeTypes: " + testAttributeTypes + "\n")},
	}
	m := loadMapping(t, files, "m")
	if m == nil {
		return false
	}
	slow := m.ByCUE()
	if slow == nil {
		return false
	}
	users := []*schema.User{
		{
			Key: "u-1", UserID: "alice", FirstName: "Alice", LastName: "Müller", Email: "alice@example.com",
			State: schema.Active,
			Attributes: map[string]any{
				"department": "Platform", "skills": []string{"go", "cue"}, "level": int64(2), "contractor": true,
			},
		},
		{
			Key: "u-2", UserID: "bob", FirstName: "Bob", LastName: "Ng", Email: "bob@ext.example.com",
			State: schema.Locked,
		},
		{
			Key: "u-3", UserID: "x", FirstName: "Éa", LastName: "Ø", Email: "x@y", State: schema.Active,
			Attributes: map[string]any{
				"department": "Sales", "contractor": false, "level": int64(0), "skills": []string{},
			},
		},
	}
	for i, u := range users {
		groups := [][]string{{"g", "h"}, nil, {"x"}}[i]
		scim, onCreate, err := m.Run(u, groups)
		wantSCIM, wantOnCreate, wantErr := slow.Run(u, groups)
		if (err == nil) != (wantErr == nil) {
			t.Errorf("%s: compiled: %v, CUE: %v\n%s", u.Key, err, wantErr, text)
			continue
		}
		if err == nil && (!reflect.DeepEqual(scim, wantSCIM) || !reflect.DeepEqual(onCreate, wantOnCreate)) {
			t.Errorf("%s: compiled\n%q %q\nCUE\n%q %q\n%s", u.Key, scim, onCreate, wantSCIM, wantOnCreate, text)
		}
	}
	return true
}

// loadMapping loads one mapping. It returns nil if the mapping has problems.
func loadMapping(t *testing.T, fsys fs.FS, key string) *mapping.Mapping {
	t.Helper()
	d, err := schema.Load(fsys)
	if err != nil {
		return nil
	}
	return d.Mappings[key]
}

func TestCompiledMappingsAgreeWithCUE(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	compiled := 0
	for range 150 {
		if mappingAgrees(t, expressionWriter{r}.mapping()) {
			compiled++
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d of 150 mappings were compiled", compiled)
	if compiled < 40 {
		t.Errorf("only %d of 150 mappings were compiled", compiled)
	}
}

// FuzzMapping compares mappings of random expressions with CUE.
func FuzzMapping(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		mappingAgrees(t, expressionWriter{rand.New(rand.NewPCG(seed, 5))}.mapping())
	})
}
