package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// Whatever the transport, a remote repository behaves the same.
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
			t.Run("the remote's branches move, go and come", func(t *testing.T) { testMovingBranches(t, server) })
			t.Run("a stale base", func(t *testing.T) { testStale(t, server) })
			t.Run("a hook that refuses", func(t *testing.T) { testHook(t, server) })
			t.Run("an empty repository", func(t *testing.T) { testEmpty(t, server) })
			t.Run("racing writers", func(t *testing.T) {
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
	h, err := r.Update(t.Context(), "main", base, map[string][]byte{"users/deep/eve.cue": []byte("changed\n"), "new/file": []byte("new\n")}, meta("change"))
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
	step("only one is fetched", func() { set("refs/heads/main", commits["b"]); set("refs/heads/a", commits["b"]) }, "a=b main=x", "a")
	step("a folder takes a branch's place", func() {
		runGit(t, dir, "update-ref", "-d", "refs/heads/a")
		set("refs/heads/a/b", commits["x"])
	}, "a/b=x main=b")
	step("and back", func() {
		runGit(t, dir, "update-ref", "-d", "refs/heads/a/b")
		set("refs/heads/a", commits["x"])
	}, "a=x main=b")
	step("references of pull requests", func() { set("refs/pull/7/merge", commits["x"]) }, "a=x main=b", "refs/pull/7/merge", "main")
	if got, err := r.Resolve("refs/pull/7/merge"); err != nil || got.String() != commits["x"] {
		t.Errorf("pull request: %v, %v", got, err)
	}
	step("the default branch", func() { runGit(t, dir, "symbolic-ref", "HEAD", "refs/heads/a"); set("refs/heads/a", commits["b"]) }, "a=b main=b", "HEAD")
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

// graphBare adds commits to a bare repository: b on first, x on nothing.
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
	if _, err := two.Update(t.Context(), "main", base, map[string][]byte{"two": []byte("2")}, meta("two")); !errors.Is(err, ErrStale) {
		t.Errorf("the second writer: %v", err)
	}
	if _, err := two.Update(t.Context(), "main", Hash{}, map[string][]byte{"two": []byte("2")}, meta("two")); !errors.Is(err, ErrStale) {
		t.Errorf("a branch that was not expected: %v", err)
	}
	if _, err := two.Update(t.Context(), "other", base, map[string][]byte{"two": []byte("2")}, meta("two")); !errors.Is(err, ErrStale) {
		t.Errorf("a branch that was expected: %v", err)
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
	if !errors.As(err, &refused) || refused.Branch != "main" || !strings.Contains(err.Error(), "hook declined") || !strings.Contains(err.Error(), "open a pull request") {
		t.Errorf("got %v", err)
	}
	if errors.Is(err, ErrStale) {
		t.Error("a refusal must not be retried")
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
	if err := r.Fetch(t.Context(), "main"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no branches yet") {
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
		t.Errorf("a repository that suddenly is empty: %v", err)
	}
	if now := head(t, r, "main"); now != h {
		t.Errorf("main is forgotten: %s", now)
	}
}

func TestAMirrorOfAnotherURLForgetsItsBranches(t *testing.T) {
	one, two := newServer(t), newServer(t)
	runGit(t, one, "branch", "extra", "main")
	dir := filepath.Join(t.TempDir(), "cache")
	r := must(Mirror(dir, "file://"+one, Auth{}))
	must(0, r.Fetch(t.Context()))
	r.Close()
	r = must(Mirror(dir, one, Auth{})) // the same place written otherwise
	if got := must(r.Branches()); !slices.Equal(got, []string{"extra", "main"}) {
		t.Errorf("the same URL: %v", got)
	}
	runGit(t, dir, "pack-refs", "--all")
	r = must(Mirror(dir, two, Auth{}))
	if got := must(r.Branches()); len(got) != 0 {
		t.Errorf("another URL: %v", got)
	}
	must(0, r.Fetch(t.Context()))
	if got := must(r.Branches()); !slices.Equal(got, []string{"main"}) {
		t.Errorf("fetched: %v", got)
	}
	if _, err := Mirror(one, "file://"+two, Auth{}); err == nil || !strings.Contains(err.Error(), "not made by roster") {
		t.Errorf("a folder that is something else: %v", err)
	}
}

func TestPacksOfAMirrorAreJoined(t *testing.T) {
	for _, withGit := range []bool{true, false} {
		name := map[bool]string{true: "by git", false: "without git"}[withGit]
		t.Run(name, func(t *testing.T) {
			dir := newServer(t)
			r := fetched(t, "file://"+dir, Auth{})
			h := head(t, r, "main")
			var all []Hash
			for i := range gitobject.MaxPacks + 5 {
				objects, next, err := r.build(h, map[string][]byte{"counter": {byte(i)}}, meta("count"))
				if err != nil {
					t.Fatal(err)
				}
				must(0, r.objects.AddPack(strings.NewReader(string(must(gitobject.EncodePack(objects))))))
				h, all = next, append(all, next)
			}
			must(0, r.refs.write("refs/heads/main", h))
			path := os.Getenv("PATH")
			if !withGit {
				t.Setenv("PATH", t.TempDir())
			}
			must(0, r.objects.Compact(t.Context(), r.repack))
			t.Setenv("PATH", path)
			packs := must(filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "*.pack")))
			if len(packs) > 5 {
				t.Errorf("%d packs are left", len(packs))
			}
			for i, h := range all {
				if got := readFile(t, r, h, "counter"); got != string([]byte{byte(i)}) {
					t.Errorf("commit %d has %q", i, got)
				}
			}
			fsck(t, r.GitDir())
		})
	}
}
