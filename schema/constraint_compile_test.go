package schema

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// attributeTypesForTests are declared wherever records are held against CUE.
const attributeTypesForTests = `{"department": {"type": "string"}, "skills": {"type": "strings"}, "level": {"type": "int"}, "contractor": {"type": "bool"}}`

// judge holds records against the compiled schema and against CUE.
type judge struct {
	t      testing.TB
	schema *compiledSchema
	l      *loader
}

func newJudge(t testing.TB) *judge {
	t.Helper()
	schema, err := compileSchema()
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(schema.types, map[string]string{"department": "string", "skills": "strings", "level": "int", "contractor": "bool"})
	return &judge{t, schema, &loader{limits: standardLimits(), schema: schema, dynamic: newDynamic(), literals: map[string]*builder{}}}
}

// parse reads JSON as a data file would be read, or returns nil.
func (j *judge) parse(text string) *node {
	j.l.problems = nil
	f := &dataFile{ref: &fileRef{"x.json"}, depth: j.l.limits.depth, report: j.l.report, arena: &arena{}}
	n := f.parseJSON(text, 1)
	if len(j.l.problems) > 0 {
		return nil
	}
	return n
}

// agree returns how many records both take, and reports an error unless both judge each record of a kind alike, and fill in the same.
func (j *judge) agree(kind string, records []*node) (taken int) {
	j.t.Helper()
	file := &ast.File{Filename: "x.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	add := func(kind string, n *node) {
		file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(kind), Value: n.syntax()})
	}
	all := &node{kind: structNode}
	for i, n := range records {
		all.fields = append(all.fields, field{name: fmt.Sprintf("r-%d", i), value: n})
	}
	add("attributeTypes", j.parse(attributeTypesForTests))
	add(kind, all)
	e := evaluateCUE([]*ast.File{file})
	if !e.full.Exists() && len(records) > 1 {
		j.t.Fatalf("CUE: %v", e.errs)
	}
	for i, n := range records {
		written := fmt.Sprint(plainValue(n))
		f := field{name: fmt.Sprintf("r-%d", i), value: n}
		takes := len(checkRecord(j.schema.roots[kind].rule.(*structRule), &f, kind)) == 0
		if cueTakes := e.accepts(kind, f.name); takes != cueTakes {
			j.t.Errorf("%s %s: the compiled schema takes it: %v, CUE: %v", kind, written, takes, cueTakes)
			continue
		}
		if !takes {
			continue
		}
		taken++
		v := e.full.LookupPath(cue.MakePath(cue.Str(kind), cue.Str(f.name)))
		x := &extractor{loader: j.l}
		if have, want := plainValue(f.value), plainValue(x.value(v, "x", position{}, nil)); !reflect.DeepEqual(have, want) {
			j.t.Errorf("%s %s:\nfilled in %v\nby CUE    %v", kind, written, have, want)
		}
	}
	return taken
}

// plainValue is a node without places and order.
func plainValue(n *node) any {
	switch n.kind {
	case structNode:
		out := map[string]any{}
		for _, f := range n.fields {
			out[f.name] = plainValue(f.value)
		}
		return out
	case listNode:
		out := []any{}
		for _, f := range n.fields {
			out = append(out, plainValue(f.value))
		}
		return out
	case intNode, floatNode:
		if r, ok := n.number(); ok {
			return r.RatString()
		}
	}
	return fmt.Sprintf("%s %q", n.kind, n.text)
}

