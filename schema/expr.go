package schema

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"
)

// A mapping is compiled from the part of CUE that mappings are mostly written in. What lies outside it is left to CUE itself, for the whole mapping; what
// fails while it runs is run again by CUE, for its error. So compiled code never has to explain anything.

// state is what became of an expression.
type state uint8

const (
	undefined state = iota // incomplete in CUE's terms: something that it refers to has no value
	failed                 // an error in CUE's terms
	isString
	isBool
	isInt
	isList
	isData // a struct of constants
)

// value is what an expression evaluates to.
type value struct {
	is   state
	b    bool
	i    int64
	s    string
	list []value
	data *node
}

// expr is a compiled expression.
type expr func(*subject) value

func constant(v value) expr { return func(*subject) value { return v } }

func text0(s string) value { return value{is: isString, s: s} }
func truth(b bool) value   { return value{is: isBool, b: b} }
func number0(i int) value  { return value{is: isInt, i: int64(i)} }

// exprCompiler compiles the expressions of one mapping.
type exprCompiler struct {
	imports   map[string]string
	constants map[string]*node // hidden fields and definitions of the package that are data
	scope     map[string]expr  // let clauses
	shadowed  map[string]bool  // names of fields around the expression

	readsGroups bool
}

// compile returns nil for what is outside the subset.
func (c *exprCompiler) compile(x ast.Expr) expr {
	switch x := x.(type) {
	case *ast.BasicLit:
		r := reader{depth: 1}
		return fromNode(r.node(x))
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

func fromNode(n *node) expr {
	if n == nil {
		return nil
	}
	if v := n.constant(); v.is != failed {
		return constant(v)
	}
	return nil
}

// constant returns a node as a value; failed for what the subset does not have.
func (n *node) constant() value {
	switch n.kind {
	case stringNode:
		return text0(n.text)
	case boolNode:
		return truth(n.text == "true")
	case intNode:
		if i, ok := n.int64(); ok {
			return value{is: isInt, i: i}
		}
	case structNode:
		return value{is: isData, data: n}
	case listNode:
		out := value{is: isList}
		for _, f := range n.fields {
			v := f.value.constant()
			if v.is == failed {
				return v
			}
			out.list = append(out.list, v)
		}
		return out
	}
	return value{is: failed}
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
	name, ok := label(asLabel(x.Sel))
	if !ok {
		return nil
	}
	if c.isUser(x.X) {
		return c.userField(name)
	}
	if c.isAttributes(x.X) {
		return attributeField(name)
	}
	return member(c.compile(x.X), constant(text0(name)))
}

func asLabel(l ast.Label) ast.Label { return l }

// isUser reports whether an expression is `user` itself.
func (c *exprCompiler) isUser(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && id.Name == "user" && c.scope["user"] == nil
}

// isAttributes reports whether an expression is `user.attributes`.
func (c *exprCompiler) isAttributes(x ast.Expr) bool {
	base, name := attributeSelector(x)
	return name == "attributes" && c.isUser(base)
}

// attributeSelector takes x.name and x["name"] apart.
func attributeSelector(x ast.Expr) (base ast.Expr, name string) {
	switch x := x.(type) {
	case *ast.SelectorExpr:
		name, _ = label(x.Sel)
		return x.X, name
	case *ast.IndexExpr:
		if lit, ok := x.Index.(*ast.BasicLit); ok {
			name, _ = label(lit)
		}
		return x.X, name
	}
	return nil, ""
}

func (c *exprCompiler) userField(name string) expr {
	c.readsGroups = c.readsGroups || name == "groups"
	if _, ok := subjectFields[name]; !ok {
		return nil
	}
	return func(s *subject) value { return fromGo(s.field(name)) }
}

func attributeField(name string) expr {
	return func(s *subject) value { return fromGo(s.user.Attributes[name]) }
}

func fromGo(v any) value {
	switch v := v.(type) {
	case string:
		return text0(v)
	case bool:
		return truth(v)
	case int64:
		return value{is: isInt, i: v}
	case []string:
		out := value{is: isList, list: make([]value, len(v))}
		for i, s := range v {
			out.list[i] = text0(s)
		}
		return out
	}
	return value{}
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
	return member(c.compile(x.X), c.compile(x.Index))
}

// member is x[i], for lists and for structs of constants.
func member(x, i expr) expr {
	if x == nil || i == nil {
		return nil
	}
	return func(s *subject) value {
		base, key := x(s), i(s)
		switch {
		case base.is == undefined || key.is == undefined:
			return value{}
		case base.is == isList && key.is == isInt && key.i >= 0 && key.i < int64(len(base.list)):
			return base.list[key.i]
		case base.is == isData && key.is == isString:
			if n := base.data.child(key.s); n != nil {
				return n.constant()
			}
		}
		return value{is: failed}
	}
}

func not(x expr) expr {
	if x == nil {
		return nil
	}
	return func(s *subject) value {
		v := x(s)
		switch v.is {
		case undefined:
			return v
		case isBool:
			return truth(!v.b)
		}
		return value{is: failed}
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
		return func(s *subject) value {
			defined := e(s).is > failed
			return truth(defined == (x.Op == token.NEQ))
		}
	}
	left, right := c.compile(x.X), c.compile(x.Y)
	op := operators[x.Op]
	if left == nil || right == nil || op == nil {
		return nil
	}
	return func(s *subject) value {
		a, b := left(s), right(s)
		switch {
		case a.is == failed || b.is == failed:
			return value{is: failed}
		case a.is == undefined || b.is == undefined:
			return value{}
		case a.is != b.is:
			return value{is: failed}
		}
		return op(a, b)
	}
}

// operators work on two values of one type.
var operators = map[token.Token]func(a, b value) value{
	token.EQL:  func(a, b value) value { return equal(a, b, true) },
	token.NEQ:  func(a, b value) value { return equal(a, b, false) },
	token.LSS:  func(a, b value) value { return compare(a, b, func(c int) bool { return c < 0 }) },
	token.LEQ:  func(a, b value) value { return compare(a, b, func(c int) bool { return c <= 0 }) },
	token.GTR:  func(a, b value) value { return compare(a, b, func(c int) bool { return c > 0 }) },
	token.GEQ:  func(a, b value) value { return compare(a, b, func(c int) bool { return c >= 0 }) },
	token.LAND: func(a, b value) value { return logical(a, b, a.b && b.b) },
	token.LOR:  func(a, b value) value { return logical(a, b, a.b || b.b) },
	token.ADD:  add,
}

func equal(a, b value, want bool) value {
	switch a.is {
	case isString:
		return truth((a.s == b.s) == want)
	case isBool:
		return truth((a.b == b.b) == want)
	case isInt:
		return truth((a.i == b.i) == want)
	}
	return value{is: failed}
}

func compare(a, b value, holds func(int) bool) value {
	switch a.is {
	case isString:
		return truth(holds(strings.Compare(a.s, b.s)))
	case isInt:
		switch {
		case a.i < b.i:
			return truth(holds(-1))
		case a.i > b.i:
			return truth(holds(1))
		}
		return truth(holds(0))
	}
	return value{is: failed}
}

func logical(a, b value, result bool) value {
	if a.is != isBool || b.is != isBool {
		return value{is: failed}
	}
	return truth(result)
}

func add(a, b value) value {
	if a.is != isString {
		return value{is: failed} // CUE adds integers of any size
	}
	return text0(a.s + b.s)
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
		parts = append(parts, constant(text0(text)))
		prefix = 1
	}
	return func(s *subject) value {
		var b strings.Builder
		for _, p := range parts {
			v := p(s)
			switch v.is {
			case isString:
				b.WriteString(v.s)
			case isInt:
				b.WriteString(strconv.FormatInt(v.i, 10))
			case isBool:
				b.WriteString(strconv.FormatBool(v.b))
			case undefined:
				return value{}
			default:
				return value{is: failed}
			}
		}
		return text0(b.String())
	}
}

// list compiles lists whose elements may stand under conditions.
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
	return func(s *subject) value {
		out := value{is: isList}
		for _, e := range elements {
			if e.when != nil {
				switch v := e.when(s); {
				case v.is == undefined:
					return value{}
				case v.is != isBool:
					return value{is: failed}
				case !v.b:
					continue
				}
			}
			out.list = append(out.list, e.is(s))
		}
		return out
	}
}

// conditions compiles the if clauses of a comprehension that has nothing else. A condition is not looked at if one before it does not hold.
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
	return func(s *subject) value {
		for _, e := range all {
			if v := e(s); v.is != isBool || !v.b {
				return v
			}
		}
		return truth(true)
	}
}
