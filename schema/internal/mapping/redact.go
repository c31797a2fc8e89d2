package mapping

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Redacted returns the paths of the SCIM attributes whose expressions may read an attribute with
// `redact: true`, in scim or in onCreate, sorted. An expression that cannot be analysed counts as
// reading one.
func (m *Mapping) Redacted() []string { return m.redacted }

// RedactedWith returns the paths that the mapping redacts if the attributes which other mappings
// redact have `redact: true`: a commit that removes it from an attribute may also map that
// attribute to another path.
func (m *Mapping) RedactedWith(others ...*Mapping) []string {
	secret := maps.Clone(m.secretFields)
	for _, o := range others {
		if o != nil {
			maps.Copy(secret, o.secretFields)
		}
	}
	if len(secret) == len(m.secretFields) || m.redactedWith == nil {
		return m.redacted
	}
	return m.redactedWith(secret)
}

// redactionAnalysis follows secret attributes through the expressions of a mapping.
type redactionAnalysis struct {
	// secretFields are the attributes with `redact: true`.
	secretFields map[string]bool
	imports      map[string]string
	consts       map[string]*tree.Node
	// defs are the values that a name in the mapping may have. The value of a loop variable is nil,
	// because its source is analysed anyway.
	defs map[string][]ast.Node
	// visiting are the names under analysis, to stop at cycles.
	visiting map[string]bool
	// paths are the secret values, as field names from scim or onCreate.
	paths [][]string
}

// SecretAttributes returns the attributes with `redact: true`.
func SecretAttributes(types map[string]*tree.Node) map[string]bool {
	out := map[string]bool{}
	for name, n := range types {
		if n.Child("redact").Bool() {
			out[name] = true
		}
	}
	return out
}

// redactError removes the secrets of a user from an error if the mapping reads any.
func (m *Mapping) redactError(text string, u *declaration.User) string {
	if m.redacted == nil {
		return text
	}
	for name := range m.secretFields {
		for _, value := range secretTexts(u.Attributes[name]) {
			text = strings.ReplaceAll(text, value, "(redacted)")
		}
	}
	return text
}

// secretTexts returns the forms that an attribute's value may have in an error.
func secretTexts(v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{v}
		}
	case int64:
		return []string{strconv.FormatInt(v, 10)}
	case []string:
		return slices.DeleteFunc(slices.Clone(v), func(s string) bool { return s == "" })
	}
	return nil
}

// redacted returns the attributes of the catalog whose values must not be shown.
func (src *mappingSource) redacted(secret map[string]bool, consts map[string]*tree.Node, catalog Catalog) []string {
	r := &redactionAnalysis{
		secretFields: secret, imports: map[string]string{}, consts: consts,
		defs: map[string][]ast.Node{}, visiting: map[string]bool{},
	}
	if len(r.secretFields) == 0 {
		return nil
	}
	for _, part := range src.Declarations {
		for local, path := range part.Imports {
			r.imports[local] = path
		}
		r.define(part.Expr)
	}
	for _, part := range src.Declarations {
		r.structure(part.Expr, nil, false)
	}
	var out []string
	for _, a := range catalog {
		if slices.ContainsFunc(r.paths, func(p []string) bool { return mayShow(p, a.keys) }) {
			out = append(out, a.path)
		}
	}
	return out
}

// mayShow reports whether a secret at a path of the mapping may appear in an attribute.
func mayShow(path, keys []string) bool {
	if len(path) == 0 {
		return true
	}
	if path[0] != "scim" && path[0] != "onCreate" {
		return false
	}
	n := min(len(path)-1, len(keys))
	return slices.Equal(path[1:1+n], keys[:n])
}

// define stores the values of the names in the mapping.
func (r *redactionAnalysis) define(n ast.Node) {
	name := func(n ast.Node, value ast.Node) {
		if id, ok := n.(*ast.Ident); ok && id != nil {
			r.defs[id.Name] = append(r.defs[id.Name], value)
		}
	}
	ast.Walk(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.Field:
			if !isUserField(x) {
				name(x.Label, x.Value)
			}
			if old, ok := x.Label.(*ast.Alias); ok {
				name(old.Ident, x.Value)
			}
			if x.Alias != nil {
				name(x.Alias.Field, x.Value)
			}
		case *ast.LetClause:
			name(x.Ident, x.Expr)
		case *ast.ForClause:
			name(x.Key, x.Source)
			name(x.Value, x.Source)
		case *ast.Alias:
			name(x.Ident, x.Expr)
		}
		return true
	}, nil)
}

// isUserField reports whether a field is `user: #User`, which every mapping has.
func isUserField(f *ast.Field) bool {
	id, ok := f.Label.(*ast.Ident)
	return ok && id.Name == "user"
}

