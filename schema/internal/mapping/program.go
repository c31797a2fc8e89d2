package mapping

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// compiledProgram is a mapping as closures. If they fail for a user, CUE evaluates the mapping
// again to report the reason.
type compiledProgram struct {
	catalog Catalog
	// scim has the expressions for each attribute of the catalog.
	scim     [][]conditional
	onCreate [][]conditional
	cue      *cueProgram

	readsGroups bool
}

// conditional is an expression for an attribute, and the condition under which it applies. A nil
// condition always holds.
type conditional struct{ condition, value expr }

// compileMapping compiles a mapping that is written as one struct within the supported subset of
// CUE. It returns nil for any other mapping.
func compileMapping(src *mappingSource, constants map[string]*tree.Node, p *cueProgram) *compiledProgram {
	if len(src.Declarations) != 1 {
		return nil
	}
	part := src.Declarations[0]
	body, ok := part.Expr.(*ast.StructLit)
	if !ok {
		return nil
	}
	c := &mappingCompiler{
		exprCompiler: exprCompiler{
			imports: part.Imports, constants: constants, scope: map[string]expr{}, shadowed: map[string]bool{},
		},
		out: &compiledProgram{
			catalog: p.catalog, cue: p,
			scim: make([][]conditional, len(p.catalog)), onCreate: make([][]conditional, len(p.catalog)),
		},
	}
	if !c.mapping(body) {
		return nil
	}
	c.out.readsGroups = c.readsGroups
	return c.out
}

// mappingCompiler compiles one mapping.
type mappingCompiler struct {
	exprCompiler
	out *compiledProgram
}

func (c *mappingCompiler) mapping(body *ast.StructLit) bool {
	if !c.names(body) {
		return false
	}
	for _, d := range body.Elts {
		name, f, ok := source.PlainField(d)
		if !ok {
			if _, isLet := d.(*ast.LetClause); isLet {
				continue
			}
			return false
		}
		var into [][]conditional
		switch name {
		case "scim":
			into = c.out.scim
		case "onCreate":
			into = c.out.onCreate
		default:
			continue // it is literal and checked elsewhere
		}
		fields, ok := f.Value.(*ast.StructLit)
		if !ok || !c.structure(fields, nil, nil, into) {
			return false
		}
	}
	return true
}

// names adds the let clauses of a struct to the scope, and marks its fields, which shadow outer
// names. It returns false for references that are not supported.
func (c *mappingCompiler) names(body *ast.StructLit) bool {
	for _, d := range body.Elts {
		switch d := d.(type) {
		case *ast.LetClause:
			e := c.compile(d.Expr)
			if e == nil || d.Ident.Name == "user" {
				return false
			}
			c.scope[d.Ident.Name] = e
		case *ast.Field:
			if d.Alias != nil {
				return false
			}
			if id, ok := d.Label.(*ast.Ident); ok && id.Name != "user" {
				if c.scope[id.Name] != nil {
					return false
				}
				c.shadowed[id.Name] = true
			}
		}
	}
	return true
}

// structure compiles the fields of scim or onCreate, or of a struct in them.
func (c *mappingCompiler) structure(body *ast.StructLit, path []string, when expr, into [][]conditional) bool {
	if !c.names(body) {
		return false
	}
	for _, d := range body.Elts {
		switch x := d.(type) {
		case *ast.CommentGroup, *ast.LetClause:
			continue
		case *ast.Comprehension:
			cond := c.conditions(x)
			inner, ok := x.Value.(*ast.StructLit)
			if cond == nil || !ok || !c.structure(inner, path, bothHold(when, cond), into) {
				return false
			}
			continue
		}
		name, f, ok := source.PlainField(d)
		if !ok || name == "user" || !c.member(f.Value, append(slices.Clone(path), name), when, into) {
			return false
		}
	}
	return true
}

func (c *mappingCompiler) member(x ast.Expr, path []string, when expr, into [][]conditional) bool {
	switch v := x.(type) {
	case *ast.StructLit:
		return c.structure(v, path, when, into)
	case *ast.ListLit:
		if len(v.Elts) == 1 {
			if s, ok := v.Elts[0].(*ast.StructLit); ok {
				return c.structure(s, append(path, "0"), when, into)
			}
		}
	}
	i := slices.IndexFunc(c.out.catalog, func(a attribute) bool { return slices.Equal(a.keys, path) })
	e := c.compile(x)
	if i < 0 || e == nil {
		return false
	}
	into[i] = append(into[i], conditional{when, e})
	return true
}

// bothHold is the conjunction of two conditions. The second is evaluated only if the first holds.
func bothHold(a, b expr) expr {
	if a == nil {
		return b
	}
	return func(in *userInput) value {
		if v := a(in); v.kind != isBool || !v.b {
			return v
		}
		return b(in)
	}
}

func (p *compiledProgram) run(in *userInput) (scim, onCreate []any, err error) {
	scim, ok := p.values(p.scim, in)
	onCreate, okOnCreate := p.values(p.onCreate, in)
	if !ok || !okOnCreate {
		return p.cue.run(in)
	}
	return scim, onCreate, nil
}

// values evaluates the attributes. It returns false if CUE must evaluate the mapping.
func (p *compiledProgram) values(exprs [][]conditional, in *userInput) ([]any, bool) {
	out := make([]any, len(exprs))
	for i, alternatives := range exprs {
		for _, g := range alternatives {
			if g.condition != nil {
				if v := g.condition(in); v.kind == isBool && !v.b {
					continue
				} else if v.kind != isBool {
					return nil, false
				}
			}
			v := g.value(in)
			var x any
			switch {
			case v.kind == undefined:
				continue
			case v.kind == isBool && p.catalog[i].bool:
				x = v.b
			case v.kind == isString && !p.catalog[i].bool:
				x = v.s
			default:
				return nil, false
			}
			if out[i] != nil && out[i] != x {
				return nil, false
			}
			out[i] = x
		}
	}
	return out, true
}
