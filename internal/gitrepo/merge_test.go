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

func TestMergeReturnsTheResultOfAPullRequest(t *testing.T) {
	dir := newServer(t)
	writer := fetched(t, dir, Auth{})
	base := head(t, writer, "main")
	for _, branch := range []string{"topic", "clash"} {
		runGit(t, dir, "branch", branch, "main")
	}
	must(0, writer.Fetch(t.Context()))
	commit := func(branch, file, text string) {
		edit := map[string][]byte{file: []byte(text)}
		must(writer.Update(t.Context(), branch, head(t, writer, branch), edit, meta(branch)))
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
	for name, want := range map[string]string{
		"users/alice.cue": "alice changed\n", "users/bob.cue": "bob changed\n",
		"new": "new\n", "roster.cue": "package roster\n",
	} {
		if got, err := fs.ReadFile(fsys, name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	var conflict *ConflictError
	_, err = r.Merge(t.Context(), head(t, r, "main"), head(t, r, "clash"))
	if !errors.As(err, &conflict) || !slices.Equal(conflict.Paths, []string{"users/alice.cue"}) {
		t.Errorf("a conflict: %v", err)
	}
	if _, err := r.Merge(t.Context(), base, Hash{1}); err == nil || strings.Contains(err.Error(), "conflict") {
		t.Errorf("an absent commit: %v", err)
	}
	if after := must(r.Branches()); !slices.Equal(before, after) {
		t.Errorf("branches: %v, before %v", after, before)
	}
}

// Each merge leaves loose objects in the cache. They are packed when git combines the packs.
func TestTheObjectsOfMergesDoNotAccumulate(t *testing.T) {
	dir := newServer(t)
	writer := fetched(t, dir, Auth{})
	runGit(t, dir, "branch", "topic", "main")
	must(0, writer.Fetch(t.Context()))
	edit := map[string][]byte{"users/alice.cue": []byte("alice changed\n")}
	must(writer.Update(t.Context(), "main", head(t, writer, "main"), edit, meta("main")))
	r := fetched(t, "file://"+dir, Auth{})
	count := func(pattern string) int {
		return len(must(filepath.Glob(filepath.Join(r.GitDir(), "objects", pattern))))
	}
	most := 0
	for i := range gitobject.MaxPacks + 10 {
		edit := map[string][]byte{"users/bob.cue": {byte('a' + i)}}
		must(writer.Update(t.Context(), "topic", head(t, writer, "topic"), edit, meta("topic")))
		must(0, r.Fetch(t.Context(), "topic"))
		fsys := must(r.Merge(t.Context(), head(t, r, "main"), head(t, r, "topic")))
		if got := string(must(fs.ReadFile(fsys, "users/bob.cue"))); got != string([]byte{byte('a' + i)}) {
			t.Fatalf("merge %d has %q", i, got)
		}
		most = max(most, count("??/*"))
	}
	loose, packs := count("??/*"), count("pack/*.pack")
	if most < gitobject.MaxPacks || loose > most/2 || packs > gitobject.MaxPacks {
		t.Errorf("%d loose objects and %d packs remain; there were up to %d loose objects", loose, packs, most)
	}
}
