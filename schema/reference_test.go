package schema

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/template"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/source"
)

// TestReference compares docs/declarations.md with the schema and the codes.
func TestReference(t *testing.T) {
	golden(t, "../docs/declarations.md", declarationsPage(t))
}

func declarationsPage(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/declarations.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := template.New("").Parse(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	parts := map[string]string{
		"Top": topTable(t), "Definitions": definitionTables(t), "Attributes": attributeTable(t),
		"Functions": functionList(), "Codes": codesTable(t),
	}
	if err := tmpl.Execute(&out, parts); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func schemaFields(t *testing.T, text string) (fields []*ast.Field) {
	t.Helper()
	f, err := parser.ParseFile("schema.cue", text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		if f, ok := d.(*ast.Field); ok {
			fields = append(fields, f)
		}
	}
	return fields
}

func schemaText(t *testing.T) source.SchemaText {
	t.Helper()
	text, err := source.ReadSchema(Files())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func topTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| field | holds | meaning |\n|---|---|---|\n")
	for _, f := range schemaFields(t, schemaText(t).Root) {
		if name, ok := source.LabelName(f.Label); ok {
			row(&b, "`"+name+"`", cell(strings.ReplaceAll(syntax(t, f.Value), "schema.", "")), constraint.DocComment(f))
		}
	}
	return b.String()
}

// definitionTables documents each definition: structs as a table of fields, others as their
// expression.
func definitionTables(t *testing.T) string {
	var structs, forms strings.Builder
	for _, f := range schemaFields(t, schemaText(t).Definitions) {
		name := f.Label.(*ast.Ident).Name
		alternatives := disjuncts(f.Value)
		if _, ok := alternatives[0].(*ast.StructLit); !ok {
			row(&forms, "`"+name+"`", cell(syntax(t, f.Value)), constraint.DocComment(f))
			continue
		}
		fmt.Fprintf(&structs, "## %s\n\n%s\n\n", name, constraint.DocComment(f))
		if len(alternatives) > 1 {
			fmt.Fprintf(&structs, "One of these %d forms:\n\n", len(alternatives))
		}
		for _, x := range alternatives {
			s := x.(*ast.StructLit)
			if len(s.Elts) == 0 {
				continue
			}
			structs.WriteString("| field | type | default | meaning |\n|---|---|---|---|\n")
			fieldRows(t, &structs, s, "")
			structs.WriteString("\n")
		}
	}
	return structs.String() + "## Forms of values\n\n| name | form | meaning |\n|---|---|---|\n" + forms.String() + "\n"
}

func disjuncts(x ast.Expr) []ast.Expr {
	if b, ok := x.(*ast.BinaryExpr); ok && b.Op == token.OR {
		return append(disjuncts(b.X), disjuncts(b.Y)...)
	}
	return []ast.Expr{x}
}

func fieldRows(t *testing.T, b *strings.Builder, s *ast.StructLit, prefix string) {
	for _, d := range s.Elts {
		switch d := d.(type) {
		case *ast.EmbedDecl:
			row(b, "all of "+cell(syntax(t, d.Expr)), "", "", "")
		case *ast.Field:
			name, ok := source.LabelName(d.Label)
			if !ok {
				label := cell(prefix + "[" + syntax(t, d.Label.(*ast.ListLit).Elts[0]) + "]")
				row(b, label, cell(syntax(t, d.Value)), "", constraint.DocComment(d))
				continue
			}
			need := map[token.Token]string{token.NOT: "required", token.OPTION: ""}[d.Constraint]
			value, fallback := defaults(t, d.Value)
			if fallback != "" {
				need = cell(fallback)
			}
			inner, isStruct := d.Value.(*ast.StructLit)
			if list, ok := d.Value.(*ast.ListLit); ok && len(list.Elts) == 1 {
				inner, isStruct = list.Elts[0].(*ast.StructLit)
				if isStruct {
					row(b, cell(prefix+name), "a list of exactly one", need, constraint.DocComment(d))
					fieldRows(t, b, inner, prefix+name+"[0].")
					continue
				}
			}
			if isStruct && len(inner.Elts) > 0 {
				if pattern, ok := inner.Elts[0].(*ast.Field); ok {
					if _, ok := pattern.Label.(*ast.ListLit); ok {
						text := strings.TrimSpace(strings.Trim(strings.TrimSpace(syntax(t, inner)), "{}"))
						row(b, cell(prefix+name), cell(text), need, constraint.DocComment(d))
						continue
					}
					row(b, cell(prefix+name), "a struct", need, constraint.DocComment(d))
					fieldRows(t, b, inner, prefix+name+".")
					continue
				}
			}
			if alternatives := disjuncts(d.Value); len(alternatives) > 1 {
				if _, ok := alternatives[0].(*ast.StructLit); ok {
					row(b, cell(prefix+name), "one of these forms", need, constraint.DocComment(d))
					for _, x := range alternatives {
						fieldRows(t, b, x.(*ast.StructLit), prefix+name+".")
					}
					continue
				}
			}
			row(b, cell(prefix+name), cell(value), need, constraint.DocComment(d))
		}
	}
}

// defaults splits an expression into its value and its default.
func defaults(t *testing.T, x ast.Expr) (value, fallback string) {
	var rest []string
	for _, d := range disjuncts(x) {
		if u, ok := d.(*ast.UnaryExpr); ok && u.Op == token.MUL {
			fallback = syntax(t, u.X)
			continue
		}
		rest = append(rest, syntax(t, d))
	}
	if strings.HasPrefix(rest[0], `"`) && fallback != "" { // the default is one of several strings
		rest = append([]string{fallback}, rest...)
	}
	return strings.Join(rest, " | "), fallback
}

func syntax(t *testing.T, x ast.Node) string {
	t.Helper()
	b, err := format.Node(x, format.Simplify())
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(b)), " ")
}

func cell(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func row(b *strings.Builder, cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", "\\|")
	}
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func attributeTable(t *testing.T) string {
	c, err := compileSchema()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for path, required := range mapping.NewCatalog(c).Paths {
		b.WriteString("- `" + path + "`")
		if required {
			b.WriteString(" (required)")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func functionList() string {
	var names []string
	for _, name := range mapping.FunctionNames() {
		if short, ok := strings.CutPrefix(name, "strings."); ok {
			names = append(names, "`"+short+"`")
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func codesTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| code | what is wrong | what to do |\n|---|---|---|\n")
	for _, c := range codeTable(t) {
		advice := strings.ToUpper(c.Advice[:1]) + c.Advice[1:]
		row(&b, c.ID, c.Sentence, advice+".")
	}
	return b.String()
}
