package schema

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// mappingSource collects what a Mapping is made from: its declarations and their values in CUE.
type mappingSource struct {
	source.MappingCode
	value    cue.Value
	ifEmpty  *tree.Node
	examples *tree.Node
	// invalid is set if errors in its expressions were reported.
	invalid bool
}

// loadMappings reads the values of the mappings from CUE.
func (l *loader) loadMappings() {
	for key, value := range l.evaluated.Mappings {
		m := l.mappingSources[key]
		if m == nil {
			m = &mappingSource{MappingCode: source.MappingCode{Key: key, Position: l.dynamic.Positions["mappings"]}}
			l.mappingSources[key] = m
		}
		var found tree.Findings
		m.value = value
		m.ifEmpty, found = l.schema.MappingField(l.dynamic, value, key, "ifEmpty", m.Position)
		l.Add(found)
		m.examples, found = l.schema.MappingField(l.dynamic, value, key, "examples", m.Position)
		l.Add(found)
	}
}

// mapping creates the Mapping and checks it.
func (l *loader) mapping(src *mappingSource) *Mapping {
	m := &Mapping{
		Key: src.Key, Pos: src.Position.Pos(), catalog: newCatalog(l.schema),
		ifEmpty: map[string]string{}, positions: map[string]tree.Pos{},
		fingerprint: src.fingerprint(l.dynamic.Constants), attributeNames: src.attributeNames(),
	}
	m.secretFields = secretAttributes(constraint.AttributeTypes(l.root))
	expressions, constants := &mappingSource{MappingCode: src.MappingCode}, l.dynamic.Constants
	m.redactedWith = func(secret map[string]bool) []string { return expressions.redacted(secret, constants, m.catalog) }
	m.redacted = m.redactedWith(m.secretFields)
	base := tree.JoinPath("mappings", m.Key)
	l.locateAttributes(m, base)
	if src.ifEmpty != nil {
		for _, f := range src.ifEmpty.Fields {
			if !m.hasPath(f.Name) {
				l.Report(m.badPath(f, base+".ifEmpty"))
			}
			m.ifEmpty[f.Name] = f.Value.Str()
		}
	}
	if !src.value.Exists() {
		return m
	}
	p := newCUEProgram(src.value, m.catalog)
	p.guard = l.guard
	switch compiled := compileMapping(src, l.dynamic.Constants, p); {
	case src.invalid:
	case compiled != nil:
		m.program = compiled
	default:
		m.program = p
	}
	m.sets, m.setsOnCreate = src.setAttributes("scim", p.scim, m), src.setAttributes("onCreate", p.onCreate, m)
	for i, a := range m.catalog {
		if m.sets[i] && m.setsOnCreate[i] {
			message := a.path + " is set in both scim and onCreate"
			l.Report(tree.BadPolicy.Problem(m.AttributePos(a.path), base+".onCreate", message))
		}
	}
	if src.isLiteral() {
		l.checkIfEmpty(m, src, base)
	}
	l.checkUserField(src, base)
	l.checkRequired(m, base)
	return m
}

// locateAttributes sets the positions of the mapping's expressions.
func (l *loader) locateAttributes(m *Mapping, base string) {
	for _, a := range m.catalog {
		for i := range a.keys {
			keys := a.keys[:i+1]
			if at, ok := l.dynamic.Positions[positionKey(tree.JoinPath(base, "scim"), keys)]; ok {
				m.positions[scimPath(keys)] = at.Pos()
			} else if at, ok := l.dynamic.Positions[positionKey(tree.JoinPath(base, "onCreate"), keys)]; ok {
				m.positions[scimPath(keys)] = at.Pos()
			}
		}
	}
}

// checkIfEmpty rejects policies for attributes that the mapping does not set.
func (l *loader) checkIfEmpty(m *Mapping, src *mappingSource, base string) {
	if src.ifEmpty == nil {
		return
	}
	for _, f := range src.ifEmpty.Fields {
		set := false
		for i, a := range m.catalog {
			set = set || (m.sets[i] || m.setsOnCreate[i]) && isWithin(f.Name, a.path)
		}
		if !set && m.hasPath(f.Name) {
			path := tree.JoinPath(base+".ifEmpty", f.Name)
			p := tree.BadPath.Problem(f.At.Pos(), path, "the mapping does not set this attribute")
			l.Report(p.WithAdvice("set it, or remove the policy"))
		}
	}
}

// isWithin reports whether a path is that of an attribute, or of a parent.
func isWithin(path, attribute string) bool {
	return attribute == path || strings.HasPrefix(attribute, path+".") ||
		path == EnterpriseUser && strings.HasPrefix(attribute, path)
}

