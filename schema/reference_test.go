package schema

import (
	"bytes"
	"fmt"
	goast "go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// TestReference holds docs/declarations.md to the schema and the codes.
func TestReference(t *testing.T) {
	const name = "../docs/declarations.md"
	want := declarationsPage(t)
	if *update {
		if err := os.MkdirAll("../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s is stale: go test ./schema -run TestReference -update", name)
	}
}

// codeTable returns the codes of tree_codes.go in order.
func codeTable(t testing.TB) (codes []code) {
	t.Helper()
	f, err := goparser.ParseFile(gotoken.NewFileSet(), "tree_codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	goast.Inspect(f, func(n goast.Node) bool {
		lit, ok := n.(*goast.CompositeLit)
		if !ok || len(lit.Elts) != 3 {
			return true
		}
		var texts [3]string
		for i, e := range lit.Elts {
			texts[i], _ = strconv.Unquote(e.(*goast.BasicLit).Value)
		}
		codes = append(codes, code{texts[0], texts[1], texts[2]})
		return true
	})
	return codes
}

func TestEveryCodeIsDocumentedAndTried(t *testing.T) {
	var tried bytes.Buffer
	entries, err := os.ReadDir("testdata/problems")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile("testdata/problems/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		tried.Write(b)
	}
	elsewhere := []string{tooSlow.id, membershipEnding.id, userEnding.id, tokenExpiring.id, pauseEnded.id, approvalExpired.id, violatedAlways.id, violatedByDate.id, reviewNeeded.id} // tests of their own
	seen := map[string]bool{}
	for _, c := range codeTable(t) {
		if seen[c.id] || c.sentence == "" || c.advice == "" {
			t.Errorf("%s is there twice, or without words", c.id)
		}
		seen[c.id] = true
		if !slices.Contains(elsewhere, c.id) && !bytes.Contains(tried.Bytes(), []byte(" "+c.id+": ")) && !bytes.Contains(tried.Bytes(), []byte("\n"+c.id+": ")) {
			t.Errorf("%s (%s) is in no case", c.id, c.sentence)
		}
	}
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
	parts := map[string]string{"Top": topTable(t), "Definitions": definitionTables(t), "Attributes": attributeTable(t), "Functions": functionList(), "Codes": codesTable(t)}
	if err := tmpl.Execute(&out, parts); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func schemaFields(t *testing.T, name string) (fields []*ast.Field) {
	t.Helper()
	f, err := parser.ParseFile(name, schemaText(name), parser.ParseComments)
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

func topTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| field | holds | meaning |\n|---|---|---|\n")
	for _, f := range schemaFields(t, schemaFile) {
		if name, ok := labelName(f.Label); ok {
			row(&b, "`"+name+"`", cell(strings.ReplaceAll(syntax(t, f.Value), "schema.", "")), docComment(f))
		}
	}
	return b.String()
}

// definitionTables documents each definition: structs as a table of fields, the rest as its expression.
func definitionTables(t *testing.T) string {
	var structs, forms strings.Builder
	for _, f := range schemaFields(t, definitionsFile) {
		name := f.Label.(*ast.Ident).Name
		alternatives := disjuncts(f.Value)
		if _, ok := alternatives[0].(*ast.StructLit); !ok {
			row(&forms, "`"+name+"`", cell(syntax(t, f.Value)), docComment(f))
			continue
		}
		fmt.Fprintf(&structs, "## %s\n\n%s\n\n", name, docComment(f))
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
			name, ok := labelName(d.Label)
			if !ok {
				row(b, cell(prefix+"["+syntax(t, d.Label.(*ast.ListLit).Elts[0])+"]"), cell(syntax(t, d.Value)), "", docComment(d))
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
					row(b, cell(prefix+name), "a list of exactly one", need, docComment(d))
					fieldRows(t, b, inner, prefix+name+"[0].")
					continue
				}
			}
			if isStruct && len(inner.Elts) > 0 {
				if pattern, ok := inner.Elts[0].(*ast.Field); ok {
					if _, ok := pattern.Label.(*ast.ListLit); ok {
						row(b, cell(prefix+name), cell(strings.TrimSpace(strings.Trim(strings.TrimSpace(syntax(t, inner)), "{}"))), need, docComment(d))
						continue
					}
					row(b, cell(prefix+name), "a struct", need, docComment(d))
					fieldRows(t, b, inner, prefix+name+".")
					continue
				}
			}
			if alternatives := disjuncts(d.Value); len(alternatives) > 1 {
				if _, ok := alternatives[0].(*ast.StructLit); ok {
					row(b, cell(prefix+name), "one of these forms", need, docComment(d))
					for _, x := range alternatives {
						fieldRows(t, b, x.(*ast.StructLit), prefix+name+".")
					}
					continue
				}
			}
			row(b, cell(prefix+name), cell(value), need, docComment(d))
		}
	}
}

// defaults takes an expression and its default apart.
func defaults(t *testing.T, x ast.Expr) (value, fallback string) {
	var rest []string
	for _, d := range disjuncts(x) {
		if u, ok := d.(*ast.UnaryExpr); ok && u.Op == token.MUL {
			fallback = syntax(t, u.X)
			continue
		}
		rest = append(rest, syntax(t, d))
	}
	if strings.HasPrefix(rest[0], `"`) && fallback != "" { // the default is one of several words
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
	for _, a := range newCatalog(c) {
		b.WriteString("- `" + a.path + "`")
		if a.required {
			b.WriteString(" (required)")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func functionList() string {
	var names []string
	for name := range functions {
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
		advice := strings.ToUpper(c.advice[:1]) + c.advice[1:]
		if !strings.HasSuffix(advice, "`") && !strings.HasSuffix(advice, "\"") {
			advice += "."
		}
		row(&b, c.id, c.sentence, advice)
	}
	return b.String()
}
