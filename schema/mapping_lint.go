package schema

import (
	"fmt"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// mappingLint finds what CUE would let pass: a field that users do not have inside a test for presence, and defaults that would hide every error.
type mappingLint struct {
	*loader
	ref  *fileRef
	path string
}

// lintMapping reports what is wrong with the expressions of a mapping, and returns where.
func (l *loader) lintMapping(m *mappingSource) {
	for _, part := range m.declarations {
		lint := &mappingLint{l, part.ref, joinPath("mappings", m.key)}
		body, ok := part.expr.(*ast.StructLit)
		if !ok {
			lint.walk(part.expr)
			continue
		}
		for _, d := range body.Elts {
			if name, _, ok := plainField(d); ok && name != "scim" && name != "onCreate" {
				continue
			}
			lint.walk(d)
		}
		lint.fields(body, l.schema.mapping(), lint.path)
	}
}

// fields refuses fields that the schema does not have, which CUE keeps to itself while anything else is wrong.
func (m *mappingLint) fields(n ast.Node, r rule, path string) {
	switch x := n.(type) {
	case *ast.Comprehension:
		m.fields(x.Value, r, path)
	case *ast.ListLit:
		if list, ok := r.(*listRule); ok && len(list.first) == 1 && len(x.Elts) == 1 {
			m.fields(x.Elts[0], list.first[0], path+"[0]")
		}
	case *ast.StructLit:
		known, ok := r.(*structRule)
		if !ok || known.open || known.values != nil {
			return
		}
		for _, d := range x.Elts {
			f, ok := d.(*ast.Field)
			if !ok {
				m.fields(d, r, path)
				continue
			}
			name, ok := labelName(f.Label)
			if !ok {
				continue
			}
			if sub := known.field(name); sub != nil {
				m.fields(f.Value, sub.rule, joinPath(path, name))
				continue
			}
			where := &node{at: tokenPosition(m.ref, f.Label.Pos()), kind: structNode}
			known.checkField(&field{name: name, at: where.at, value: where}, new(uint64), &problemCollector{path: path, add: m.report})
		}
	}
}

func (m *mappingLint) walk(n ast.Node) {
	ast.Walk(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.BinaryExpr:
			if x.Op == token.OR {
				m.report(Problem{Pos: tokenPosition(m.ref, x.Pos()).pos(), Code: hidesErrors.id, Path: m.path, Message: "a | in a mapping hides every error of what stands before it", Advice: "for the first that is there, " + hidesErrors.advice})
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
			m.unknown(where, name, keysOf(userInputFields), "users have no field")
		}
		return
	}
	outer, between := attributeSelector(base)
	if id, ok := outer.(*ast.Ident); ok && id.Name == "user" && between == "attributes" {
		if _, known := m.schema.types[name]; !known {
			m.unknown(where, name, keysOf(m.schema.types), "users have no attribute")
		}
	}
}

func (m *mappingLint) unknown(where ast.Node, name string, known []string, what string) {
	advice := "known: " + strings.Join(known, ", ")
	if guess := nearest(name, known); guess != "" {
		advice = fmt.Sprintf("did you mean %q?", guess)
	}
	m.report(Problem{Pos: tokenPosition(m.ref, where.Pos()).pos(), Code: noAttribute.id, Path: m.path, Message: what + " " + quote(name), Advice: advice})
}
