package mapping

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
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

// Input has what mappings are compiled from.
type Input struct {
	Schema  *constraint.Schema
	Dynamic *source.Dynamic
	// Evaluated is the result of CUE; nil if there was nothing to evaluate.
	Evaluated *constraint.Evaluation
	Lint      Lint
	// Records have the declared custom attributes.
	Records *tree.Node
	// Allowed returns an error if CUE may not evaluate users.
	Allowed func() error
}

// Compile compiles and checks all mappings.
func Compile(in Input) (mappings map[string]*Mapping, found tree.Findings) {
	c := &compiler{Input: in, secret: SecretAttributes(constraint.AttributeTypes(in.Records)), found: &found}
	sources := c.sources()
	mappings = make(map[string]*Mapping, len(sources))
	for _, key := range slices.Sorted(maps.Keys(sources)) {
		mappings[key] = c.mapping(sources[key])
	}
	return mappings, found
}

// compiler compiles the mappings of one Load.
type compiler struct {
	Input
	// secret are the attributes with `redact: true`.
	secret map[string]bool
	found  *tree.Findings
}

// sources returns the declarations of the mappings, and their values in CUE.
func (c *compiler) sources() map[string]*mappingSource {
	out := map[string]*mappingSource{}
	for key, code := range c.Dynamic.Mappings {
		out[key] = &mappingSource{MappingCode: *code, invalid: c.Lint.mappings[key]}
	}
	for key, value := range c.Evaluated.Mappings {
		m := out[key]
		if m == nil {
			m = &mappingSource{MappingCode: source.MappingCode{Key: key, Position: c.Dynamic.Positions["mappings"]}}
			out[key] = m
		}
		var found tree.Findings
		m.value = value
		m.ifEmpty, found = c.Schema.MappingField(c.Dynamic, value, key, "ifEmpty", m.Position)
		c.found.Add(found)
		m.examples, found = c.Schema.MappingField(c.Dynamic, value, key, "examples", m.Position)
		c.found.Add(found)
	}
	return out
}

// mapping creates the Mapping and checks it.
func (c *compiler) mapping(src *mappingSource) *Mapping {
	m := c.newMapping(src)
	base := tree.JoinPath("mappings", m.Key)
	c.locateAttributes(m, base)
	if src.ifEmpty != nil {
		for _, f := range src.ifEmpty.Fields {
			if !m.HasPath(f.Name) {
				c.found.Report(m.UnknownPath(f, base+".ifEmpty"))
			}
			m.ifEmpty[f.Name] = f.Value.Str()
		}
	}
	if !src.value.Exists() {
		return m
	}
	p := newCUEProgram(src.value, m.catalog, c.Allowed)
	switch compiled := compileMapping(src, c.Dynamic.Constants, p); {
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
			c.found.Report(tree.BadPolicy.Problem(m.AttributePos(a.path), base+".onCreate", message))
		}
	}
	if src.isLiteral() {
		c.checkIfEmpty(m, src, base)
	}
	c.checkUserField(src, base)
	c.checkRequired(m, base)
	return m
}

// newMapping returns a mapping without a program.
func (c *compiler) newMapping(src *mappingSource) *Mapping {
	m := &Mapping{
		Key: src.Key, Pos: src.Position.Pos(), catalog: NewCatalog(c.Schema), examples: src.examples,
		ifEmpty: map[string]string{}, positions: map[string]tree.Pos{}, secretFields: c.secret,
		fingerprint: src.fingerprint(c.Dynamic.Constants), attributeNames: src.attributeNames(),
	}
	expressions, constants := &mappingSource{MappingCode: src.MappingCode}, c.Dynamic.Constants
	m.redactedWith = func(secret map[string]bool) []string { return expressions.redacted(secret, constants, m.catalog) }
	m.redacted = m.redactedWith(m.secretFields)
	return m
}

// locateAttributes sets the positions of the mapping's expressions.
func (c *compiler) locateAttributes(m *Mapping, base string) {
	for _, a := range m.catalog {
		for i := range a.keys {
			keys := a.keys[:i+1]
			if at, ok := c.Dynamic.Positions[positionKey(tree.JoinPath(base, "scim"), keys)]; ok {
				m.positions[scimPath(keys)] = at.Pos()
			} else if at, ok := c.Dynamic.Positions[positionKey(tree.JoinPath(base, "onCreate"), keys)]; ok {
				m.positions[scimPath(keys)] = at.Pos()
			}
		}
	}
}

// checkIfEmpty rejects policies for attributes that the mapping does not set.
func (c *compiler) checkIfEmpty(m *Mapping, src *mappingSource, base string) {
	if src.ifEmpty == nil {
		return
	}
	for _, f := range src.ifEmpty.Fields {
		set := false
		for i, a := range m.catalog {
			set = set || (m.sets[i] || m.setsOnCreate[i]) && isWithin(f.Name, a.path)
		}
		if !set && m.HasPath(f.Name) {
			path := tree.JoinPath(base+".ifEmpty", f.Name)
			p := tree.BadPath.Problem(f.At.Pos(), path, "the mapping does not set this attribute")
			c.found.Report(p.WithAdvice("set it, or remove the policy"))
		}
	}
}

// isWithin reports whether a path is that of an attribute, or of a parent.
func isWithin(path, attribute string) bool {
	return attribute == path || strings.HasPrefix(attribute, path+".") ||
		path == declaration.EnterpriseUser && strings.HasPrefix(attribute, path)
}

// checkRequired requires an expression for each attribute that AWS requires, and a primary email
// address.
func (c *compiler) checkRequired(m *Mapping, base string) {
	email := false
	for i, a := range m.catalog {
		email = email || a.path == "emails.value" && m.sets[i]
		if a.required && !m.sets[i] {
			at := m.Pos
			if p, ok := c.Dynamic.Positions[base+".scim"]; ok {
				at = p.Pos()
			}
			path := base + ".scim." + strings.Join(a.keys, ".")
			p := tree.MissingField.Problem(at, path, constraint.FieldMissing)
			c.found.Report(p.WithAdvice("add it, because AWS requires it"))
		}
	}
	primary := slices.IndexFunc(m.catalog, func(a attribute) bool { return a.path == "emails.primary" })
	if email && !m.sets[primary] {
		path := base + ".scim.emails[0].primary"
		p := tree.MissingField.Problem(m.AttributePos("emails"), path, constraint.FieldMissing)
		c.found.Report(p.WithAdvice("add `primary: true`, because AWS requires it"))
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
func (c *compiler) checkUserField(src *mappingSource, base string) {
	if v := src.value.LookupPath(cue.ParsePath("user")); !v.Exists() {
		p := tree.WrongMapping.Problem(src.Position.Pos(), base, "the mapping has no `user`")
		c.found.Report(p.WithAdvice("begin it with `user: #User`"))
	}
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
		case i > 0 && keys[i-1] == declaration.EnterpriseUser:
			b.WriteByte(':')
		case i > 0:
			b.WriteByte('.')
		}
		b.WriteString(k)
	}
	return b.String()
}