// checkRequired requires an expression for each attribute that AWS requires, and a primary email
// address.
func (l *loader) checkRequired(m *Mapping, base string) {
	email := false
	for i, a := range m.catalog {
		email = email || a.path == "emails.value" && m.sets[i]
		if a.required && !m.sets[i] {
			at := m.Pos
			if p, ok := l.dynamic.Positions[base+".scim"]; ok {
				at = p.Pos()
			}
			path := base + ".scim." + strings.Join(a.keys, ".")
			p := tree.MissingField.Problem(at, path, constraint.FieldMissing)
			l.Report(p.WithAdvice("add it, because AWS requires it"))
		}
	}
	primary := slices.IndexFunc(m.catalog, func(a attribute) bool { return a.path == "emails.primary" })
	if email && !m.sets[primary] {
		path := base + ".scim.emails[0].primary"
		p := tree.MissingField.Problem(m.AttributePos("emails"), path, constraint.FieldMissing)
		l.Report(p.WithAdvice("add `primary: true`, because AWS requires it"))
	}
}

// isLiteral reports whether the mapping is written as one struct, so that its declaration names all
// attributes that it may set.
func (src *mappingSource) isLiteral() bool {
	if len(src.Declarations) != 1 {
		return false
	}
	_, ok := src.Declarations[0].Expr.(*ast.StructLit)
	return ok
}

// setAttributes reports for each attribute whether the mapping sets it: its declaration names it,
// or it has a value in CUE. A mapping that is not a literal may set more, so attributes with an
// ifEmpty policy count too.
func (src *mappingSource) setAttributes(base string, paths []cue.Path, m *Mapping) []bool {
	named := map[string]bool{}
	for _, part := range src.Declarations {
		namedFields(part.Expr, "", func(path string) { named[path] = true })
	}
	out := make([]bool, len(m.catalog))
	for i, a := range m.catalog {
		policy, spoken := m.ifEmpty[a.path]
		hidden := !src.isLiteral() && base == "scim" && spoken && policy != "skip"
		out[i] = named["."+base+"."+strings.Join(a.keys, ".")] || src.value.LookupPath(paths[i]).Exists() || hidden
	}
	return out
}

// namedFields calls yield with the path of each field that an expression names, with or without a
// condition.
func namedFields(x ast.Node, path string, yield func(string)) {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		namedFields(x.X, path, yield)
		namedFields(x.Y, path, yield)
	case *ast.ParenExpr:
		namedFields(x.X, path, yield)
	case *ast.EmbedDecl:
		namedFields(x.Expr, path, yield)
	case *ast.Comprehension:
		namedFields(x.Value, path, yield)
	case *ast.StructLit:
		for _, d := range x.Elts {
			f, ok := d.(*ast.Field)
			if !ok {
				namedFields(d, path, yield)
				continue
			}
			if name, ok := source.LabelName(f.Label); ok {
				yield(path + "." + name)
				namedFields(f.Value, path+"."+name, yield)
			}
		}
	case *ast.ListLit:
		for _, e := range x.Elts {
			namedFields(e, path+".0", yield)
		}
	}
}

// checkUserField requires `user: #User`. Without it the expressions do not refer to the user.
func (l *loader) checkUserField(src *mappingSource, base string) {
	if v := src.value.LookupPath(cue.ParsePath("user")); !v.Exists() {
		p := tree.WrongMapping.Problem(src.Position.Pos(), base, "the mapping has no `user`")
		l.Report(p.WithAdvice("begin it with `user: #User`"))
	}
}

// hasPath reports whether a path is that of a supported attribute or of its parent.
func (m *Mapping) hasPath(path string) bool {
	return slices.ContainsFunc(m.catalog, func(a attribute) bool { return isWithin(path, a.path) })
}

func (m *Mapping) badPath(f tree.Field, path string) tree.Problem {
	var names []string
	for _, a := range m.catalog {
		names = append(names, a.path)
	}
	p := tree.BadPath.Problem(f.At.Pos(), tree.JoinPath(path, f.Name), "unknown SCIM attribute "+tree.Quote(f.Name))
	return p.WithAdvice(tree.Suggestion(f.Name, names, "use a path such as \"title\" or \"name.middleName\""))
}

// positionKey returns the path under which dynamic stores the position of an attribute.
func positionKey(base string, keys []string) string {
	for _, k := range keys {
		if k == "0" {
			base += "[0]"
		} else {
			base = tree.JoinPath(base, k)
		}
	}
	return base
}

// scimPath converts the field names that lead to an attribute to SCIM notation.
func scimPath(keys []string) string {
	var b strings.Builder
	for i, k := range keys {
		switch {
		case k == "0":
			continue
		case i > 0 && keys[i-1] == EnterpriseUser:
			b.WriteByte(':')
		case i > 0:
			b.WriteByte('.')
		}
		b.WriteString(k)
	}
	return b.String()
}
