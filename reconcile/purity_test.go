package reconcile

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pureImports are the packages that this package may import: none of them has an effect.
var pureImports = []string{
	"cmp", "crypto/hmac", "crypto/sha256", "encoding/hex", "encoding/json", "errors", "fmt", "hash/maphash",
	"iter", "maps", "reflect", "regexp", "slices", "sort", "strconv", "strings", "time",
	"unicode/utf8",
	"github.com/seed-d64a251c/roster/schema",
}

// clockFunctions are the functions of package time that read the clock or wait for it.
var clockFunctions = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// A context marks an effect: only the file that declares the interfaces may import it.
func TestThisPackageIsPure(t *testing.T) {
	for _, file := range sourceFiles(t, ".") {
		allowed := pureImports
		if file == "interfaces.go" {
			allowed = append(slices.Clone(pureImports), "context")
		}
		for _, problem := range impurities(parseFile(t, file, nil), allowed, clockFunctions) {
			t.Errorf("%s: %s", file, problem)
		}
	}
}

// The subpackages get the time from their callers, except run, which has the clock.
func TestOnlyRunReadsTheClock(t *testing.T) {
	for _, dir := range []string{"apply", "explain", "observe", "render"} {
		for _, file := range sourceFiles(t, dir) {
			for _, problem := range impurities(parseFile(t, file, nil), nil, []string{"Now", "Since", "Until"}) {
				t.Errorf("%s: %s", file, problem)
			}
		}
	}
}

func TestImpuritiesAreFound(t *testing.T) {
	for _, test := range []struct{ name, code, want string }{
		{"a pure file", `package p; import "time"; var d = time.Second`, ""},
		{"an import with effects", `package p; import "os"; var f = os.Stdin`, "imports os"},
		{"a context", `package p; import "context"; var c context.Context`, "imports context"},
		{"a package of this module", `package p; import "github.com/seed-d64a251c/roster/reconcile/run"`,
			"imports github.com/seed-d64a251c/roster/reconcile/run"},
		{"the clock", `package p; import "time"; var t = time.Now()`, "uses time.Now"},
		{"the clock as a value", `package p; import "time"; var now = time.Now`, "uses time.Now"},
		{"the clock without the package", `package p; import . "time"; var t = Now()`, "imports time without its name"},
		{"the clock under another name", `package p; import clock "time"; var t = clock.Since(x)`, "uses time.Since"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := strings.Join(impurities(parseFile(t, "a.go", test.code), pureImports, clockFunctions), "; ")
			if got != test.want {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}

// impurities lists the imports of a file that are not allowed, and its uses of functions of package
// time. A nil list allows all imports.
func impurities(f *ast.File, allowed, forbidden []string) []string {
	var out []string
	clock := "" // the name of package time in the file
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return []string{err.Error()}
		}
		if allowed != nil && !slices.Contains(allowed, path) {
			out = append(out, "imports "+path)
		}
		switch {
		case path == "time" && spec.Name == nil:
			clock = "time"
		case path == "time" && spec.Name.Name == ".":
			out = append(out, "imports time without its name")
		case path == "time":
			clock = spec.Name.Name
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == clock && slices.Contains(forbidden, selector.Sel.Name) {
			out = append(out, fmt.Sprintf("uses time.%s", selector.Sel.Name))
		}
		return true
	})
	return out
}

// sourceFiles returns the paths of the Go files of a folder, without tests.
func sourceFiles(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			out = append(out, filepath.Join(dir, name))
		}
	}
	if len(out) == 0 {
		t.Fatalf("no Go files in %s", dir)
	}
	return out
}

// parseFile parses a file, or the code if it is not nil.
func parseFile(t *testing.T, name string, code any) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, code, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
