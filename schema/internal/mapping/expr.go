package mapping

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// A mapping is compiled if it uses only the subset of CUE that is common in mappings. CUE evaluates
// all other mappings. If compiled code fails for a user, CUE evaluates the mapping again and
// reports the error, so compiled code has no error messages.

// expr is a compiled expression.
type expr func(*userInput) value

func constant(v value) expr { return func(*userInput) value { return v } }

// exprCompiler compiles the expressions of one mapping.
type exprCompiler struct {
	imports map[string]string
	// constants are the hidden fields and definitions of the package with literal data.
	constants map[string]*tree.Node
	// scope has the let clauses.
	scope map[string]expr
	// shadowed are the names of the fields around the expression.
	shadowed map[string]bool

	readsGroups bool
}

// compile returns nil for an expression outside the supported subset. The compiled expression fails
// if the mapping does too much work for one user.
func (c *exprCompiler) compile(x ast.Expr) expr {
	e := c.compileUnlimited(x)
	if e == nil {
		return nil
	}
	return func(in *userInput) value {
		if in.work++; in.work > maxWork {
			return value{kind: failed}
		}
		v := e(in)
		in.work += len(v.s)/workBytes + len(v.list)
		return v
	}
}

// maxWork is how much work a compiled mapping may do for one user: one unit for each evaluation of
// an expression, for each element of a list, and for workBytes bytes of text. The mapping of the
// example needs less than 100. CUE evaluates mappings that need more.
const (
	maxWork   = 1 << 16
	workBytes = 16
)

func (c *exprCompiler) compileUnlimited(x ast.Expr) expr {
	switch x := x.(type) {
	case *ast.BasicLit:
		r := source.LiteralReader{Depth: 1}
		return fromNode(r.Node(x))
	case *ast.ParenExpr:
		return c.compile(x.X)
	case *ast.Interpolation:
		return c.interpolation(x)
	case *ast.Ident:
		return c.ident(x)
	case *ast.SelectorExpr:
		return c.selector(x)
	case *ast.IndexExpr:
		return c.index(x)
	case *ast.UnaryExpr:
		if x.Op == token.NOT {
			return not(c.compile(x.X))
		}
	case *ast.BinaryExpr:
		return c.binary(x)
	case *ast.ListLit:
		return c.list(x)
	case *ast.CallExpr:
		return c.call(x)
	}
	return nil
}

func fromNode(n *tree.Node) expr {
	if n == nil {
		return nil
	}
	if v := constantValue(n); v.kind != failed {
		return constant(v)
	}
	return nil
}

func (c *exprCompiler) ident(x *ast.Ident) expr {
	if e, ok := c.scope[x.Name]; ok {
		return e
	}
	if n := c.constants[x.Name]; n != nil && !c.shadowed[x.Name] {
		return fromNode(n)
	}
	return nil
}

func (c *exprCompiler) selector(x *ast.SelectorExpr) expr {
	name, ok := source.LabelName(asLabel(x.Sel))
	if !ok {
		return nil
	}
	if c.isUser(x.X) {
		return c.userField(name)
	}
	if c.isAttributes(x.X) {
		return attributeField(name)
	}
	return indexed(c.compile(x.X), constant(stringValue(name)))
}

func asLabel(l ast.Label) ast.Label { return l }

// isUser reports whether an expression is `user`.
func (c *exprCompiler) isUser(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == "user" && c.scope["user"] == nil
}

// isAttributes reports whether an expression is `user.attributes`.
func (c *exprCompiler) isAttributes(x ast.Expr) bool {
	base, name := attributeSelector(x)
	return name == "attributes" && c.isUser(base)
}

// attributeSelector splits x.name and x["name"].
func attributeSelector(x ast.Expr) (base ast.Expr, name string) {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		name, _ = source.LabelName(x.Sel)
		return x.X, name
	case *ast.IndexExpr:
		if lit, ok := x.Index.(*ast.BasicLit); ok {
			name, _ = source.LabelName(lit)
		}
		return x.X, name
	}
	return nil, ""
}

func (c *exprCompiler) userField(name string) expr {
	c.readsGroups = c.readsGroups || name == "groups"
	if _, ok := UserFields[name]; !ok {
		return nil
	}
	return func(in *userInput) value { return fromGo(in.field(name)) }
}

func attributeField(name string) expr {
	return func(in *userInput) value { return fromGo(in.user.Attributes[name]) }
}

func (c *exprCompiler) index(x *ast.IndexExpr) expr {
	if _, name := attributeSelector(x); name != "" {
		switch {
		case c.isUser(x.X):
			return c.userField(name)
		case c.isAttributes(x.X):
			return attributeField(name)
		}
	}
	return indexed(c.compile(x.X), c.compile(x.Index))
}

