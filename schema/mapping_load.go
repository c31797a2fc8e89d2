package schema

import (
	"fmt"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
)

// mappingSource is one mapping on its way to a Mapping: what people wrote, and what CUE made of it.
type mappingSource struct {
	key          string
	position     position
	declarations []mappingDeclaration // the declarations that it is made of
	value        cue.Value
	ifEmpty      *node
	examples     *node // examples
	invalid      bool  // its expressions are wrong, and said to be
}

// mappingPart is one declaration of a mapping and the imports of its file.
type mappingDeclaration struct {
	expr    ast.Expr
	imports map[string]string
	ref     *fileRef
}

func (s *splitter) mappingSource(kind, key string, f *ast.Field) {
	if kind != "mappings" {
		return
	}
	if s.mappingSources == nil {
		s.mappingSources = map[string]*mappingSource{}
	}
	m := s.mappingSources[key]
	if m == nil {
		m = &mappingSource{key: key, position: s.reader.at(f.Label)}
		s.mappingSources[key] = m
	}
	m.declarations = append(m.declarations, mappingDeclaration{f.Value, s.safety.imports, s.reader.ref})
}

// mapping returns the compiled schema of a mapping.
func (c *compiledSchema) mapping() *structRule {
	return c.roots["mappings"].rule.(*structRule).values.(*structRule)
}

// takeMappings takes what CUE made of the mappings.
func (l *loader) loadMappings() {
	e := l.evaluated
	if e == nil || !e.full.Exists() {
		return
	}
	it, err := e.full.LookupPath(cue.ParsePath("mappings")).Fields()
	if err != nil {
		return
	}
	for it.Next() {
		key := it.Selector().Unquoted()
		if l.mappingSources == nil {
			l.mappingSources = map[string]*mappingSource{}
		}
		m := l.mappingSources[key]
		if m == nil {
			m = &mappingSource{key: key, position: l.dynamic.positions["mappings"]}
			l.mappingSources[key] = m
		}
		m.value = it.Value()
		m.ifEmpty = l.mappingField(m, "ifEmpty")
		m.examples = l.mappingField(m, "examples")
	}
}

// mappingField extracts and checks one field of a mapping that is data.
func (l *loader) mappingField(m *mappingSource, name string) *node {
	v := m.value.LookupPath(cue.MakePath(cue.Str(name)))
	if !v.Exists() {
		return nil
	}
	path := joinPath(joinPath("mappings", m.key), name)
	x := &extractor{loader: l}
	n := x.value(v, path, m.position, nil)
	if f := l.schema.mapping().field(name); !f.rule.check(n, nil) {
		f.rule.check(n, &problemCollector{path: path, add: l.report})
	}
	return n
}

// mapping makes the Mapping.
func (l *loader) mapping(src *mappingSource) *Mapping {
	m := &Mapping{Key: src.key, Pos: src.position.pos(), catalog: newCatalog(l.schema), ifEmpty: map[string]string{}, positions: map[string]Pos{},
		fingerprint: src.fingerprint(l.dynamic.constants)}
	m.secretFields = secretAttributes(l.attributeTypes())
	m.redacted = src.redacted(m.secretFields, l.dynamic.constants, m.catalog)
	base := joinPath("mappings", m.Key)
	for _, a := range m.catalog {
		for i := range a.keys {
			if s, ok := l.dynamic.positions[positionKey(joinPath(base, "scim"), a.keys[:i+1])]; ok {
				m.positions[scimPath(a.keys[:i+1])] = s.pos()
			} else if s, ok := l.dynamic.positions[positionKey(joinPath(base, "onCreate"), a.keys[:i+1])]; ok {
				m.positions[scimPath(a.keys[:i+1])] = s.pos()
			}
		}
	}
	if src.ifEmpty != nil {
		for _, f := range src.ifEmpty.fields {
			if !m.hasPath(f.name) {
				l.report(m.badPath(f, base+".ifEmpty"))
			}
			m.ifEmpty[f.name] = f.value.string()
		}
	}
	if !src.value.Exists() {
		return m
	}
	p := newCUEProgram(src.value, m.catalog)
	switch compiled := compileMapping(src, l.dynamic.constants, p); {
	case src.invalid:
	case compiled != nil:
		m.program = compiled
	default:
		m.program = p
	}
	m.sets, m.setsOnCreate = src.setAttributes("scim", p.scim, m), src.setAttributes("onCreate", p.onCreate, m)
	for i, a := range m.catalog {
		if m.sets[i] && m.setsOnCreate[i] {
			l.report(Problem{Pos: m.AttributePos(a.path), Code: badPolicy.id, Path: base + ".onCreate", Message: a.path + " is both in scim and in onCreate", Advice: "keep one of them"})
		}
	}
	if src.isLiteral() {
		l.checkIfEmpty(m, src, base)
	}
	l.checkUserField(src, base)
	l.checkRequired(m, base)
	return m
}

