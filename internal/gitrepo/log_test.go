package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// graph creates a commit and a branch for each line: "name seconds parent...". It returns the
// commits by name.
func graph(t *testing.T, dir string, lines ...string) map[string]Hash {
	t.Helper()
	tree := runGit(t, dir, "write-tree")
	out := map[string]Hash{}
	for _, line := range lines {
		fields := strings.Fields(line)
		args := []string{"commit-tree", tree, "-m", fields[0]}
		for _, p := range fields[2:] {
			args = append(args, "-p", out[p].String())
		}
		t.Setenv("GIT_COMMITTER_DATE", "@"+fields[1]+" +0000")
		h, err := ParseHash(runGit(t, dir, args...))
		if err != nil {
			t.Fatal(err)
		}
		out[fields[0]] = h
		runGit(t, dir, "branch", fields[0], h.String())
	}
	os.Unsetenv("GIT_COMMITTER_DATE")
	return out
}

// forked is the history of most tests. The branches b and c start at a and are merged in m. The
// commit x has no parent. The dates of late and after are wrong.
var forked = []string{
	"a 1000", "b 2000 a", "c 2500 a", "m 3000 b c", "n 4000 m", "x 1500",
	"late 9000 a", "after 100 late", "top 5000 after",
}

func TestLogAgreesWithGitRevList(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	commits := graph(t, dir, forked...)
	for _, tt := range []struct{ from, without string }{
		{"n", ""}, {"n", "a"}, {"n", "b"}, {"n", "m"}, {"n", "n"}, {"m", "n"}, {"x", "n"}, {"n", "x"},
		{"top", "n"}, {"n", "top"}, {"top", "after"}, {"top", "late"}, {"late", "top"},
	} {
		t.Run(tt.from+" without "+tt.without, func(t *testing.T) {
			args := []string{"rev-list", tt.from}
			if tt.without != "" {
				args = append(args, "^"+tt.without)
			}
			want := strings.Fields(runGit(t, dir, args...))
			var got []string
			for c, err := range r.Log(commits[tt.from], commits[tt.without]) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, c.Hash.String())
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestIsAncestorAgreesWithGit(t *testing.T) {
	r := newWorkingCopy(t)
	commits := graph(t, r.WorkTree(), forked...)
	for a := range commits {
		reach := strings.Fields(runGit(t, r.WorkTree(), "branch", "--format=%(refname:short)", "--contains", a))
		for b := range commits {
			got, err := r.IsAncestor(commits[a], commits[b])
			if err != nil || got != slices.Contains(reach, b) {
				t.Errorf("%s in the history of %s: %v, %v", a, b, got, err)
			}
		}
	}
}

func TestAnIncompleteHistoryIsAnError(t *testing.T) {
	r := newWorkingCopy(t)
	commits := graph(t, r.WorkTree(), forked...)
	dir := filepath.Join(t.TempDir(), "shallow")
	runGit(t, t.TempDir(), "clone", "-q", "--depth=1", "--branch=n", "file://"+r.WorkTree(), dir)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !s.Shallow() {
		t.Error("Shallow is false")
	}
	var missing *MissingObjectError
	_, err = s.IsAncestor(commits["a"], commits["n"])
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "--unshallow") {
		t.Errorf("IsAncestor: %v", err)
	}
	var last error
	for _, err := range s.Log(commits["n"], Hash{}) {
		last = err
	}
	if !errors.As(last, &missing) {
		t.Errorf("Log: %v", last)
	}
}
