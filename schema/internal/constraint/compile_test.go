package constraint

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// testAttributeTypes are the custom attributes of all comparisons with CUE.
const testAttributeTypes = `{"department": {"type": "string"}, "skills": {"type": "strings"}, "level": {"type": ` +
	`"int"}, "contractor": {"type": "bool"}}`

// comparer compares the compiled schema with CUE.
type comparer struct {
	t      testing.TB
	schema *Schema
}

func newComparer(t testing.TB) *comparer {
	t.Helper()
	text, err := source.ReadSchema(os.DirFS("../../cue"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(schema.types, map[string]string{
		"department": "string", "skills": "strings", "level": "int", "contractor": "bool",
	})
	return &comparer{t, schema}
}

// parse parses JSON as in a data file. It returns nil if the JSON is invalid.
func (c *comparer) parse(text string) *tree.Node {
	var found tree.Findings
	f := &source.DataFile{
		Ref: &tree.File{Path: "x.json"}, Limits: source.StandardLimits(), Report: found.Report, Arena: &tree.Arena{},
	}
	n := f.ParseJSON(text, 1)
	if len(found.Problems) > 0 {
		return nil
	}
	return n
}

// compare reports an error unless the compiled schema and CUE accept the same records of a kind and
// add the same defaults. It returns the number of records that both accept.
func (c *comparer) compare(kind string, records []*tree.Node) (accepted int) {
	c.t.Helper()
	file := &ast.File{Filename: "x.cue", Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("roster")}}}
	add := func(kind string, n *tree.Node) {
		file.Decls = append(file.Decls, &ast.Field{Label: ast.NewIdent(kind), Value: source.Syntax(n)})
	}
	all := &tree.Node{Kind: tree.Struct}
	for i, n := range records {
		all.Fields = append(all.Fields, tree.Field{Name: fmt.Sprintf("r-%d", i), Value: n})
	}
	add("attributeTypes", c.parse(testAttributeTypes))
	add(kind, all)
	e := c.schema.evaluateCUE([]*ast.File{file})
	if !e.full.Exists() && len(records) > 1 {
		c.t.Fatalf("CUE: %v", e.errs)
	}
	for i, n := range records {
		written := fmt.Sprint(plainValue(n))
		f := tree.Field{Name: fmt.Sprintf("r-%d", i), Value: n}
		accepts := len(checkRecord(c.schema.roots[kind].rule.(*structRule), &f, kind)) == 0
		if cueAccepts := e.accepts(kind, f.Name); accepts != cueAccepts {
			c.t.Errorf("%s %s: accepted by the compiled schema: %v, by CUE: %v", kind, written, accepts, cueAccepts)
			continue
		}
		if !accepts {
			continue
		}
		accepted++
		v := e.full.LookupPath(cue.MakePath(cue.Str(kind), cue.Str(f.Name)))
		x := &extractor{dynamic: source.NewDynamic(), found: &tree.Findings{}}
		have, want := plainValue(f.Value), plainValue(x.value(v, "x", tree.Position{}, nil))
		if !reflect.DeepEqual(have, want) {
			c.t.Errorf("%s %s:\nwith defaults %v\nby CUE        %v", kind, written, have, want)
		}
	}
	return accepted
}

// plainValue returns the content of a node without positions and order.
func plainValue(n *tree.Node) any {
	switch n.Kind {
	case tree.Struct:
		out := map[string]any{}
		for _, f := range n.Fields {
			out[f.Name] = plainValue(f.Value)
		}
		return out
	case tree.List:
		out := []any{}
		for _, f := range n.Fields {
			out = append(out, plainValue(f.Value))
		}
		return out
	case tree.Int, tree.Float:
		if r, ok := n.Number(); ok {
			return r.RatString()
		}
	}
	return fmt.Sprintf("%s %q", n.Kind, n.Text)
}

