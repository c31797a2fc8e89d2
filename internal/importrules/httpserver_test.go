package importrules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"
)

// serverNames are the names of net/http that make or start a server without the limits of
// internal/httpserver.
var serverNames = map[string]bool{
	"Server": true, "ListenAndServe": true, "ListenAndServeTLS": true, "Serve": true, "ServeTLS": true,
}

// ownServers are the packages that may make a server: the one that makes all others, and one for
// tests whose server listens on a pipe in memory.
var ownServers = map[string]bool{"internal/httpserver": true, "reconcile/reconciletest": true}

func TestOnlyHTTPServerMakesHTTPServers(t *testing.T) {
	checked := 0
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return skipDir(root, name)
		case path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") || ownServers[path.Dir(name)]:
			return nil
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		checked++
		for _, use := range serversIn(t, name, data) {
			t.Errorf("%s: use internal/httpserver, because its servers have limits", use)
		}
		return nil
	})
	if err != nil || checked < 100 {
		t.Fatalf("checked %d files: %v", checked, err)
	}
}

// serversIn lists the uses of serverNames in a Go file.
func serversIn(t *testing.T, name string, code []byte) []string {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, code, 0)
	if err != nil {
		t.Fatal(err)
	}
	local := ""
	for _, i := range file.Imports {
		if p, _ := strconv.Unquote(i.Path.Value); p == "net/http" {
			local = "http"
			if i.Name != nil {
				local = i.Name.Name
			}
		}
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok || local == "" || !serverNames[s.Sel.Name] {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && x.Name == local {
			found = append(found, set.Position(s.Pos()).String()+": http."+s.Sel.Name)
		}
		return true
	})
	return found
}

func TestServersAreFound(t *testing.T) {
	for _, test := range []struct {
		name, code string
		want       int
	}{
		{"a server", `import "net/http"; var s = http.Server{}`, 1},
		{"a new server", `import "net/http"; var s = new(http.Server)`, 1},
		{"a server under another name", `import h "net/http"; var s = &h.Server{}`, 1},
		{"a call that listens", `import "net/http"; func f() { http.ListenAndServe("", nil) }`, 1},
		{"a call that serves", `import "net/http"; func f() { http.Serve(nil, nil) }`, 1},
		{"a handler", `import "net/http"; func f() { http.NotFoundHandler() }`, 0},
		{"a server of another package", `import "net/http"; var s = web.Server{}; var h http.Handler`, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if found := serversIn(t, "a.go", []byte("package a; "+test.code)); len(found) != test.want {
				t.Errorf("found %q; want %d", found, test.want)
			}
		})
	}
}