// checkIfEmpty refuses policies for attributes that the mapping does not set.
func (l *loader) checkIfEmpty(m *Mapping, src *mappingSource, base string) {
	if src.ifEmpty == nil {
		return
	}
	for _, f := range src.ifEmpty.fields {
		set := false
		for i, a := range m.catalog {
			set = set || (m.sets[i] || m.setsOnCreate[i]) && isWithin(f.name, a.path)
		}
		if !set && m.hasPath(f.name) {
			l.report(Problem{Pos: f.at.pos(), Code: badPath.id, Path: joinPath(base+".ifEmpty", f.name), Message: "the mapping does not set this attribute", Advice: "set it, or remove the policy"})
		}
	}
}

// holds reports whether a path is that of an attribute, or of what holds it.
func isWithin(path, attribute string) bool {
	return attribute == path || strings.HasPrefix(attribute, path+".") || path == EnterpriseUser && strings.HasPrefix(attribute, path)
}

// checkRequired demands an expression for each attribute that AWS requires, and that an e-mail address is the primary one.
func (l *loader) checkRequired(m *Mapping, base string) {
	email := false
	for i, a := range m.catalog {
		email = email || a.path == "emails.value" && m.sets[i]
		if a.required && !m.sets[i] {
			at := m.Pos
			if s, ok := l.dynamic.positions[base+".scim"]; ok {
				at = s.pos()
			}
			l.report(Problem{Pos: at, Code: missingField.id, Path: base + ".scim." + strings.Join(a.keys, "."), Message: "is missing", Advice: "AWS requires it"})
		}
	}
	primary := slices.IndexFunc(m.catalog, func(a attribute) bool { return a.path == "emails.primary" })
	if email && !m.sets[primary] {
		l.report(Problem{Pos: m.AttributePos("emails"), Code: missingField.id, Path: base + ".scim.emails[0].primary", Message: "is missing", Advice: "write primary: true, as AWS requires"})
	}
}

// outright reports whether the mapping is written in one piece, so that its declaration names every attribute that it may set.
func (src *mappingSource) isLiteral() bool {
	if len(src.declarations) != 1 {
		return false
	}
	_, ok := src.declarations[0].expr.(*ast.StructLit)
	return ok
}

// sets tells which attributes a mapping sets: those that its declarations name and those that CUE knows of. Where more may come of expressions, those that
// ifEmpty speaks of too.
func (src *mappingSource) setAttributes(base string, paths []cue.Path, m *Mapping) []bool {
	named := map[string]bool{}
	for _, part := range src.declarations {
		namedFields(part.expr, "", func(path string) { named[path] = true })
	}
	out := make([]bool, len(m.catalog))
	for i, a := range m.catalog {
		policy, spoken := m.ifEmpty[a.path]
		hidden := !src.isLiteral() && base == "scim" && spoken && policy != "skip"
		out[i] = named["."+base+"."+strings.Join(a.keys, ".")] || src.value.LookupPath(paths[i]).Exists() || hidden
	}
	return out
}

// fieldsNamed calls yield with the path of each field that an expression names outright, under conditions or not.
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
			if name, ok := labelName(f.Label); ok {
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

// checkUserField demands `user: #User`, without which the expressions refer to something else than the user.
func (l *loader) checkUserField(src *mappingSource, base string) {
	if v := src.value.LookupPath(cue.ParsePath("user")); !v.Exists() {
		l.report(Problem{Pos: src.position.pos(), Code: wrongMapping.id, Path: base, Message: "the mapping has no `user`", Advice: "begin it with `user: #User`"})
	}
}

// known reports whether a path names an attribute of AWS, or what holds some.
func (m *Mapping) hasPath(path string) bool {
	return slices.ContainsFunc(m.catalog, func(a attribute) bool { return isWithin(path, a.path) })
}

func (m *Mapping) badPath(f field, path string) Problem {
	var names []string
	for _, a := range m.catalog {
		names = append(names, a.path)
	}
	p := Problem{Pos: f.at.pos(), Code: badPath.id, Path: joinPath(path, f.name), Message: "no SCIM attribute " + quote(f.name), Advice: "use a path such as \"title\" or \"name.middleName\""}
	if guess := nearest(f.name, names); guess != "" {
		p.Advice = fmt.Sprintf("did you mean %q?", guess)
	}
	return p
}

// attributeSpot is the path under which the position of an attribute's expression is known.
func positionKey(base string, keys []string) string {
	for _, k := range keys {
		if k == "0" {
			base += "[0]"
		} else {
			base = joinPath(base, k)
		}
	}
	return base
}

// scimPath writes the fields that lead to an attribute in SCIM's notation.
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