// validRecords are the seeds of mutations.
var validRecords = map[string][]string{
	"users": {
		`{"userId": "a", "firstName": "A", "lastName": "B", "email": "a@example.com", "state": "LOCKED", ` +
			`"validFrom": "2026-01-01", "validUntil": "2026-12-31T10:00:00Z", "attributes": {"department": "x", ` +
			`"skills": ["go", "cue"], "level": 3, "contractor": true}}`,
		`{"userId": "a", "firstName": "A", "lastName": "B", "email": "a@example.com"}`,
	},
	"groups": {`{"displayName": "G", "description": "d", "members": {"u-1": {}, "u-2": {"until": "2026-12-31", ` +
		`"reason": "x"}}, "include": {"h": {}}, "where": {"department": "x", "level": [1, 2], "contractor": false}, ` +
		`"previously": {"old": {}}}`},
	"attributeTypes": {
		`{"type": "strings", "redact": true}`,
	},
	"apps": {`{"displayName": "A", "saml": {"serviceProviderMetadata": "a.xml", "identityProvider": {"entityID": ` +
		`"x", "singleSignOn": {"post": "https://x", "redirect": "https://y"}, "domains": ["a.example.com", ` +
		`"b.example.com:8443"], "lifetimeDays": 730, "cacheDuration": "36h", "signing": {"k": {"certificate": ` +
		`"k.crt", "key": {"file": "x"}, "phase": "active", "dates": {"next": "2026-01-01", "uploaded": ` +
		`"2026-01-02", "active": "2026-02-01T00:00:00Z"}}}, "signMetadataWith": "k", "uploaded": "2026-02-01"}, ` +
		`"nameID": "userId"}, "access": {"g": {"requires": "x"}}}`},
	"provisioners": {
		`{"enabled": true, "app": "a", "mapping": "m", "groups": ["g", "h"], "pushGroups": false, "endpoint": ` +
			`"https://x/y/scim/v2", "auth": {"token": {"env": "X"}}, "tokenExpires": "2027-01-01", "schedule": "* * ` +
			`* * *", "timezone": "UTC", "windows": {"w": {"days": ["monday"], "from": "08:00", "to": "24:00"}}, ` +
			`"paused": {"reason": "x", "until": "2026-01-01"}, "deprovision": {"mode": "delete", "deleteAfterDays": ` +
			`3}, "adopt": "match", "limits": {"maxRemovals": {"min": 1, "percent": 2.5, "max": 3}, "history": ` +
			`{"off": true, "reason": "x"}, "updates": {"off": true, "reason": "y"}}, "review": "required", ` +
			`"protect": {"users": {"u": {}}, "groups": {}}, "fullRead": "@daily", "driftBound": "1h30m", "rate": ` +
			`{"perSecond": 0.5, "concurrency": 2}, "previously": {"q": {}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"oauth2": {"tokenURL": "https://t", ` +
			`"clientID": "c", "clientSecret": {"aws": {"secretsManager": "s", "region": "r", "key": "k"}}, ` +
			`"scopes": ["a"]}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"token": {"sops": {"file": "f", "key": "k"}}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"token": {"exec": ["a", "b"]}}, "review": ` +
			`{"required": true, "approvals": 2, "by": ["ann", "bob"]}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"token": {"age": "x.age"}}}`,
		`{"app": "a", "mapping": "m", "endpoint": "https://x", "auth": {"token": {"aws": {"parameterStore": "/x"}}}}`,
	},
	"assertions": {
		`{"disjoint": ["a", "b", "c"], "reason": "x"}`, `{"atLeast": {"group": "g", "active": 2}}`,
		`{"only": {"attribute": "userName", "pattern": "x", "where": {"a": "b"}}}`,
	},
}

