package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A remote repository behaves the same with every transport.
func TestEveryTransport(t *testing.T) {
	for name, start := range map[string]func(testing.TB) testServer{
		"file":  fileServer,
		"https": httpsServer,
		"ssh":   func(t testing.TB) testServer { return sshServer(t).testServer },
		"openssh": func(t testing.TB) testServer {
			server, _ := opensshServer(t)
			return server
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			t.Run("fetch, commit, fetch", func(t *testing.T) { testRoundTrip(t, server) })
			t.Run("the branches of the remote change", func(t *testing.T) { testMovingBranches(t, server) })
			t.Run("a stale base", func(t *testing.T) { testStale(t, server) })
			t.Run("a hook that rejects", func(t *testing.T) { testHook(t, server) })
			t.Run("an empty repository", func(t *testing.T) { testEmpty(t, server) })
			t.Run("concurrent writers", func(t *testing.T) {
				dir := newServer(t)
				race(t, 8, 2, "roster/audit", func() *Repo { return fetched(t, server.url(dir), server.auth) }, dir)
			})
		})
	}
}

func testRoundTrip(t *testing.T, server testServer) {
	dir := newServer(t)
	r := fetched(t, server.url(dir), server.auth)
	base := head(t, r, "main")
	if got := readFile(t, r, base, "users/deep/eve.cue"); got != "eve\n" {
		t.Errorf("read %q", got)
	}
	edits := map[string][]byte{"users/deep/eve.cue": []byte("changed\n"), "new/file": []byte("new\n")}
	h, err := r.Update(t.Context(), "main", base, edits, meta("change"))
	if err != nil {
		t.Fatal(err)
	}
	if now := head(t, r, "main"); now != h {
		t.Errorf("the mirror is at %s, not at %s", now, h)
	}
	if got := runGit(t, dir, "log", "--format=%H %an %s", "-1", "main"); got != h.String()+" Alice Ng change" {
		t.Errorf("the server's log: %s", got)
	}
	if got := runGit(t, dir, "show", "main:users/deep/eve.cue"); got != "changed" {
		t.Errorf("the server has %q", got)
	}
	fsck(t, dir)
	fsck(t, r.GitDir())
	again := fetched(t, server.url(dir), server.auth)
	if got := readFile(t, again, head(t, again, "main"), "new/file"); got != "new\n" {
		t.Errorf("fetched again: %q", got)
	}
	if err := again.Fetch(t.Context()); err != nil {
		t.Errorf("fetch with nothing new: %v", err)
	}
}