// indexed is x[i] for lists and for structs of constants.
func indexed(x, i expr) expr {
	if x == nil || i == nil {
		return nil
	}
	return func(in *userInput) value {
		base, key := x(in), i(in)
		switch {
		case base.kind == undefined || key.kind == undefined:
			return value{}
		case base.kind == isList && key.kind == isInt && key.i >= 0 && key.i < int64(len(base.list)):
			return base.list[key.i]
		case base.kind == isData && key.kind == isString:
			if n := base.data.Child(key.s); n != nil {
				return constantValue(n)
			}
		}
		return value{kind: failed}
	}
}

func not(x expr) expr {
	if x == nil {
		return nil
	}
	return func(in *userInput) value {
		v := x(in)
		switch v.kind {
		case undefined:
			return v
		case isBool:
			return boolValue(!v.b)
		}
		return value{kind: failed}
	}
}

// isBottom reports whether an expression is _|_.
func isBottom(x ast.Expr) bool {
	_, ok := x.(*ast.BottomLit)
	return ok
}

func (c *exprCompiler) binary(x *ast.BinaryExpr) expr {
	if isBottom(x.Y) && (x.Op == token.NEQ || x.Op == token.EQL) {
		e := c.compile(x.X)
		if e == nil {
			return nil
		}
		return func(in *userInput) value {
			defined := e(in).kind > failed
			return boolValue(defined == (x.Op == token.NEQ))
		}
	}
	left, right := c.compile(x.X), c.compile(x.Y)
	op := operators[x.Op]
	if left == nil || right == nil || op == nil {
		return nil
	}
	return func(in *userInput) value {
		a, b := left(in), right(in)
		switch {
		case a.kind == failed || b.kind == failed:
			return value{kind: failed}
		case a.kind == undefined || b.kind == undefined:
			return value{}
		case a.kind != b.kind:
			return value{kind: failed}
		}
		return op(a, b)
	}
}

func (c *exprCompiler) interpolation(x *ast.Interpolation) expr {
	first, last := x.Quotes()
	info, prefix, _, err := literal.ParseQuotes(first.Value, last.Value)
	if err != nil || !info.IsDouble() {
		return nil
	}
	var parts []expr
	for i, e := range x.Elts {
		if i%2 == 1 {
			part := c.compile(e)
			if part == nil {
				return nil
			}
			parts = append(parts, part)
			continue
		}
		lit, ok := e.(*ast.BasicLit)
		if !ok || len(lit.Value) < prefix {
			return nil
		}
		text, err := info.Unquote(lit.Value[prefix:])
		if err != nil {
			return nil
		}
		parts = append(parts, constant(stringValue(text)))
		prefix = 1
	}
	return func(in *userInput) value {
		var b strings.Builder
		for _, p := range parts {
			v := p(in)
			switch v.kind {
			case isString:
				b.WriteString(v.s)
			case isInt:
				b.WriteString(strconv.FormatInt(v.i, 10))
			case isBool:
				b.WriteString(strconv.FormatBool(v.b))
			case undefined:
				return value{}
			default:
				return value{kind: failed}
			}
		}
		return stringValue(b.String())
	}
}

// list compiles lists whose elements may have conditions.
func (c *exprCompiler) list(x *ast.ListLit) expr {
	type element struct {
		when expr // nil for always
		is   expr
	}
	var elements []element
	for _, e := range x.Elts {
		if _, ok := e.(*ast.Ellipsis); ok {
			return nil
		}
		var el element
		if comp, ok := e.(*ast.Comprehension); ok {
			if el.when = c.conditions(comp); el.when == nil {
				return nil
			}
			body, ok := comp.Value.(*ast.StructLit)
			if !ok || len(body.Elts) != 1 {
				return nil
			}
			embedded, ok := body.Elts[0].(*ast.EmbedDecl)
			if !ok {
				return nil
			}
			e = embedded.Expr
		}
		if el.is = c.compile(e); el.is == nil {
			return nil
		}
		elements = append(elements, el)
	}
	return func(in *userInput) value {
		out := value{kind: isList}
		for _, e := range elements {
			if e.when != nil {
				switch v := e.when(in); {
				case v.kind == undefined:
					return value{}
				case v.kind != isBool:
					return value{kind: failed}
				case !v.b:
					continue
				}
			}
			out.list = append(out.list, e.is(in))
		}
		return out
	}
}

// conditions compiles a comprehension that has only if clauses. A condition is evaluated only if
// the previous ones hold.
func (c *exprCompiler) conditions(x *ast.Comprehension) expr {
	if x.Fallback != nil {
		return nil
	}
	var all []expr
	for _, clause := range x.Clauses {
		cond, ok := clause.(*ast.IfClause)
		if !ok {
			return nil
		}
		e := c.compile(cond.Condition)
		if e == nil {
			return nil
		}
		all = append(all, e)
	}
	return func(in *userInput) value {
		for _, e := range all {
			if v := e(in); v.kind != isBool || !v.b {
				return v
			}
		}
		return boolValue(true)
	}
}
