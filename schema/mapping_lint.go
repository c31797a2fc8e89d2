package schema

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// mappingLint finds errors that CUE would hide: unknown fields of users inside a test for presence,
// and defaults that replace every error.
type mappingLint struct {
	*loader
	ref  *tree.File
	path string
}

// lintMappings reports the errors in the expressions of all mappings. It returns their positions.
func (l *loader) lintMappings() map[tree.Pos]bool {
	invalid := map[tree.Pos]bool{}
	if l.evaluated == nil {
		return invalid
	}
	for _, key := range slices.Sorted(maps.Keys(l.mappingSources)) {
		n := len(l.Problems)
		l.lintMapping(l.mappingSources[key])
		l.mappingSources[key].invalid = len(l.Problems) > n
		for _, p := range l.Problems[n:] {
			invalid[p.Pos] = true
		}
	}
	return invalid
}

// lintMapping reports the errors in the expressions of a mapping.
func (l *loader) lintMapping(m *mappingSource) {
	for _, part := range m.Declarations {
		lint := &mappingLint{l, part.Ref, tree.JoinPath("mappings", m.Key)}
		body, ok := part.Expr.(*ast.StructLit)
		if !ok {
			lint.walk(part.Expr)
			continue
		}
		for _, d := range body.Elts {
			if name, _, ok := source.PlainField(d); ok && name != "scim" && name != "onCreate" {
				continue
			}
			lint.walk(d)
		}
		lint.fields(body, l.schema.Mapping(), lint.path)
	}
}

// fields reports unknown fields. CUE does not report them while there are other errors.
func (m *mappingLint) fields(n ast.Node, known constraint.Shape, path string) {
	switch x := n.(type) {
	case *ast.Comprehension:
		m.fields(x.Value, known, path)
	case *ast.ListLit:
		if element, ok := known.Element(); ok && len(x.Elts) == 1 {
			m.fields(x.Elts[0], element, path+"[0]")
		}
	case *ast.StructLit:
		if !known.Closed() {
			return
		}
		for _, d := range x.Elts {
			f, ok := d.(*ast.Field)
			if !ok {
				m.fields(d, known, path)
				continue
			}
			name, ok := source.LabelName(f.Label)
			if !ok {
				continue
			}
			if field, ok := known.Field(name); ok {
				m.fields(f.Value, field, tree.JoinPath(path, name))
				continue
			}
			m.Report(known.UnknownField(name, source.TokenPosition(m.ref, f.Label.Pos()), path))
		}
	}
}

func (m *mappingLint) walk(n ast.Node) {
	ast.Walk(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BinaryExpr:
			if x.Op == token.OR {
				message := "`|` hides errors in the expression to its left"
				p := tree.HidesErrors.Problem(source.TokenPosition(m.ref, x.Pos()).Pos(), m.path, message)
				m.Report(p.WithAdvice("to select the first value that exists, " + tree.HidesErrors.Advice))
			}
		case *ast.SelectorExpr:
			m.field(x, x.Sel)
		case *ast.IndexExpr:
			m.field(x, x.Index)
		}
		return true
	}, nil)
}

// field checks user.x and user.attributes.x.
func (m *mappingLint) field(x ast.Expr, where ast.Node) {
	base, name := attributeSelector(x)
	if name == "" {
		return
	}
	if id, ok := base.(*ast.Ident); ok && id.Name == "user" {
		if _, known := userInputFields[name]; !known && name != "attributes" {
			m.unknown(where, name, slices.Sorted(maps.Keys(userInputFields)), "unknown user field")
		}
		return
	}
	outer, between := attributeSelector(base)
	if id, ok := outer.(*ast.Ident); ok && id.Name == "user" && between == "attributes" {
		if _, known := m.schema.Types()[name]; !known {
			m.unknown(where, name, slices.Sorted(maps.Keys(m.schema.Types())), "unknown user attribute")
		}
	}
}

func (m *mappingLint) unknown(where ast.Node, name string, known []string, message string) {
	advice := tree.Suggestion(name, known, "known: "+strings.Join(known, ", "))
	p := tree.NoAttribute.Problem(source.TokenPosition(m.ref, where.Pos()).Pos(), m.path, message+" "+tree.Quote(name))
	m.Report(p.WithAdvice(advice))
}