// mutationValues are the values that a mutation inserts.
var mutationValues = []string{
	`""`, `"x"`, `"ACTIVE"`, `"active"`, `"2026-02-30"`, `"2026-12-31"`, `"2026-12-31T10:00:00+25:00"`,
	`"2026-12-31T10:00:00.123456789Z"`, `"2026-12-31t10:00:00z"`, `0`, `1`, `-1`, `1.0`, `1e3`, `731`, `100.0`, `100.5`,
	`9007199254740992`, `true`, `false`, `null`, `{}`, `[]`, `[""]`, `["x"]`, `["x", 1]`, `{"x": {}}`, `{"off": true}`,
	`{"env": "A-B"}`, `{"env": "A", "file": "b"}`, `"a@b"`, `"a b@c"`, `"/x"`, `"..\\x"`, `"08:00"`, `"8:00"`, `"1d"`,
	`"\u0000"`, `"héllo"`, `"` + strings.Repeat("x", 1025) + `"`, `"` + strings.Repeat("é", 1024) + `"`,
	`"https://x y"`, `"http://x"`, `"monday"`,
}

// mutate changes one place of a record.
func (c *comparer) mutate(r *rand.Rand, n *tree.Node) {
	var places []*tree.Node
	var walk func(n *tree.Node)
	walk = func(n *tree.Node) {
		places = append(places, n)
		for _, f := range n.Fields {
			walk(f.Value)
		}
	}
	walk(n)
	p := places[r.IntN(len(places))]
	value := func() *tree.Node { return c.parse(mutationValues[r.IntN(len(mutationValues))]) }
	switch k := r.IntN(4); {
	case p.Kind == tree.Struct && k == 0 && len(p.Fields) > 0:
		i := r.IntN(len(p.Fields))
		p.Fields = append(p.Fields[:i], p.Fields[i+1:]...)
	case p.Kind == tree.Struct && k == 1:
		names := []string{
			"extra", "reason", "off", "min", "key", "until", "state", "bad key", "", "env", "file", "oauth2",
			"department",
		}
		if name := names[r.IntN(len(names))]; p.Get(name) == nil {
			p.Fields = append(p.Fields, tree.Field{Name: name, Value: value()})
		}
	case p.Kind == tree.List && k == 0:
		v := value()
		p.Fields = append(p.Fields, tree.Field{Value: v})
	case k == 2 && len(p.Fields) > 0:
		p.Fields[r.IntN(len(p.Fields))].Value = value()
	default:
		*p = *value()
	}
}

func TestCompiledSchemaAgreesWithCUE(t *testing.T) {
	c := newComparer(t)
	r := rand.New(rand.NewPCG(1, 2))
	for _, kind := range slices.Sorted(maps.Keys(validRecords)) {
		t.Run(kind, func(t *testing.T) {
			c.t = t
			var records []*tree.Node
			for _, text := range validRecords[kind] {
				n := c.parse(text)
				f := tree.Field{Name: "r", Value: n}
				if len(checkRecord(c.schema.roots[kind].rule.(*structRule), &f, kind)) > 0 {
					t.Errorf("the seed %s is not valid", text)
				}
				for range 120 {
					n := c.parse(text)
					for range 1 + r.IntN(2) {
						c.mutate(r, n)
					}
					records = append(records, n)
				}
			}
			accepted := 0
			if kind != "attributeTypes" {
				accepted = c.compare(kind, records)
			} else {
				for _, n := range records { // an invalid type makes CUE drop all attributes
					accepted += c.compare(kind, []*tree.Node{n})
				}
			}
			if accepted == 0 || accepted == len(records) {
				t.Errorf("%d of %d records were accepted, which tests little", accepted, len(records))
			}
		})
	}
}

// FuzzRecord compares the compiled schema with CUE for any JSON as any kind of record.
func FuzzRecord(f *testing.F) {
	kinds := slices.Sorted(maps.Keys(validRecords))
	for i, kind := range kinds {
		for _, text := range validRecords[kind] {
			f.Add(uint8(i), text)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		c := newComparer(t)
		if n := c.parse(text); n != nil {
			c.compare(kinds[int(kind)%len(kinds)], []*tree.Node{n})
		}
	})
}
