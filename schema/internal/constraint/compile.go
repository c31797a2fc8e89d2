package constraint

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Schema is the CUE schema as rules. Each Load has its own, because the custom attributes differ.
// Its methods may be called concurrently, except SetTypes and Merge.
type Schema struct {
	text source.SchemaText
	// roots are the top-level fields by name: users, groups and so on.
	roots map[string]*fieldRule
	// kinds are the names of roots in the order of the schema.
	kinds []string
	// types are the custom attributes.
	types map[string]string
}

// Kinds returns the names of the top-level fields, such as "users", in the order of the schema. The
// caller must not modify them.
func (s *Schema) Kinds() []string { return s.kinds }

// Types returns the types of the custom attributes by name. The caller must not modify them.
func (s *Schema) Types() map[string]string { return s.types }

// SetTypes sets the types of the custom attributes.
func (s *Schema) SetTypes(types map[string]string) { maps.Copy(s.types, types) }

// schemaCompiler compiles the subset of CUE that the schema uses to rules.
type schemaCompiler struct {
	definitions map[string]definition
	done        map[string]rule
	types       map[string]string
}

// definition is a definition of the schema's files. Its name is "#Key" in its own file, and
// "schema.#Key" for files that import it.
type definition struct {
	expr ast.Expr
	doc  string
	// imports is the prefix of the file's own names: "schema." in the package, where #Key means
	// schema.#Key.
	imports string
}

// Compile compiles the text of the schema. It returns an error for CUE outside the subset that the
// schema uses.
func Compile(text source.SchemaText) (*Schema, error) {
	c := &schemaCompiler{definitions: map[string]definition{}, done: map[string]rule{}, types: map[string]string{}}
	if _, err := c.read("declarations.cue", text.Definitions, "schema."); err != nil {
		return nil, err
	}
	fields, err := c.read(source.SchemaFile, text.Root, "")
	if err != nil {
		return nil, err
	}
	out := &Schema{text: text, roots: map[string]*fieldRule{}, types: c.types}
	for _, f := range fields {
		compiledField, err := c.field(f, "")
		if err != nil {
			return nil, fmt.Errorf("compile schema: %w", err)
		}
		out.roots[compiledField.name] = compiledField
		out.kinds = append(out.kinds, compiledField.name)
	}
	return out, nil
}

// read parses one file of the schema, stores its definitions and returns its regular fields.
func (c *schemaCompiler) read(name, text, prefix string) ([]*ast.Field, error) {
	file, err := parser.ParseFile(name, text, parser.ParseComments)
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
			c.definitions[prefix+id.Name] = definition{f.Value, DocComment(f), prefix}
			continue
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// DocComment returns the doc comment of a field on one line.
func DocComment(n ast.Node) string {
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
	name, ok := source.LabelName(f.Label)
	if !ok {
		return nil, fmt.Errorf("label %v is not supported", f.Label)
	}
	x, err := c.expr(f.Value, scope)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	setPatternDoc(x, DocComment(f))
	out := &fieldRule{
		name: name, rule: x, doc: DocComment(f), secret: refersToSecret(f.Value),
		required: f.Constraint == token.NOT, optional: f.Constraint == token.OPTION,
	}
	if f.Constraint == token.ILLEGAL {
		out.defaultValue = c.defaultValue(f.Value, scope)
	}
	return out, nil
}

// refersToSecret reports whether a field has a reference to a secret, or a struct with one.
func refersToSecret(x ast.Expr) bool {
	id, ok := x.(*ast.Ident)
	return ok && (id.Name == "#Secret" || id.Name == "#Auth")
}

// defaultValue returns the value that CUE assigns to a missing regular field: its default, an empty
// struct, or nil.
func (c *schemaCompiler) defaultValue(x ast.Expr, scope string) *tree.Node {
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
			r := source.LiteralReader{Depth: 10}
			return r.Node(x.X)
		}
	case *ast.StructLit, *ast.CallExpr:
		return &tree.Node{Kind: tree.Struct}
	case *ast.Ident, *ast.SelectorExpr:
		if d, ok := c.definitions[reference(x, scope)]; ok {
			if _, ok := d.expr.(*ast.StructLit); ok {
				return &tree.Node{Kind: tree.Struct}
			}
		}
	}
	return nil
}

// reference returns the full name of the definition that an expression refers to, or "".
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
		r := source.LiteralReader{Depth: 1}
		if n := r.Node(x); n != nil {
			return &constRule{n.Kind, n.Text}, nil
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
			return &typeRule{[]tree.Kind{tree.Bool}, "a bool"}, nil
		case "int":
			return &typeRule{[]tree.Kind{tree.Int}, "an integer"}, nil
		case "number":
			return &typeRule{[]tree.Kind{tree.Int, tree.Float}, "a number"}, nil
		case "string":
			return &typeRule{[]tree.Kind{tree.String}, "a string"}, nil
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

// setPatternDoc sets the description of the patterns in a rule, for messages.
func setPatternDoc(r rule, doc string) {
	switch r := r.(type) {
	case *patternRule:
		if r.doc != "" {
			return
		}
		r.doc = lowerFirst(tree.FirstSentence(doc))
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