// validRecords are the seeds of mutation.
var validRecords = map[string][]string{
	"users": {
		`{"userId": "a", "firstName": "A", "lastName": "B", "email": "a@example.com", "state": "LOCKED", "validFrom": "2026-01-01", "validUntil": "2026-12-31T10:00:00Z", "attributes": {"department": "x", "skills": ["go", "cue"], "level": 3, "contractor": true}}`,
		`{"userId": "a", "firstName": "A", "lastName": "B", "email": "a@example.com"}`,
	},
	"groups": {`{"displayName": "G", "description": "d", "members": {"u-1": {}, "u-2": {"until": "2026-12-31", "reason": "x"}}, "include": {"h": {}}, "where": {"department": "x", "level": [1, 2], "contractor": false}, "previously": {"old": {}}}`},
	"attributeTypes": {
		`{"type": "strings", "redact": true}`,
	},
	"apps": {`{"displayName": "A", "saml": {"serviceProviderMetadata": "a.xml", "identityProvider": {"entityID": "x", "singleSignOn": {"post": "https://x", "redirect": "https://y"}, "domains": ["a.example.com", "b.example.com:8443"], "lifetimeDays": 730, "cacheDuration": "36h", "signing": {"k": {"certificate": "k.crt", "key": {"file": "x"}, "phase": "active", "dates": {"next": "2026-01-01", "uploaded": "2026-01-02", "active": "2026-02-01T00:00:00Z"}}}, "signMetadataWith": "k", "uploaded": "2026-02-01"}, "nameID": "userId"}, "access": {"g": {"requires": "x"}}}`},
	"provisioners": {
		`{"enabled": true, "app": "a", "mapping": "m", "groups": ["g", "h"], "pushGroups": false, "endpoint": "https://x/y/scim/v2", "auth": {"token": {"env": "X"}}, "tokenExpires": "2027-01-01", "schedule": "* * * * *", "timezone": "UTC", "windows": {"w": {"days": ["monday"], "from": "08:00", "to": "24:00"}}, "paused": {"reason": "x", "until": "2026-01-01"}, "deprovision": {"mode": "delete", "deleteAfterDays": 3}, "adopt": "match", "limits": {"maxRemovals": {"min": 1, "percent": 2.5, "max": 3}, "history": {"off": true, "reason": "x"}, "updates": {"off": true, "reason": "y"}}, "review": "required", "protect": {"users": {"u": {}}, "groups": {}}, "fullRead": "@daily", "driftBound": "1h30m", "rate": {"perSecond": 0.5, "concurrency": 2}, "previously": {"q": {}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"oauth2": {"tokenURL": "https://t", "clientID": "c", "clientSecret": {"aws": {"secretsManager": "s", "region": "r", "key": "k"}}, "scopes": ["a"]}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"token": {"sops": {"file": "f", "key": "k"}}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"token": {"exec": ["a", "b"]}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"token": {"age": "x.age"}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"token": {"aws": {"parameterStore": "/x"}}}}`,
	},
	"assertions": {`{"disjoint": ["a", "b", "c"], "reason": "x"}`, `{"atLeast": {"group": "g", "active": 2}}`, `{"only": {"attribute": "userName", "pattern": "x", "where": {"a": "b"}}}`},
}

// interesting are values that a mutation puts somewhere.
var interesting = []string{`""`, `"x"`, `"ACTIVE"`, `"active"`, `"2026-02-30"`, `"2026-12-31"`, `"2026-12-31T10:00:00+25:00"`, `"2026-12-31T10:00:00.123456789Z"`, `"2026-12-31t10:00:00z"`, `0`, `1`, `-1`, `1.0`, `1e3`, `731`, `100.0`, `100.5`, `9007199254740992`, `true`, `false`, `null`, `{}`, `[]`, `[""]`, `["x"]`, `["x", 1]`, `{"x": {}}`, `{"off": true}`, `{"env": "A-B"}`, `{"env": "A", "file": "b"}`, `"a@b"`, `"a b@c"`, `"/x"`, `"..\\x"`, `"08:00"`, `"8:00"`, `"1d"`, `"\u0000"`, `"héllo"`, `"` + strings.Repeat("x", 1025) + `"`, `"` + strings.Repeat("é", 1024) + `"`, `"https://x y"`, `"http://x"`, `"monday"`}

// mutate changes one place of a record.
func (j *judge) mutate(r *rand.Rand, n *node) {
	var places []*node
	var walk func(n *node)
	walk = func(n *node) {
		places = append(places, n)
		for _, f := range n.fields {
			walk(f.value)
		}
	}
	walk(n)
	p := places[r.IntN(len(places))]
	value := func() *node { return j.parse(interesting[r.IntN(len(interesting))]) }
	switch k := r.IntN(4); {
	case p.kind == structNode && k == 0 && len(p.fields) > 0:
		i := r.IntN(len(p.fields))
		p.fields = append(p.fields[:i], p.fields[i+1:]...)
	case p.kind == structNode && k == 1:
		names := []string{"extra", "reason", "off", "min", "key", "until", "state", "bad key", "", "env", "file", "oauth2", "department"}
		if name := names[r.IntN(len(names))]; p.get(name) == nil {
			p.fields = append(p.fields, field{name: name, value: value()})
		}
	case p.kind == listNode && k == 0:
		v := value()
		p.fields = append(p.fields, field{value: v})
	case k == 2 && len(p.fields) > 0:
		p.fields[r.IntN(len(p.fields))].value = value()
	default:
		*p = *value()
	}
}