func testMovingBranches(t *testing.T, server testServer) {
	dir := newServer(t)
	first := runGit(t, dir, "rev-parse", "main")
	r := fetched(t, server.url(dir), server.auth)
	commits := graphBare(t, dir, first)
	step := func(name string, change func(), want string, fetch ...string) {
		t.Helper()
		change()
		if err := r.Fetch(t.Context(), fetch...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, b := range must(r.Branches()) {
			got = append(got, b+"="+runGit(t, dir, "log", "-1", "--format=%s", head(t, r, b).String()))
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", name, s, want)
		}
	}
	set := func(ref, commit string) { runGit(t, dir, "update-ref", ref, commit) }
	step("forward", func() { set("refs/heads/main", commits["b"]) }, "main=b")
	step("back", func() { set("refs/heads/main", first) }, "main=first")
	step("to another history", func() { set("refs/heads/main", commits["x"]) }, "main=x")
	step("only one is fetched", func() {
		set("refs/heads/main", commits["b"])
		set("refs/heads/a", commits["b"])
	}, "a=b main=x", "a")
	step("a folder replaces a branch", func() {
		runGit(t, dir, "update-ref", "-d", "refs/heads/a")
		set("refs/heads/a/b", commits["x"])
	}, "a/b=x main=b")
	step("a branch replaces a folder", func() {
		runGit(t, dir, "update-ref", "-d", "refs/heads/a/b")
		set("refs/heads/a", commits["x"])
	}, "a=x main=b")
	step("references of pull requests", func() { set("refs/pull/7/merge", commits["x"]) },
		"a=x main=b", "refs/pull/7/merge", "main")
	if got, err := r.Resolve("refs/pull/7/merge"); err != nil || got.String() != commits["x"] {
		t.Errorf("pull request: %v, %v", got, err)
	}
	step("the default branch", func() {
		runGit(t, dir, "symbolic-ref", "HEAD", "refs/heads/a")
		set("refs/heads/a", commits["b"])
	}, "a=b main=b", "HEAD")
	if b, ok, err := r.HeadBranch(); b != "a" || !ok || err != nil {
		t.Errorf("default branch: %q, %v, %v", b, ok, err)
	}
	set("refs/heads/main", commits["x"])
	err := r.Fetch(t.Context(), "main", "mian")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"mian": the branches are a, main`) {
		t.Errorf("a branch that does not exist: %v", err)
	}
	if got := head(t, r, "main").String(); got != commits["x"] {
		t.Errorf("the other branch was not fetched: %s", got)
	}
	runGit(t, dir, "tag", "-a", "-m", "tag", "v1", commits["b"])
	step("annotated tags", func() {}, "a=b main=x")
	if got, err := r.Resolve("v1"); err != nil || got.String() != commits["b"] {
		t.Errorf("tag: %v, %v", got, err)
	}
	fsck(t, r.GitDir())
}

// graphBare adds two commits to a bare repository: b with the parent first, and x without a parent.
func graphBare(t *testing.T, dir, first string) map[string]string {
	tree := runGit(t, dir, "rev-parse", first+"^{tree}")
	return map[string]string{
		"b": runGit(t, dir, "commit-tree", tree, "-m", "b", "-p", first),
		"x": runGit(t, dir, "commit-tree", tree, "-m", "x"),
	}
}

func testStale(t *testing.T, server testServer) {
	dir := newServer(t)
	one, two := fetched(t, server.url(dir), server.auth), fetched(t, server.url(dir), server.auth)
	base := head(t, one, "main")
	won, err := one.Update(t.Context(), "main", base, map[string][]byte{"one": []byte("1")}, meta("one"))
	if err != nil {
		t.Fatal(err)
	}
	edit := map[string][]byte{"two": []byte("2")}
	if _, err := two.Update(t.Context(), "main", base, edit, meta("two")); !errors.Is(err, ErrStale) {
		t.Errorf("the second writer: %v", err)
	}
	if _, err := two.Update(t.Context(), "main", Hash{}, edit, meta("two")); !errors.Is(err, ErrStale) {
		t.Errorf("a branch that exists, without a base: %v", err)
	}
	if _, err := two.Update(t.Context(), "other", base, edit, meta("two")); !errors.Is(err, ErrStale) {
		t.Errorf("a branch that does not exist, with a base: %v", err)
	}
	if now := runGit(t, dir, "rev-parse", "main"); now != won.String() {
		t.Errorf("main is at %s", now)
	}
}

func testHook(t *testing.T, server testServer) {
	dir := newServer(t)
	r := fetched(t, server.url(dir), server.auth)
	base := head(t, r, "main")
	write(t, dir, "hooks/pre-receive", "#!/bin/sh\necho 'main is protected: open a pull request' >&2\nexit 1\n")
	must(0, os.Chmod(filepath.Join(dir, "hooks", "pre-receive"), 0o755))
	_, err := r.Update(t.Context(), "main", base, map[string][]byte{"x": []byte("x")}, meta("x"))
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Branch != "main" || !strings.Contains(err.Error(), "hook declined") ||
		!strings.Contains(err.Error(), "open a pull request") {
		t.Errorf("got %v", err)
	}
	if errors.Is(err, ErrStale) {
		t.Error("a rejected commit must not be ErrStale")
	}
	if now := head(t, r, "main"); now != base {
		t.Errorf("the mirror moved to %s", now)
	}
}

func testEmpty(t *testing.T, server testServer) {
	dir := filepath.Join(t.TempDir(), "empty.git")
	must(InitBare(t.Context(), dir)).Close()
	r := newMirror(t, server.url(dir), server.auth)
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	err := r.Fetch(t.Context(), "main")
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no branches yet") {
		t.Errorf("a branch of an empty repository: %v", err)
	}
	h, err := r.Update(t.Context(), "main", Hash{}, map[string][]byte{"a": []byte("a")}, meta("first"))
	if err != nil {
		t.Fatal(err)
	}
	if got := runGit(t, dir, "rev-parse", "main"); got != h.String() {
		t.Errorf("the server is at %s", got)
	}
	runGit(t, dir, "update-ref", "-d", "refs/heads/main")
	var remote *RemoteError
	if err := r.Fetch(t.Context()); !errors.As(err, &remote) || !strings.Contains(err.Error(), "delete the cache") {
		t.Errorf("a repository that has become empty: %v", err)
	}
	if now := head(t, r, "main"); now != h {
		t.Errorf("main is at %s", now)
	}
}
