package sourcestyle

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// No message has the words of Go's sentinel errors ("file does not exist" of a commit) or the
// syntax of Go for values ([]string{"BER"}).
func TestMessagesHaveNoInternalsOfGo(t *testing.T) {
	found := findings{}
	for _, f := range repository(t) {
		if !f.isGo() || strings.HasSuffix(f.name, "_test.go") || strings.Contains(f.name, "reconciletest/") {
			continue
		}
		for _, m := range goInternals(t, f) {
			found.add(f, m.line, "%s", m.text)
		}
	}
	found.report(t)
}

// goInternals lists the calls of fmt that print a sentinel error of package fs or a value with %#v.
func goInternals(t *testing.T, f sourceFile) []match {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, f.name, f.data, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []match
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !isSelector(call.Fun, "fmt", "") {
			return true
		}
		for _, arg := range call.Args {
			line := set.Position(arg.Pos()).Line
			if isSelector(arg, "fs", "ErrNotExist") || isSelector(arg, "os", "ErrNotExist") {
				out = append(out, match{line: line, text: "a message with the text of a sentinel error: use package " +
					"notexist"})
			}
			if s, ok := arg.(*ast.BasicLit); ok && s.Kind == token.STRING && strings.Contains(s.Value, "%#v") {
				out = append(out, match{line: line, text: "a message with a value in Go syntax: use " +
					"schema.ValueText or %q"})
			}
		}
		return true
	})
	return out
}

// isSelector reports whether an expression is a name of a package with a prefix.
func isSelector(e ast.Expr, pkg, prefix string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == pkg && strings.HasPrefix(s.Sel.Name, prefix)
}

func TestGoInternalsAreFound(t *testing.T) {
	for text, want := range map[string]int{
		`fmt.Errorf("no commit %q: %w", id, fs.ErrNotExist)`: 1,
		`fmt.Sprintf("has %#v", v)`:                          1,
		`fmt.Errorf("read %s: %w", name, err)`:               0,
		`errors.Is(err, fs.ErrNotExist)`:                     0,
	} {
		f := sourceFile{"a.go", []byte("package a\nvar _ = " + text + "\n")}
		if got := goInternals(t, f); len(got) != want {
			t.Errorf("%s: found %v, want %d", text, got, want)
		}
	}
}