func TestCompiledSchemaAgreesWithCUE(t *testing.T) {
	j := newJudge(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, kind := range slices.Sorted(maps.Keys(validRecords)) {
		t.Run(kind, func(t *testing.T) {
			j.t = t
			var records []*node
			for _, text := range validRecords[kind] {
				n := j.parse(text)
				if f := (field{name: "r", value: n}); len(checkRecord(j.schema.roots[kind].rule.(*structRule), &f, kind)) > 0 {
					t.Errorf("the seed %s is not valid", text)
				}
				for range 120 {
					n := j.parse(text)
					for range 1 + r.IntN(2) {
						j.mutate(r, n)
					}
					records = append(records, n)
				}
			}
			taken := 0
			if kind != "attributeTypes" {
				taken = j.agree(kind, records)
			} else {
				for _, n := range records { // a wrong one leaves CUE without any attributes
					taken += j.agree(kind, []*node{n})
				}
			}
			if taken == 0 || taken == len(records) {
				t.Errorf("%d of %d records were taken, which tries little", taken, len(records))
			}
		})
	}
}

// FuzzRecord holds any JSON as any kind of record against the compiled schema and CUE.
func FuzzRecord(f *testing.F) {
	kinds := slices.Sorted(maps.Keys(validRecords))
	for i, kind := range kinds {
		for _, text := range validRecords[kind] {
			f.Add(uint8(i), text)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		j := newJudge(t)
		if n := j.parse(text); n != nil {
			j.agree(kinds[int(kind)%len(kinds)], []*node{n})
		}
	})
}

// phrases writes random expressions over user.
type phrases struct{ r *rand.Rand }

func (p phrases) pick(of ...string) string { return of[p.r.IntN(len(of))] }

func (p phrases) text(depth int) string {
	leaves := []string{"user.email", "user.firstName", "user.userId", "user.key", "user.emailLocal", "user.asciiLastName", "user.attributes.department", `user.attributes["department"]`, `user["lastName"]`, `"x"`, `""`, `"é\n"`, `#"raw\"#`, "_first", `_table["Sales"]`}
	if depth == 0 {
		return p.pick(leaves...)
	}
	d := depth - 1
	switch p.r.IntN(14) {
	case 0:
		return "strings.ToLower(" + p.text(d) + ")"
	case 1:
		return "strings.ToUpper(" + p.text(d) + ")"
	case 2:
		return `"a\(` + p.text(d) + `)b\(` + p.pick(p.text(d), p.truth(d), p.number(d)) + `)"`
	case 3:
		return "(" + p.text(d) + " + " + p.text(d) + ")"
	case 4:
		return "[if " + p.truth(d) + " {" + p.text(d) + "}, " + p.text(d) + "][0]"
	case 5:
		return "_table[" + p.text(d) + "]"
	case 6:
		return "strings.Replace(" + p.text(d) + ", " + p.text(0) + `, "-", ` + p.pick("-1", "1") + ")"
	case 7:
		return "strings.Split(" + p.text(d) + `, "@")[` + p.pick("0", "1", "5") + "]"
	case 8:
		return "strings.Join(" + p.list(d) + `, ",")`
	case 9:
		return "strings.SliceRunes(" + p.text(d) + ", 0, " + p.pick("1", "3", "20") + ")"
	case 10:
		return "strings.TrimSuffix(" + p.text(d) + `, "@example.com")`
	case 11:
		return "[if " + p.text(d) + " != _|_ {" + p.text(d) + `}, "none"][0]`
	case 12:
		return p.list(d) + "[" + p.number(d) + "]"
	}
	return p.pick(leaves...)
}

func (p phrases) list(depth int) string {
	return p.pick("user.groups", "user.attributes.skills", `["a", "b"]`, "["+p.text(max(0, depth-1))+", if "+p.truth(max(0, depth-1))+" {"+p.text(0)+"}]")
}

func (p phrases) number(depth int) string {
	return p.pick("0", "1", "user.attributes.level", "len(user.groups)", "len("+p.text(max(0, depth-1))+")", `strings.Index(user.email, "@")`)
}

func (p phrases) truth(depth int) string {
	leaves := []string{`user.state == "ACTIVE"`, "user.attributes.contractor", "user.attributes.department != _|_", "user.attributes.level == _|_", "true"}
	if depth == 0 {
		return p.pick(leaves...)
	}
	d := depth - 1
	switch p.r.IntN(8) {
	case 0:
		return "(" + p.truth(d) + p.pick(" && ", " || ") + p.truth(d) + ")"
	case 1:
		return "!(" + p.truth(d) + ")"
	case 2:
		return p.text(d) + p.pick(" == ", " != ", " < ", " >= ") + p.text(d)
	case 3:
		return p.number(d) + p.pick(" == ", " > ", " <= ") + p.number(d)
	case 4:
		return "list.Contains(" + p.list(d) + ", " + p.text(d) + ")"
	case 5:
		return "strings.HasPrefix(" + p.text(d) + ", " + p.text(0) + ")"
	case 6:
		return "(" + p.text(d) + " != _|_)"
	}
	return p.pick(leaves...)
}

// mapping writes a mapping of random expressions.
func (p phrases) mapping() string {
	var b strings.Builder
	b.WriteString("package roster\n\nimport (\"strings\", \"list\")\n\n_table: {Platform: \"1\", Sales: \"2\", x: \"3\"}\n_first: \"f\"\n_used: [strings.ToLower(\"x\"), list.Contains([], 1)]\n\n")
	fmt.Fprintf(&b, "mappings: \"m\": {\n\tuser: #User\n\tlet L = %s\n\tscim: {\n\t\tuserName: %s\n\t\tdisplayName: L\n", p.text(1), p.text(2))
	fmt.Fprintf(&b, "\t\tname: {givenName: %s, familyName: %s}\n\t\tactive: %s\n", p.text(2), p.text(2), p.truth(2))
	fmt.Fprintf(&b, "\t\ttitle: %s\n\t\temails: [{value: %s, primary: true}]\n", p.text(3), p.text(1))
	if p.r.IntN(2) == 0 {
		fmt.Fprintf(&b, "\t\tif %s {nickName: %s}\n", p.truth(2), p.text(1))
	}
	fmt.Fprintf(&b, "\t}\n\tonCreate: locale: %s\n}\n", p.text(2))
	return b.String()
}

// mappingAgrees compares the compiled form of a random mapping with CUE, for several users. It reports whether there was a compiled form.
func mappingAgrees(t *testing.T, text string) bool {
	t.Helper()
	files := fstest.MapFS{"m.cue": {Data: []byte(text)}, "o.cue": {Data: []byte("package roster\n\nattributeTypes: " + attributeTypesForTests + "\n")}}
	m := loadMapping(t, files, "m")
	if m == nil {
		return false
	}
	compiled, ok := m.program.(*compiledProgram)
	if !ok {
		return false
	}
	users := []*User{
		{Key: "u-1", UserID: "alice", FirstName: "Alice", LastName: "Müller", Email: "alice@example.com", State: Active, Attributes: map[string]any{"department": "Platform", "skills": []string{"go", "cue"}, "level": int64(2), "contractor": true}},
		{Key: "u-2", UserID: "bob", FirstName: "Bob", LastName: "Ng", Email: "bob@ext.example.com", State: Locked},
		{Key: "u-3", UserID: "x", FirstName: "Éa", LastName: "Ø", Email: "x@y", State: Active, Attributes: map[string]any{"department": "Sales", "contractor": false, "level": int64(0), "skills": []string{}}},
	}
	for i, u := range users {
		s := newUserInput(u, [][]string{{"g", "h"}, nil, {"x"}}[i])
		scim, onCreate, err := compiled.run(s)
		wantSCIM, wantOnCreate, wantErr := compiled.cue.run(s)
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

// loadMapping loads one mapping, or returns nil if there is something wrong with it.
func loadMapping(t *testing.T, fsys fs.FS, key string) *Mapping {
	t.Helper()
	d, err := Load(fsys)
	if err != nil {
		return nil
	}
	return d.Mappings[key]
}

func TestCompiledMappingsAgreeWithCUE(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	compiled := 0
	for range 150 {
		if mappingAgrees(t, phrases{r}.mapping()) {
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

// FuzzMapping is the same over seeds.
func FuzzMapping(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		mappingAgrees(t, phrases{rand.New(rand.NewPCG(seed, 5))}.mapping())
	})
}
