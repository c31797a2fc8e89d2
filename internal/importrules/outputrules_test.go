package importrules

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// outputRule forbids expressions that write or escape text for people and programs outside roster.
// Package output does that. An expression is a call such as fmt.Println, or a name such as
// os.Stdout. A pattern that ends in * matches the rest of a name.
type outputRule struct {
	forbidden []string
	in        []string // folders, with everything below; nil for all
	except    []string // files and folders
	reason    string
}

var outputRules = []outputRule{
	{
		forbidden: []string{"os.Stdout", "os.Stderr"},
		except: []string{"cmd/roster/main.go",
			"internal/evaluator/child.go", // its parent reads what it writes
			"internal/mutants/main.go",    // a tool for developers
			"internal/benchtable/main.go", // another
		},
		reason: "a command writes to the output.Writer that main makes of each stream",
	},
	{
		forbidden: []string{"fmt.Print*", "print()", "println()"},
		reason:    "these write to a stream of the process; use output.Fprintf, or the caller's logger",
	},
	{
		forbidden: []string{"fmt.Fprint*", "io.WriteString()", "json.NewEncoder()"},
		in:        []string{"cmd", "internal/demo", "reconcile/render"},
		except:    []string{"cmd/roster/plan.go"},
		reason:    "output.Fprintf and output.WriteJSON escape what they write",
	},
	{
		forbidden: []string{"c.stdout.Unwrap()", "c.stderr.Unwrap()"},
		except:    []string{"cmd/roster/output.go", "cmd/roster/terminal.go"},
		reason:    "a stream without its output.Writer has no barrier",
	},
	{
		forbidden: []string{
			"slog.Debug*", "slog.Info*", "slog.Warn*", "slog.Error*", "slog.Log*", "slog.Default()",
			"slog.SetDefault()", "slog.NewTextHandler()", "slog.NewJSONHandler()", "tint.New*",
		},
		except: []string{"cmd/roster/terminal.go"},
		reason: "only the logger of a command escapes its records",
	},
	{
		forbidden: []string{
			"template.HTML()", "template.HTMLAttr()", "template.CSS()", "template.JS()", "template.JSStr()",
			"template.URL()", "template.Srcset()", "html.EscapeString()",
		},
		except: []string{"internal/secret/scrubtest"},
		reason: "html/template escapes each value by its place in the page; these conversions switch that off",
	},
	{
		forbidden: []string{"output.Span()", "output.MarkdownText()"},
		reason:    "a conversion skips the escaping; use output.Paint, output.Sprintf, output.Markdownf or output.Code",
	},
	{
		forbidden: []string{"template.New()", "template.Must()", "template.Parse*"},
		except:    []string{"internal/output/template.go"},
		reason:    "output.Template shows each value of a page as text of one line",
	},
	{
		forbidden: []string{"csv.NewWriter()"},
		except:    []string{"internal/output/csv.go", "schema/schematest"}, // schematest writes declarations
		reason:    "output.WriteCSV makes formulas inert",
	},
}

// ownEscapes are parts of string literals that only an escaper of text has: the escape character,
// and the escapes of HTML and Markdown.
var ownEscapes = []string{"\x1b", "&lt;", "&gt;", "&amp;", "&#", `\|`, "\\`", `\*`, `\_`}

// exceptEscapes are the packages that have them for another purpose: to find secrets in any form.
var exceptEscapes = []string{"internal/output", "internal/secret/scrub", "internal/secret/scrubtest"}

// formatted are the functions whose format decides about lines and Markdown. The format must be a
// constant: a value in it would not be escaped.
var formatted = []string{
	"output.Fprintf()", "output.Sprintf()", "output.Markdownf()", "m.line()", "t.line()", "p.line()", "p.text()",
	"s.printer.line()", "s.printer.text()",
}

func TestOnlyPackageOutputWritesTextForOthers(t *testing.T) {
	found, files, err := outputViolations(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Fatalf("found only %d files: is this the root of the module?", files)
	}
	for _, v := range found {
		t.Error(v)
	}
}

