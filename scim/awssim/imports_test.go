package awssim_test

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestImports ensures that the simulator shares no types with a client. A shared type would hide
// its own mistakes.
func TestImports(t *testing.T) {
	const allowed = "github.com/seed-d64a251c/roster/internal/atomicfile"
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if first, _, _ := strings.Cut(path, "/"); strings.Contains(first, ".") && path != allowed {
				t.Errorf("%s imports %s: only the standard library and internal/atomicfile are allowed", name, path)
			}
		}
	}
}
