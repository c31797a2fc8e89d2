package gitrepo

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

func TestMergeShowsWhatAPullRequestComesTo(t *testing.T) {
	dir := newServer(t)
	writer := fetched(t, dir, Auth{})
	base := head(t, writer, "main")
	for _, branch := range []string{"topic", "clash"} {
		runGit(t, dir, "branch", branch, "main")
	}
	must(0, writer.Fetch(t.Context()))
	commit := func(branch, file, text string) {
		must(writer.Update(t.Context(), branch, head(t, writer, branch), map[string][]byte{file: []byte(text)}, meta(branch)))
	}
	commit("main", "users/alice.cue", "alice changed\n")
	commit("topic", "users/bob.cue", "bob changed\n")
	commit("topic", "new", "new\n")
	commit("clash", "users/alice.cue", "alice otherwise\n")

	r := fetched(t, "file://"+dir, Auth{})
	before := must(r.Branches())
	fsys, err := r.Merge(t.Context(), head(t, r, "main"), head(t, r, "topic"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"users/alice.cue": "alice changed\n", "users/bob.cue": "bob changed\n", "new": "new\n", "roster.cue": "package roster\n"} {
		if got, err := fs.ReadFile(fsys, name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	var conflict *ConflictError
	if _, err := r.Merge(t.Context(), head(t, r, "main"), head(t, r, "clash")); !errors.As(err, &conflict) || !slices.Equal(conflict.Paths, []string{"users/alice.cue"}) {
		t.Errorf("a conflict: %v", err)
	}
	if _, err := r.Merge(t.Context(), base, Hash{1}); err == nil || strings.Contains(err.Error(), "conflict") {
		t.Errorf("a commit that is not there: %v", err)
	}
	if after := must(r.Branches()); !slices.Equal(before, after) {
		t.Errorf("branches: %v, before %v", after, before)
	}
}

// A tree that names a file twice would be two things to two readers.
func TestATreeThatNamesAFileTwice(t *testing.T) {
	r := newWorkingCopy(t)
	one, two := runGit(t, r.WorkTree(), "rev-parse", "main:users/alice.cue"), runGit(t, r.WorkTree(), "rev-parse", "main:users/bob.cue")
	data := encodeTree([]treeEntry{{"x", modeFile, must(ParseHash(one))}, {"x", modeFile, must(ParseHash(two))}})
	file := filepath.Join(t.TempDir(), "tree")
	write(t, filepath.Dir(file), "tree", string(data))
	tree := runGit(t, r.WorkTree(), "hash-object", "-w", "-t", "tree", "--literally", file)
	h := must(ParseHash(runGit(t, r.WorkTree(), "commit-tree", tree, "-m", "twice")))
	fsys := must(r.FS(h, ""))
	if _, err := fs.ReadFile(fsys, "x"); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"x" twice`) {
		t.Errorf("got %v", err)
	}
}

// What a merge comes to is left in the cache as loose objects: they go with the packs when those are joined.
func TestWhatMergesLeaveDoesNotPileUp(t *testing.T) {
	dir := newServer(t)
	writer := fetched(t, dir, Auth{})
	runGit(t, dir, "branch", "topic", "main")
	must(0, writer.Fetch(t.Context()))
	must(writer.Update(t.Context(), "main", head(t, writer, "main"), map[string][]byte{"users/alice.cue": []byte("alice changed\n")}, meta("main")))
	r := fetched(t, "file://"+dir, Auth{})
	left := func(pattern string) int {
		return len(must(filepath.Glob(filepath.Join(r.GitDir(), "objects", pattern))))
	}
	most := 0
	for i := range gitobject.MaxPacks + 10 {
		must(writer.Update(t.Context(), "topic", head(t, writer, "topic"), map[string][]byte{"users/bob.cue": {byte('a' + i)}}, meta("topic")))
		must(0, r.Fetch(t.Context(), "topic"))
		fsys := must(r.Merge(t.Context(), head(t, r, "main"), head(t, r, "topic")))
		if got := string(must(fs.ReadFile(fsys, "users/bob.cue"))); got != string([]byte{byte('a' + i)}) {
			t.Fatalf("merge %d has %q", i, got)
		}
		most = max(most, left("??/*"))
	}
	if now, packs := left("??/*"), left("pack/*.pack"); most < gitobject.MaxPacks || now > most/2 || packs > gitobject.MaxPacks {
		t.Errorf("%d loose objects and %d packs are left; there were %d", now, packs, most)
	}
}
