package schema

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// compiled is the CUE schema as rules. It is made for one Load, since the custom attributes are that Load's.
type compiledSchema struct {
	roots map[string]*fieldRule // the top level by name: users, groups and so on
	order []string
	types map[string]string // custom attributes, filled in when they are known
}

// compiler turns the part of CUE that the schema is written in into rules.
type schemaCompiler struct {
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

// declare sets the types of custom attributes.
func (c *compiledSchema) setTypes(types map[string]string) { maps.Copy(c.types, types) }

// compileSchema compiles the embedded schema.
func compileSchema() (*compiledSchema, error) {
	c := &schemaCompiler{definitions: map[string]definition{}, done: map[string]rule{}, types: map[string]string{}}
	if _, err := c.read(definitionsFile, "schema."); err != nil {
		return nil, err
	}
	fields, err := c.read(schemaFile, "")
	if err != nil {
		return nil, err
	}
	out := &compiledSchema{roots: map[string]*fieldRule{}, types: c.types}
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
func (c *schemaCompiler) read(name, prefix string) ([]*ast.Field, error) {
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
			c.definitions[prefix+id.Name] = definition{f.Value, docComment(f), prefix}
			continue
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// comment returns the doc comment of a field, on one line.
func docComment(n ast.Node) string {
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

func (c *schemaCompiler) field(f *ast.Field, scope string) (*fieldRule, error) {
	name, ok := labelName(f.Label)
	if !ok {
		return nil, fmt.Errorf("label %v is not supported", f.Label)
	}
	x, err := c.expr(f.Value, scope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	setPatternDoc(x, docComment(f))
	out := &fieldRule{name: name, rule: x, doc: docComment(f), required: f.Constraint == token.NOT, optional: f.Constraint == token.OPTION, secret: refersToSecret(f.Value)}
	if f.Constraint == token.ILLEGAL {
		out.defaultValue = c.defaultValue(f.Value, scope)
	}
	return out, nil
}

// refersToSecret reports whether a field holds a reference to a secret, or a struct that does.
func refersToSecret(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && (id.Name == "#Secret" || id.Name == "#Auth")
}

// fill returns what CUE puts into a missing regular field: its default, an empty struct, or nil.
func (c *schemaCompiler) defaultValue(x ast.Expr, scope string) *node {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		if x.Op == token.OR {
			if n := c.defaultValue(x.X, scope); n != nil {
				return n
			}
			return c.defaultValue(x.Y, scope)
		}
	case *ast.UnaryExpr:
		if x.Op == token.MUL {
			r := literalReader{depth: 10}
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

func (c *schemaCompiler) expr(x ast.Expr, scope string) (rule, error) {
	switch x := x.(type) {
	case *ast.BinaryExpr:
		return c.binary(x, scope)
	case *ast.UnaryExpr:
		return c.unary(x, scope)
	case *ast.BasicLit:
		r := literalReader{depth: 1}
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

func (c *schemaCompiler) named(x ast.Expr, scope string) (rule, error) {
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
	setPatternDoc(r, d.doc)
	c.done[name] = r
	return r, nil
}

// document gives patterns the words that explain them.
func setPatternDoc(r rule, doc string) {
	switch r := r.(type) {
	case *patternRule:
		if r.doc != "" {
			return
		}
		r.doc = lowerFirst(firstSentence(doc))
	case allRule:
		for _, x := range r {
			setPatternDoc(x, doc)
		}
	}
}

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' || strings.HasPrefix(s, "A ") {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
