package schema

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// compiled is the CUE schema as rules. It is made for one Load, since the custom attributes are that Load's.
type compiled struct {
	roots map[string]*fieldRule // the top level by name: users, groups and so on
	order []string
	types map[string]string // custom attributes, filled in when they are known
}

// compiler turns the part of CUE that the schema is written in into rules.
type compiler struct {
	definitions map[string]definition
	done        map[string]rule
	types       map[string]string
}

// definition is a field of the schema's files, by its name in that file: "#Key", or "schema.#Key" for what the entrance imports.
type definition struct {
	expr    ast.Expr
	doc     string
	imports string // "schema." in the package itself, where #Key means schema.#Key
}

// compileSchema compiles the embedded schema.
func compileSchema() (*compiled, error) {
	c := &compiler{definitions: map[string]definition{}, done: map[string]rule{}, types: map[string]string{}}
	if _, err := c.read(definitionsFile, "schema."); err != nil {
		return nil, err
	}
	fields, err := c.read(schemaFile, "")
	if err != nil {
		return nil, err
	}
	out := &compiled{roots: map[string]*fieldRule{}, types: c.types}
	for _, f := range fields {
		compiledField, err := c.field(f, "")
		if err != nil {
			return nil, fmt.Errorf("compile schema: %w", err)
		}
		out.roots[compiledField.name] = compiledField
		out.order = append(out.order, compiledField.name)
	}
	return out, nil
}

