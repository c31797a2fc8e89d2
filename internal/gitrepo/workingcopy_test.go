package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDirtyListsChangesFromHEAD(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	if files, err := r.Dirty(t.Context()); err != nil || len(files) > 0 {
		t.Fatalf("after Init: %v, %v", files, err)
	}
	write(t, dir, ".gitignore", "*.tmp\n")
	runGit(t, dir, "add", "-A")
	runGit(t, dir, "commit", "-q", "-m", "ignore")
	write(t, dir, "x.tmp", "ignored")
	write(t, dir, "new folder/größe", "untracked")
	write(t, dir, "users/alice.cue", "changed")
	write(t, dir, "staged", "staged")
	runGit(t, dir, "add", "staged")
	runGit(t, dir, "mv", "users/bob.cue", "users/robert.cue")
	must(0, os.Remove(filepath.Join(dir, "zero")))
	files, err := r.Dirty(t.Context())
	want := []string{"new folder/größe", "staged", "users/alice.cue", "users/bob.cue", "users/robert.cue", "zero"}
	if err != nil || !slices.Equal(files, want) {
		t.Errorf("got %q, %v, want %q", files, err, want)
	}
}

func TestInit(t *testing.T) {
	home, _ := os.UserHomeDir()
	write(t, home, ".gitconfig", "[commit]\n\tgpgsign = true\n"+
		"[core]\n\texcludesFile = ~/ignore\n\tautocrlf = input\n\thooksPath = ~/hooks\n"+
		"[user]\n\tname = Carol\n\temail = carol@example.com\n")
	write(t, home, "ignore", "*.cue\n")
	write(t, home, "hooks/pre-commit", "#!/bin/sh\nexit 1\n")
	must(0, os.Chmod(filepath.Join(home, "hooks", "pre-commit"), 0o755))
	t.Cleanup(func() { os.Remove(filepath.Join(home, ".gitconfig")) })
	for _, name := range []string{"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"} {
		t.Setenv(name, "")
		os.Unsetenv(name)
	}
	t.Setenv("GIT_DIR", "/nowhere") // as in a hook that calls roster
	m := meta("first")
	m.Author = Person{}
	r, err := Init(t.Context(), filepath.Join(t.TempDir(), "new", "repo"), exampleFiles, m)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	os.Unsetenv("GIT_DIR")
	got := runGit(t, r.WorkTree(), "log", "--format=%an %ae %cn %s %ai")
	if got != "Carol carol@example.com Carol first 2026-11-23 09:00:00 +0100" {
		t.Errorf("log: %s", got)
	}
	got = runGit(t, r.WorkTree(), "ls-files")
	if got != "roster.cue\nusers/alice.cue\nusers/bob.cue\nusers/deep/eve.cue\nzero" {
		t.Errorf("files: %s", got)
	}
	if got := runGit(t, r.WorkTree(), "status", "--porcelain"); got != "" {
		t.Errorf("status: %s", got)
	}
	if _, err := Init(t.Context(), r.WorkTree(), exampleFiles, m); !errors.Is(err, fs.ErrExist) {
		t.Errorf("into a folder that is not empty: %v", err)
	}
}
