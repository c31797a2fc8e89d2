package mapping

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
	schema *constraint.Schema
	ref    *tree.File
	path   string
	found  *tree.Findings
}

// Lint has the problems in the expressions of mappings.
type Lint struct {
	tree.Findings
	// Positions are those of the problems.
	Positions map[tree.Pos]bool
	// mappings are the keys of the mappings with problems.
	mappings map[string]bool
}

// NewLint finds errors in the expressions of mappings that CUE would hide. It finds none in
// declarations that CUE cannot evaluate.
func NewLint(s *constraint.Schema, dynamic *source.Dynamic) Lint {
	out := Lint{Positions: map[tree.Pos]bool{}, mappings: map[string]bool{}}
	if dynamic.Failed {
		return out
	}
	for _, key := range slices.Sorted(maps.Keys(dynamic.Mappings)) {
		var found tree.Findings
		lintMapping(s, dynamic.Mappings[key], &found)
		out.mappings[key] = len(found.Problems) > 0
		for _, p := range found.Problems {
			out.Positions[p.Pos] = true
		}
		out.Add(found)
	}
	return out
}

// lintMapping reports the errors in the expressions of a mapping.
func lintMapping(s *constraint.Schema, m *source.MappingCode, found *tree.Findings) {
	for _, part := range m.Declarations {
		lint := &mappingLint{s, part.Ref, tree.JoinPath("mappings", m.Key), found}
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
		lint.fields(body, s.Mapping(), lint.path)
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
			m.found.Report(known.UnknownField(name, source.TokenPosition(m.ref, f.Label.Pos()), path))
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
				m.found.Report(p.WithAdvice("to select the first value that exists, " + tree.HidesErrors.Advice))
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
		if _, known := UserFields[name]; !known && name != "attributes" {
			m.unknown(where, name, slices.Sorted(maps.Keys(UserFields)), "unknown user field")
		}
		return
	}
	outer, between := attributeSelector(base)
	if id, ok := outer.(*ast.Ident); ok && id.Name == "user" && between == "attributes" {
		if _, known := m.schema.Types()[name]; !known {
			m.unknown(where, name, slices.Sorted(maps.Keys(m.schema.Types())), tree.UnknownMapped)
		}
	}
}

func (m *mappingLint) unknown(where ast.Node, name string, known []string, message string) {
	advice := tree.Suggestion(name, known, "known: "+strings.Join(known, ", "))
	p := tree.NoAttribute.Problem(source.TokenPosition(m.ref, where.Pos()).Pos(), m.path, message+" "+tree.Quote(name))
	m.found.Report(p.WithAdvice(advice))
}