// A misspelt name in an exception would be dead.
func TestOutputRulesNameExistingFiles(t *testing.T) {
	names := slices.Clone(exceptEscapes)
	for _, r := range outputRules {
		names = slices.Concat(names, r.in, r.except)
	}
	for _, name := range names {
		if _, err := os.Stat("../../" + name); err != nil {
			t.Error(err)
		}
	}
}

// Each row is a file that breaks one rule, or is a near miss.
func TestOutputViolationsAreFound(t *testing.T) {
	for _, row := range []struct {
		name, file, code string
		want             string // part of the violation; empty means no violation
	}{
		{"a package writes to standard output", "internal/app/a.go",
			`import "os"; func f() { os.Stdout.Write(nil) }`, "os.Stdout"},
		{"a package prints", "internal/app/a.go", `import "fmt"; func f() { fmt.Println("x") }`, "fmt.Println"},
		{"a package prints with the builtin", "scim/a.go", `func f() { println("x") }`, "println()"},
		{"a renamed import counts", "internal/app/a.go", `import f "fmt"; func g() { f.Printf("x") }`, "fmt.Printf"},
		{"a package formats into a string", "internal/app/a.go",
			`import ("fmt"; "strings"); func f(b *strings.Builder) { fmt.Fprintf(b, "x") }`, ""},
		{"a command uses fmt", "cmd/roster/a.go",
			`import ("fmt"; "io"); func f(w io.Writer) { fmt.Fprintf(w, "x") }`, "fmt.Fprintf"},
		{"a command encodes JSON itself", "cmd/roster/a.go",
			`import ("encoding/json"; "io"); func f(w io.Writer) { json.NewEncoder(w).Encode(1) }`,
			"json.NewEncoder()"},
		{"a command goes around its writer", "cmd/roster/a.go", `func (c *cli) f() { c.stdout.Unwrap().Write(nil) }`,
			"c.stdout.Unwrap()"},
		{"a package uses the default logger", "internal/app/a.go", `import "log/slog"; func f() { slog.Info("x") }`,
			"slog.Info"},
		{"a package makes a log handler", "internal/app/a.go",
			`import "log/slog"; var h = slog.NewTextHandler(nil, nil)`, "slog.NewTextHandler()"},
		{"a package uses the type of a logger", "internal/app/a.go", `import "log/slog"; var l *slog.Logger`, ""},
		{"a page trusts a value", "internal/web/a.go",
			`import "html/template"; func f(s string) template.HTML { return template.HTML(s) }`, "template.HTML()"},
		{"a page has a template without escapes", "internal/web/a.go",
			`import "html/template"; var t = template.Must(template.New("x").Parse(""))`, "template.New()"},
		{"a value is declared safe for Markdown", "internal/preview/a.go",
			`import "` + module + `/internal/output"; func f(s string) any { return output.MarkdownText(s) }`,
			"output.MarkdownText()"},
		{"a package writes CSV", "internal/app/a.go", `import "encoding/csv"; var w = csv.NewWriter(nil)`,
			"csv.NewWriter()"},
		{"a package reads CSV", "schema/a.go", `import "encoding/csv"; var r = csv.NewReader(nil)`, ""},
		{"a package escapes Markdown", "internal/preview/a.go", "const a = \"\\\\`\"", "has its own escape"},
		{"a package sends an escape sequence", "internal/demo/a.go", `const a = "\x1b[2J"`, "has its own escape"},
		{"a value is part of a format", "cmd/roster/a.go",
			`import "` + module + `/internal/output"; func f(s string) { output.Fprintf(nil, s+"\n") }`,
			"is not a constant"},
		{"a constant is part of a format", "cmd/roster/a.go",
			`import "` + module + `/internal/output"; const s = "x"; func f() { output.Fprintf(nil, s+"\n") }`,
			""},
		{"tests may print", "internal/app/a_test.go", `import "fmt"; func f() { fmt.Println("x") }`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			tree := fstest.MapFS{"go.mod": {}, row.file: {Data: []byte("package a; " + row.code)}}
			got, _, err := outputViolations(tree)
			if err != nil {
				t.Fatal(err)
			}
			if row.want == "" && len(got) > 0 || !strings.Contains(strings.Join(got, "\n"), row.want) {
				t.Errorf("got %q, want a violation with %q", got, row.want)
			}
		})
	}
}

