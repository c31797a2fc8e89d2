package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// graph makes commits of one line each: "name parent...", with dates from
// the second column if it is a number of seconds. It returns them by name.
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

// The history of most tests: b and c part at a and join in m; x stands alone;
// late and after have dates out of order.
var forked = []string{"a 1000", "b 2000 a", "c 2500 a", "m 3000 b c", "n 4000 m", "x 1500", "late 9000 a", "after 100 late", "top 5000 after"}

func TestLogYieldsWhatGitRevListDoes(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	commits := graph(t, dir, forked...)
	for _, tt := range []struct{ from, without string }{
		{"n", ""}, {"n", "a"}, {"n", "b"}, {"n", "m"}, {"n", "n"}, {"m", "n"}, {"x", "n"}, {"n", "x"}, {"top", "n"}, {"n", "top"}, {"top", "after"}, {"top", "late"}, {"late", "top"},
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

func TestAShallowHistoryIsNoAnswer(t *testing.T) {
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
		t.Error("not recognised as shallow")
	}
	var missing *MissingObjectError
	if _, err := s.IsAncestor(commits["a"], commits["n"]); !errors.As(err, &missing) || !strings.Contains(err.Error(), "--unshallow") {
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
		{"forth", a, b, []string{a.String(), b.String()}},
		{"back", b, a, []string{b.String(), a.String()}},
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
			for line := range strings.Lines(runGit(t, dir, append([]string{"diff-tree", "-r", "--no-renames"}, tt.git...)...)) {
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

func TestResolve(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	first := head(t, r, "main")
	write(t, dir, "x", "x")
	runGit(t, dir, "add", "-A")
	runGit(t, dir, "commit", "-q", "-m", "second")
	second := head(t, r, "main")
	runGit(t, dir, "tag", "light", first.String())
	runGit(t, dir, "tag", "-a", "-m", "annotated", "v1", first.String())
	runGit(t, dir, "update-ref", "refs/remotes/origin/feature", first.String())
	runGit(t, dir, "branch", "team/alice", first.String())
	for _, pack := range []bool{false, true} {
		if pack {
			runGit(t, dir, "gc", "-q")
		}
		for ref, want := range map[string]Hash{
			"HEAD": second, "main": second, "refs/heads/main": second, "light": first, "v1": first, "origin/feature": first, "team/alice": first,
			"main~1": first, "main~": first, "main^": first, "HEAD~0": second, first.String(): first, first.Short(): first, strings.ToUpper(second.Short()): second,
		} {
			if got, err := r.Resolve(ref); err != nil || got != want {
				t.Errorf("packed %v: %s: %v, %v, want %v", pack, ref, got, err, want)
			}
		}
	}
	_, err := r.Resolve("mian")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "main, team/alice") {
		t.Errorf("a misspelt branch: %v", err)
	}
	for ref, says := range map[string]string{
		"main~5": "history starts at", "main~x": "is not a number", "../../etc/passwd": "no branch", "": "no branch", "deadbeef": "no branch",
		strings.Repeat("ab", 20): "no branch", runGit(t, dir, "rev-parse", "main:x"): "not a commit",
	} {
		if _, err := r.Resolve(ref); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", ref, err, says)
		}
	}
	must(0, os.WriteFile(filepath.Join(r.GitDir(), "refs", "heads", "torn"), nil, 0o644))
	if _, _, err := r.Head("torn"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a branch file cut short by a crash: %v", err)
	}
}

func TestOpen(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	linked := filepath.Join(t.TempDir(), "linked")
	runGit(t, dir, "worktree", "add", "-q", "-b", "side", linked)
	clone := filepath.Join(t.TempDir(), "clone")
	runGit(t, dir, "clone", "-q", "--shared", dir, clone)
	for _, tt := range []struct{ name, dir, prefix, branch string }{
		{"the root of a working copy", dir, ".", "main"},
		{"a folder of a working copy", filepath.Join(dir, "users", "deep"), "users/deep", "main"},
		{"a linked working copy", filepath.Join(linked, "users"), "users", "side"},
		{"a clone that borrows its objects", clone, ".", "main"},
		{"a bare repository", newServer(t), ".", "main"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Open(tt.dir)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			branch, ok, err := got.HeadBranch()
			if got.Prefix() != tt.prefix || branch != tt.branch || !ok || err != nil {
				t.Errorf("prefix %q, branch %q, %v, %v", got.Prefix(), branch, ok, err)
			}
			h, err := got.Resolve("HEAD")
			if err != nil {
				t.Fatal(err)
			}
			if text := readFile(t, got, h, "users/deep/eve.cue"); text != "eve\n" {
				t.Errorf("read %q", text)
			}
		})
	}
	cl, _ := Open(clone)
	if url, ok, err := cl.RemoteURL("origin"); url != dir || !ok || err != nil {
		t.Errorf("origin of the clone: %q, %v, %v", url, ok, err)
	}
	sha256 := filepath.Join(t.TempDir(), "sha256")
	runGit(t, t.TempDir(), "init", "-q", "--object-format=sha256", sha256)
	for dir, says := range map[string]string{t.TempDir(): "roster init", filepath.Join(dir, "roster.cue"): "is not a folder", filepath.Join(dir, "nowhere"): "no such file", sha256: "sha1 only"} {
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("Open(%s): %v, want %q", dir, err, says)
		}
	}
}

func TestDirtyListsWhatDiffersFromHEAD(t *testing.T) {
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
	write(t, home, ".gitconfig", "[commit]\n\tgpgsign = true\n[core]\n\texcludesFile = ~/ignore\n\tautocrlf = input\n\thooksPath = ~/hooks\n[user]\n\tname = Carol\n\temail = carol@example.com\n")
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
	if got := runGit(t, r.WorkTree(), "log", "--format=%an %ae %cn %s %ai"); got != "Carol carol@example.com Carol first 2026-11-23 09:00:00 +0100" {
		t.Errorf("log: %s", got)
	}
	if got := runGit(t, r.WorkTree(), "ls-files"); got != "roster.cue\nusers/alice.cue\nusers/bob.cue\nusers/deep/eve.cue\nzero" {
		t.Errorf("files: %s", got)
	}
	if got := runGit(t, r.WorkTree(), "status", "--porcelain"); got != "" {
		t.Errorf("status: %s", got)
	}
	if _, err := Init(t.Context(), r.WorkTree(), exampleFiles, m); !errors.Is(err, fs.ErrExist) {
		t.Errorf("into a folder that is not empty: %v", err)
	}
}
