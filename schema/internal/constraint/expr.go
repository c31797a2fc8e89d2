package constraint

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
	"github.com/seed-d64a251c/roster/schema/internal/source"
)

func (c *schemaCompiler) binary(x *ast.BinaryExpr, scope string) (rule, error) {
	left, err := c.expr(x.X, scope)
	if err != nil {
		return nil, err
	}
	right, err := c.expr(x.Y, scope)
	if err != nil {
		return nil, err
	}
	switch x.Op {
	case token.AND:
		a, leftIsStruct := left.(*structRule)
		b, rightIsStruct := right.(*structRule)
		if leftIsStruct && rightIsStruct {
			return mergeStructRules(a, b), nil
		}
		if all, ok := left.(allRule); ok {
			return append(all[:len(all):len(all)], right), nil
		}
		return allRule{left, right}, nil
	case token.OR:
		if either, ok := left.(eitherRule); ok {
			return append(either[:len(either):len(either)], right), nil
		}
		return eitherRule{left, right}, nil
	}
	return nil, fmt.Errorf("operator %v is not supported", x.Op)
}

// mergeStructRules is & of a closed struct with a struct that further constrains its fields.
func mergeStructRules(a, b *structRule) *structRule {
	out := *a
	out.fields = append([]fieldRule(nil), a.fields...)
	for _, f := range b.fields {
		have := out.field(f.name)
		if have == nil {
			out.fields = append(out.fields, f)
			continue
		}
		have.rule = bothRules(have.rule, f.rule)
		have.required = have.required || f.required
		have.optional = have.optional && f.optional
	}
	switch {
	case b.values == nil:
	case a.values == nil:
		out.keys, out.values = b.keys, b.values
	default:
		out.values = bothRules(a.values, b.values)
	}
	return &out
}

// bothRules is & of two rules.
func bothRules(a, b rule) rule {
	x, aIsStruct := a.(*structRule)
	y, bIsStruct := b.(*structRule)
	switch {
	case aIsStruct && x.open && len(x.fields) == 0:
		return b // {...} adds nothing
	case aIsStruct && bIsStruct:
		return mergeStructRules(x, y)
	}
	return allRule{a, b}
}

func (c *schemaCompiler) unary(x *ast.UnaryExpr, scope string) (rule, error) {
	if x.Op == token.MUL {
		return c.expr(x.X, scope)
	}
	r := source.LiteralReader{Depth: 1}
	n := r.Node(x.X)
	if n == nil {
		return nil, fmt.Errorf("operand of %v is not supported", x.Op)
	}
	switch x.Op {
	case token.MAT:
		re, err := regexp.Compile(n.Text)
		if err != nil {
			return nil, err
		}
		return &patternRule{re: re, runs: parseRuns(n.Text)}, nil
	case token.GEQ, token.LEQ:
		limit, ok := new(big.Rat).SetString(n.Text)
		if !ok {
			return nil, fmt.Errorf("bound %q is not supported", n.Text)
		}
		return &boundRule{op: x.Op.String(), limit: limit, text: n.Text}, nil
	case token.SUB:
		if n := r.Node(x); n != nil {
			return &constRule{n.Kind, n.Text}, nil
		}
	}
	return nil, fmt.Errorf("operator %v is not supported", x.Op)
}

func (c *schemaCompiler) call(x *ast.CallExpr, scope string) (rule, error) {
	name := reference(x.Fun, "")
	if name == "close" && len(x.Args) == 1 {
		return c.expr(x.Args[0], scope)
	}
	if len(x.Args) == 1 {
		if lit, ok := x.Args[0].(*ast.BasicLit); ok {
			switch name {
			case "strings.MinRunes", "strings.MaxRunes":
				count, err := strconv.Atoi(lit.Value)
				if err != nil {
					return nil, err
				}
				if name == "strings.MinRunes" {
					return &lengthRule{min: count, max: 1 << 30}, nil
				}
				return &lengthRule{max: count}, nil
			case "time.Format":
				layout, err := literal.Unquote(lit.Value)
				return &timeRule{layout}, err
			}
		}
	}
	return nil, fmt.Errorf("call of %q is not supported", name)
}

func (c *schemaCompiler) list(x *ast.ListLit, scope string) (rule, error) {
	out := &listRule{}
	for _, e := range x.Elts {
		if rest, ok := e.(*ast.Ellipsis); ok {
			out.rest = anyRule{}
			if rest.Type != nil {
				r, err := c.expr(rest.Type, scope)
				if err != nil {
					return nil, err
				}
				out.rest = r
			}
			continue
		}
		r, err := c.expr(e, scope)
		if err != nil {
			return nil, err
		}
		out.first = append(out.first, r)
	}
	return out, nil
}

func (c *schemaCompiler) structure(x *ast.StructLit, scope string) (rule, error) {
	out := &structRule{}
	for _, d := range x.Elts {
		switch d := d.(type) {
		case *ast.Ellipsis:
			out.open = true
		case *ast.EmbedDecl:
			r, err := c.expr(d.Expr, scope)
			if err != nil {
				return nil, err
			}
			embedded, ok := r.(*structRule)
			if !ok {
				return nil, fmt.Errorf("embedding of %T is not supported", r)
			}
			out = mergeStructRules(embedded, out)
		case *ast.Comprehension:
			return c.customAttributes(x)
		case *ast.Field:
			if err := c.member(out, d, scope); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func (c *schemaCompiler) member(out *structRule, d *ast.Field, scope string) error {
	if pattern, ok := d.Label.(*ast.ListLit); ok && len(pattern.Elts) == 1 {
		keys, err := c.expr(pattern.Elts[0], scope)
		if err != nil {
			return err
		}
		values, err := c.expr(d.Value, scope)
		if err != nil {
			return fmt.Errorf("[%v]: %w", pattern.Elts[0], err)
		}
		out.keys, out.values = keys, values
		return nil
	}
	f, err := c.field(d, scope)
	if err != nil {
		return err
	}
	out.fields = append(out.fields, *f)
	return nil
}

// customAttributes compiles the only comprehension of the schema: a field for each declared
// attribute, with the values of its type.
func (c *schemaCompiler) customAttributes(*ast.StructLit) (rule, error) {
	values, err := c.expr(&ast.SelectorExpr{X: ast.NewIdent("schema"), Sel: ast.NewIdent("#AttributeValues")}, "")
	if err != nil {
		return nil, err
	}
	out := &attributesRule{types: c.types, values: map[string]rule{}}
	for _, f := range values.(*structRule).fields {
		out.values[f.name] = f.rule
	}
	return out, nil
}
