package gitrepo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDiffAgreesWithGit(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	a := head(t, r, "main")
	runGit(t, dir, "rm", "-q", "-r", "users/deep")
	write(t, dir, "users/deep", "a file now\n")
	write(t, dir, "users/alice.cue", "changed\n")
	write(t, dir, "new/x", "x")
	must(0, os.Remove(filepath.Join(dir, "zero")))
	write(t, dir, "zero/one", "a folder now")
	must(0, os.Chmod(filepath.Join(dir, "roster.cue"), 0o755))
	runGit(t, dir, "add", "-A")
	runGit(t, dir, "commit", "-q", "-m", "second")
	b := head(t, r, "main")
	for _, tt := range []struct {
		name     string
		from, to Hash
		git      []string
	}{
		{"forward", a, b, []string{a.String(), b.String()}},
		{"backward", b, a, []string{b.String(), a.String()}},
		{"from nothing", Hash{}, b, []string{emptyTree.String(), b.String()}},
		{"to itself", a, a, []string{a.String(), a.String()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changes, err := r.Diff(tt.from, tt.to)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range changes {
				got = append(got, c.Old.String()+" "+c.New.String()+" "+c.Path)
			}
			var want []string
			args := append([]string{"diff-tree", "-r", "--no-renames"}, tt.git...)
			for line := range strings.Lines(runGit(t, dir, args...)) {
				f := strings.Fields(line) // ":mode mode old new status path"
				want = append(want, f[2]+" "+f[3]+" "+f[5])
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
