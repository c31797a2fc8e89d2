package schema

import (
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

var update = flag.Bool("update", false, "rewrite golden files")

// readArchive reads a txtar file.
func readArchive(t testing.TB, name string) (fstest.MapFS, *txtar.Archive) {
	t.Helper()
	a, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	for _, f := range a.Files {
		out[f.Name] = &fstest.MapFile{Data: f.Data, Mode: 0o644}
	}
	return out, a
}

// base returns the organization to which cases add files.
func base(t testing.TB) fstest.MapFS {
	t.Helper()
	files, _ := readArchive(t, "testdata/base.txtar")
	return files
}

// problemsOf returns the problems or warnings of a tree.
func problemsOf(t testing.TB, fsys fs.FS) string {
	t.Helper()
	d, err := Load(fsys)
	var problems tree.Problems
	switch {
	case errors.As(err, &problems):
		return problems.Error() + "\n"
	case err != nil:
		t.Fatalf("load: %v", err)
	case len(d.Warnings) > 0:
		return d.Warnings.Error() + "\n"
	}
	return ""
}

// TestProblems compares the problems of each tree below testdata/problems, added to the base, with
// the problems in its file.
func TestProblems(t *testing.T) {
	cases, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	if got := problemsOf(t, base(t)); got != "" {
		t.Fatalf("the base has problems:\n%s", got)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			files := base(t)
			added, a := readArchive(t, name)
			want := ""
			if f := added["want"]; f != nil {
				want = string(f.Data)
				delete(added, "want")
			}
			maps.Copy(files, added)
			got := problemsOf(t, files)
			if *update {
				a.Files = append(a.Files[:len(added):len(added)], txtar.File{Name: "want", Data: []byte(got)})
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got == "" {
				t.Error("Load reports no problem")
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