// read parses one file of the schema, keeps its definitions and returns its regular fields.
func (c *compiler) read(name, prefix string) ([]*ast.Field, error) {
	file, err := parser.ParseFile(name, schemaText(name), parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	var fields []*ast.Field
	for _, d := range file.Decls {
		f, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		if id, ok := f.Label.(*ast.Ident); ok && strings.HasPrefix(id.Name, "#") {
			c.definitions[prefix+id.Name] = definition{f.Value, comment(f), prefix}
			continue
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// comment returns the doc comment of a field, on one line.
func comment(n ast.Node) string {
	var lines []string
	for _, group := range ast.Comments(n) {
		if group.Doc || group.Position == 0 {
			for _, c := range group.List {
				lines = append(lines, strings.TrimSpace(strings.TrimPrefix(c.Text, "//")))
			}
		}
	}
	return strings.Join(lines, " ")
}

func (c *compiler) field(f *ast.Field, scope string) (*fieldRule, error) {
	name, ok := label(f.Label)
	if !ok {
		return nil, fmt.Errorf("label %v is not supported", f.Label)
	}
	x, err := c.expr(f.Value, scope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	document(x, comment(f))
	out := &fieldRule{name: name, rule: x, doc: comment(f), required: f.Constraint == token.NOT, optional: f.Constraint == token.OPTION, secret: refersToSecret(f.Value)}
	if f.Constraint == token.ILLEGAL {
		out.fill = c.fill(f.Value, scope)
	}
	return out, nil
}

// refersToSecret reports whether a field holds a reference to a secret, or a struct that does.
func refersToSecret(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && (id.Name == "#Secret" || id.Name == "#Auth")
}

// fill returns what CUE puts into a missing regular field: its default, an empty struct, or nil.
func (c *compiler) fill(x ast.Expr, scope string) *node {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		if x.Op == token.OR {
			if n := c.fill(x.X, scope); n != nil {
				return n
			}
			return c.fill(x.Y, scope)
		}
	case *ast.UnaryExpr:
		if x.Op == token.MUL {
			r := reader{depth: 10}
			return r.node(x.X)
		}
	case *ast.StructLit, *ast.CallExpr:
		return &node{kind: structNode}
	case *ast.Ident, *ast.SelectorExpr:
		if d, ok := c.definitions[reference(x, scope)]; ok {
			if _, ok := d.expr.(*ast.StructLit); ok {
				return &node{kind: structNode}
			}
		}
	}
	return nil
}

// reference returns the full name of the definition that an expression names, or "".
func reference(x ast.Expr, scope string) string {
	switch x := x.(type) {
	case *ast.Ident:
		return scope + x.Name
	case *ast.SelectorExpr:
		pkg, ok := x.X.(*ast.Ident)
		if name, named := x.Sel.(*ast.Ident); ok && named {
			return pkg.Name + "." + name.Name
		}
	}
	return ""
}

func (c *compiler) expr(x ast.Expr, scope string) (rule, error) {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		return c.binary(x, scope)
	case *ast.UnaryExpr:
		return c.unary(x, scope)
	case *ast.BasicLit:
		r := reader{depth: 1}
		if n := r.node(x); n != nil {
			return &constRule{n.kind, n.text}, nil
		}
	case *ast.CallExpr:
		return c.call(x, scope)
	case *ast.StructLit:
		return c.structure(x, scope)
	case *ast.ListLit:
		return c.list(x, scope)
	case *ast.ParenExpr:
		return c.expr(x.X, scope)
	case *ast.Ident, *ast.SelectorExpr:
		return c.named(x, scope)
	}
	return nil, fmt.Errorf("expression %T is not supported", x)
}

func (c *compiler) named(x ast.Expr, scope string) (rule, error) {
	if id, ok := x.(*ast.Ident); ok {
		switch id.Name {
		case "bool":
			return &typeRule{[]kind{boolNode}, "a bool"}, nil
		case "int":
			return &typeRule{[]kind{intNode}, "an integer"}, nil
		case "number":
			return &typeRule{[]kind{intNode, floatNode}, "a number"}, nil
		case "string":
			return &typeRule{[]kind{stringNode}, "a string"}, nil
		}
	}
	name := reference(x, scope)
	if name == "schema.time.Time" || name == "time.Time" {
		return &timeRule{time.RFC3339Nano}, nil
	}
	if have, ok := c.done[name]; ok {
		return have, nil
	}
	d, ok := c.definitions[name]
	if !ok {
		return nil, fmt.Errorf("reference to %q is not supported", name)
	}
	r, err := c.expr(d.expr, d.imports)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	document(r, d.doc)
	c.done[name] = r
	return r, nil
}

// document gives patterns the words that explain them.
func document(r rule, doc string) {
	switch r := r.(type) {
	case *patternRule:
		if r.doc != "" {
			return
		}
		r.doc = lowerFirst(firstSentence(doc))
	case allRule:
		for _, x := range r {
			document(x, doc)
		}
	}
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' || strings.HasPrefix(s, "A ") {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

func (c *compiler) binary(x *ast.BinaryExpr, scope string) (rule, error) {
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
		a, ok := left.(*structRule)
		b, okay := right.(*structRule)
		if ok && okay {
			return merge(a, b), nil
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

// merge is & of a closed struct with one that says more about its fields.
func merge(a, b *structRule) *structRule {
	out := *a
	out.fields = append([]fieldRule(nil), a.fields...)
	for _, f := range b.fields {
		have := out.field(f.name)
		if have == nil {
			out.fields = append(out.fields, f)
			continue
		}
		have.rule = both(have.rule, f.rule)
		have.required = have.required || f.required
		have.optional = have.optional && f.optional
	}
	switch {
	case b.values == nil:
	case a.values == nil:
		out.keys, out.values = b.keys, b.values
	default:
		out.values = both(a.values, b.values)
	}
	return &out
}

// both is & of two rules.
func both(a, b rule) rule {
	x, ok := a.(*structRule)
	y, okay := b.(*structRule)
	switch {
	case ok && x.open && len(x.fields) == 0:
		return b // {...} adds nothing
	case ok && okay:
		return merge(x, y)
	}
	return allRule{a, b}
}

func (c *compiler) unary(x *ast.UnaryExpr, scope string) (rule, error) {
	if x.Op == token.MUL {
		return c.expr(x.X, scope)
	}
	r := reader{depth: 1}
	n := r.node(x.X)
	if n == nil {
		return nil, fmt.Errorf("operand of %v is not supported", x.Op)
	}
	switch x.Op {
	case token.MAT:
		re, err := regexp.Compile(n.text)
		if err != nil {
			return nil, err
		}
		return &patternRule{re: re}, nil
	case token.GEQ, token.LEQ:
		limit, ok := new(big.Rat).SetString(n.text)
		if !ok {
			return nil, fmt.Errorf("bound %q is not supported", n.text)
		}
		return &boundRule{op: x.Op.String(), limit: limit, text: n.text}, nil
	case token.SUB:
		if n := r.node(x); n != nil {
			return &constRule{n.kind, n.text}, nil
		}
	}
	return nil, fmt.Errorf("operator %v is not supported", x.Op)
}

func (c *compiler) call(x *ast.CallExpr, scope string) (rule, error) {
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
					return &runesRule{min: count, max: 1 << 30}, nil
				}
				return &runesRule{max: count}, nil
			case "time.Format":
				layout, err := literal.Unquote(lit.Value)
				return &timeRule{layout}, err
			}
		}
	}
	return nil, fmt.Errorf("call of %q is not supported", name)
}

func (c *compiler) list(x *ast.ListLit, scope string) (rule, error) {
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

func (c *compiler) structure(x *ast.StructLit, scope string) (rule, error) {
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
			out = merge(embedded, out)
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

func (c *compiler) member(out *structRule, d *ast.Field, scope string) error {
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

// customAttributes stands for the one comprehension of the schema: a field for each declared attribute, with the value that its type has.
func (c *compiler) customAttributes(*ast.StructLit) (rule, error) {
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