// outputViolations lists what breaks an output rule in the files of the module that are not tests.
// It returns the number of these files.
func outputViolations(tree fs.FS) (found []string, files int, err error) {
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return skipDir(tree, name)
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, name, source, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("read the source: %w", err)
		}
		files++
		found = append(found, checkOutput(set, name, parsed)...)
		return nil
	})
	return found, files, err
}

// checkOutput lists what breaks an output rule in one file.
func checkOutput(set *token.FileSet, name string, file *ast.File) []string {
	var found []string
	imports := importedNames(file)
	constants := constantsOf(file)
	report := func(n ast.Node, what, reason string) {
		found = append(found, fmt.Sprintf("%s: %s: %s", set.Position(n.Pos()), what, reason))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		var expression string
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.CallExpr:
			expression = nameOf(n.Fun, imports) + "()"
			if format := formatOf(expression, n); format != nil && !isConstant(format, constants) {
				report(n, expression, "its format is not a constant")
			}
		case *ast.SelectorExpr:
			expression = nameOf(n, imports)
		case *ast.BasicLit:
			if what := ownEscape(name, n); what != "" {
				report(n, what, "has its own escape; package output escapes")
			}
		}
		for _, r := range outputRules {
			if expression != "" && r.forbidsExpression(name, expression) {
				report(n, expression, r.reason)
			}
		}
		return true
	})
	return found
}

func (r outputRule) forbidsExpression(file, expression string) bool {
	below := func(dir string) bool { return file == dir || strings.HasPrefix(file, dir+"/") }
	if r.in != nil && !slices.ContainsFunc(r.in, below) || slices.ContainsFunc(r.except, below) {
		return false
	}
	return slices.ContainsFunc(r.forbidden, func(p string) bool {
		begin, open := strings.CutSuffix(p, "*")
		return expression == p || open && strings.HasPrefix(expression, begin) && strings.HasSuffix(expression, "()")
	})
}

// importedNames returns the last part of each import path by the name that the file uses for it.
func importedNames(file *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range file.Imports {
		full, _ := strconv.Unquote(spec.Path.Value)
		base := path.Base(full)
		if spec.Name != nil {
			names[spec.Name.Name] = base
		} else {
			names[base] = base
		}
	}
	return names
}

// nameOf returns the name of a function or variable, with that of its package as it was imported.
func nameOf(e ast.Expr, imports map[string]string) string {
	switch e := e.(type) {
	case *ast.Ident:
		if base := imports[e.Name]; base != "" {
			return base
		}
		return e.Name
	case *ast.SelectorExpr:
		return nameOf(e.X, imports) + "." + e.Sel.Name
	}
	return "?"
}

// formatOf returns the format in the arguments of a function that formats; nil for other functions.
func formatOf(function string, call *ast.CallExpr) ast.Expr {
	at := 0
	if function == "output.Fprintf()" {
		at = 1
	}
	if !slices.Contains(formatted, function) || len(call.Args) <= at {
		return nil
	}
	return call.Args[at]
}

// constantsOf returns the names of the constants in a file, and that of a format which a function
// passes on.
func constantsOf(file *ast.File) map[string]bool {
	names := map[string]bool{"format": true}
	ast.Inspect(file, func(n ast.Node) bool {
		if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
			for _, spec := range d.Specs {
				for _, id := range spec.(*ast.ValueSpec).Names {
					names[id.Name] = true
				}
			}
		}
		return true
	})
	return names
}

func isConstant(e ast.Expr, constants map[string]bool) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return constants[e.Name]
	case *ast.BinaryExpr:
		return isConstant(e.X, constants) && isConstant(e.Y, constants)
	}
	return false
}

// ownEscape returns a string literal that has an escape of text; "" for other literals.
func ownEscape(file string, literal *ast.BasicLit) string {
	if slices.ContainsFunc(exceptEscapes, func(dir string) bool { return strings.HasPrefix(file, dir) }) {
		return ""
	}
	text, err := strconv.Unquote(literal.Value)
	if literal.Kind == token.STRING && err == nil && slices.ContainsFunc(ownEscapes, func(e string) bool {
		return strings.Contains(text, e)
	}) {
		return literal.Value
	}
	return ""
}