// structure finds secrets below a path. under is set if a surrounding condition reads a secret.
func (r *redactionAnalysis) structure(n ast.Node, path []string, under bool) {
	switch x := n.(type) {
	case *ast.ParenExpr:
		r.structure(x.X, path, under)
	case *ast.EmbedDecl:
		r.structure(x.Expr, path, under)
	case *ast.Comprehension:
		for _, clause := range x.Clauses {
			under = under || r.readsSecret(clause)
		}
		r.structure(x.Value, path, under)
	case *ast.ListLit:
		for _, e := range x.Elts {
			r.structure(e, append(slices.Clone(path), "0"), under)
		}
	case *ast.StructLit:
		for _, d := range x.Elts {
			r.declaration(d, path, under)
		}
	case *ast.BinaryExpr:
		if _, leaf := x.X.(*ast.BasicLit); !leaf && isStructure(x) {
			r.structure(x.X, path, under)
			r.structure(x.Y, path, under)
			return
		}
		r.addIfSecret(x, path, under)
	default:
		r.addIfSecret(n, path, under)
	}
}

// isStructure reports whether an expression combines structs.
func isStructure(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.StructLit:
		return true
	case *ast.ParenExpr:
		return isStructure(x.X)
	case *ast.BinaryExpr:
		return isStructure(x.X) || isStructure(x.Y)
	}
	return false
}

func (r *redactionAnalysis) declaration(d ast.Decl, path []string, under bool) {
	switch x := d.(type) {
	case *ast.Field:
		name, ok := source.LabelName(x.Label)
		switch {
		case ok && len(path) == 0 && (name == "user" || name == "examples" || name == "ifEmpty"):
			// these are not expressions over the user
		case ok:
			r.structure(x.Value, append(slices.Clone(path), name), under)
		case hidden(x.Label): // analysed where its name is used
		default: // a computed name may be any attribute
			r.structure(x.Value, path, under || r.readsSecret(x.Label))
		}
	case *ast.LetClause, *ast.CommentGroup, *ast.Ellipsis, *ast.Attribute:
		// a let clause is analysed where its name is used
	default:
		r.structure(d, path, under)
	}
}

func hidden(l ast.Label) bool {
	id, ok := l.(*ast.Ident)
	return ok && (strings.HasPrefix(id.Name, "_") || strings.HasPrefix(id.Name, "#"))
}

func (r *redactionAnalysis) addIfSecret(n ast.Node, path []string, under bool) {
	if under || r.readsSecret(n) {
		r.paths = append(r.paths, path)
	}
}

// readsSecret reports whether an expression may read a secret attribute.
func (r *redactionAnalysis) readsSecret(n ast.Node) bool {
	found := false
	ast.Walk(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.Field:
			found = found || r.readsSecret(x.Value)
			if _, plain := x.Label.(*ast.Ident); !plain {
				found = found || r.readsSecret(x.Label)
			}
			return false
		case *ast.ForClause:
			found = found || r.readsSecret(x.Source)
			return false
		case *ast.LetClause:
			found = found || r.readsSecret(x.Expr)
			return false
		case *ast.SelectorExpr:
			found = found || r.selectionReadsSecret(x, nil)
			return false
		case *ast.IndexExpr:
			found = found || r.selectionReadsSecret(x, x.Index)
			return false
		case *ast.Ident:
			found = found || r.nameReadsSecret(x.Name)
		}
		return !found
	}, nil)
	return found
}

// selectionReadsSecret analyses x.name and x[index].
func (r *redactionAnalysis) selectionReadsSecret(x ast.Expr, index ast.Expr) bool {
	base, name := attributeSelector(x)
	if name == "" {
		return r.readsSecret(base) || index != nil && r.readsSecret(index)
	}
	if isName(base, "user") {
		return name == "attributes" // this reads all attributes
	}
	if outer, between := attributeSelector(base); between == "attributes" && isName(outer, "user") {
		return r.secretFields[name]
	}
	return r.readsSecret(base)
}

func isName(x ast.Expr, name string) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == name
}

// builtin are the names of CUE that hold no data of users.
var builtin = []string{
	"len", "close", "and", "or", "div", "mod", "quo", "rem", "error",
	"string", "bytes", "bool", "int", "float", "number", "null", "true", "false", "_",
}

// nameReadsSecret reports whether the value of a name may read a secret attribute.
func (r *redactionAnalysis) nameReadsSecret(name string) bool {
	values, defined := r.defs[name]
	switch {
	case r.visiting[name]:
		return false
	case defined:
		r.visiting[name] = true
		defer delete(r.visiting, name)
		return slices.ContainsFunc(values, r.readsSecret)
	case slices.Contains(builtin, name), r.imports[name] != "":
		return false
	default:
		return r.consts[name] == nil // it is the whole `user`, or unknown
	}
}

// attributeNames returns the names of all fields that the mapping selects anywhere, among them all
// attributes that it reads by name.
func (src *mappingSource) attributeNames() []string {
	var out []string
	for _, part := range src.Declarations {
		ast.Walk(part.Expr, func(n ast.Node) bool {
			if x, ok := n.(ast.Expr); ok {
				if _, name := attributeSelector(x); name != "" {
					out = append(out, name)
				}
			}
			return true
		}, nil)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
