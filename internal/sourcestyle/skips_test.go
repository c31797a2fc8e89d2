package sourcestyle

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNoTestIsSkipped fails for tests that skip themselves. A skipped test looks like one that
// passed. A test must fail if a program that it needs is missing.
func TestNoTestIsSkipped(t *testing.T) {
	found := findings{}
	for _, f := range repository(t) {
		list, err := skips(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			found.add(f, s.line, "%s: let the test fail instead", s.text)
		}
	}
	found.report(t)
}

// scriptSkip is a line of a testscript that skips the rest or depends on an installed program.
var scriptSkip = regexp.MustCompile(`(?m)^(\[[^\]]*\] *)*(skip\b|\[!?exec:).*`)

// skips lists the statements of a file that skip a test.
func skips(f sourceFile) ([]match, error) {
	if f.isGo() {
		return goSkips(f)
	}
	if path.Ext(f.name) != ".txtar" {
		return nil, nil
	}
	var all []match
	for _, at := range scriptSkip.FindAllIndex(f.data, -1) {
		line := 1 + strings.Count(string(f.data[:at[0]]), "\n")
		all = append(all, match{line: line, text: string(f.data[at[0]:at[1]])})
	}
	return all, nil
}

// goSkips lists the calls of Skip, Skipf and SkipNow, and the uses of testing.Short. It leaves out
// the Skip of *rapid.T: that drops one random step, not the test.
func goSkips(f sourceFile) ([]match, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, f.name, f.data, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var all []match
	rapid := rapidFunctions(parsed)
	ast.Inspect(parsed, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		receiver, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		text := receiver.Name + "." + selector.Sel.Name
		isSkip := slices.Contains([]string{"Skip", "SkipNow", "Skipf"}, selector.Sel.Name)
		isRapid := slices.ContainsFunc(rapid, func(r rapidFunction) bool {
			return r.parameter == receiver.Name && r.from <= n.Pos() && n.End() <= r.to
		})
		if isSkip && !isRapid || text == "testing.Short" {
			all = append(all, match{line: files.Position(n.Pos()).Line, text: text})
		}
		return true
	})
	return all, nil
}

// rapidFunction is a function that has a parameter of type *rapid.T.
type rapidFunction struct {
	from, to  token.Pos
	parameter string
}

func rapidFunctions(file *ast.File) []rapidFunction {
	var all []rapidFunction
	ast.Inspect(file, func(n ast.Node) bool {
		var signature *ast.FuncType
		switch n := n.(type) {
		case *ast.FuncDecl:
			signature = n.Type
		case *ast.FuncLit:
			signature = n.Type
		default:
			return true
		}
		for _, p := range signature.Params.List {
			if types.ExprString(p.Type) == "*rapid.T" {
				for _, name := range p.Names {
					all = append(all, rapidFunction{n.Pos(), n.End(), name.Name})
				}
			}
		}
		return true
	})
	return all
}

func TestSkips(t *testing.T) {
	for _, test := range []struct {
		file, text string
		want       []string
	}{
		{"a_test.go", "package a\nfunc f() { t.Skip() }", []string{"t.Skip"}},
		{"a_test.go", "package a\nfunc f() { b.Skipf(x) }", []string{"b.Skipf"}},
		{"a_test.go", "package a\nvar a = testing.Short()", []string{"testing.Short"}},
		{"a_test.go", "package a\nvar a = s.SkipDir + Skip", nil},
		{"a_test.go", "package a\nfunc f(t *rapid.T) { t.Skip() }", nil},
		{"a_test.go", "package a\nvar a = func(t *rapid.T) { t.Skip() }", nil},
		{"a_test.go", "package a\nfunc f(t *testing.T) { g(func(r *rapid.T) { t.Skip() }) }", []string{"t.Skip"}},
		{"a.txtar", "skip\n", []string{"skip"}},
		{"a.txtar", "exec x\n[!linux] skip 'no'\n", []string{"[!linux] skip 'no'"}},
		{"a.txtar", "[exec:git] exec git\n", []string{"[exec:git] exec git"}},
		{"a.txtar", "exec skip\n-- f --\nskipping\n", nil},
	} {
		var got []string
		list, err := skips(sourceFile{test.file, []byte(test.text)})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			got = append(got, s.text)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.text, got, test.want)
		}
	}
}
