package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestUpdateCreatesACommitThatGitAccepts(t *testing.T) {
	r := newWorkingCopy(t)
	main := head(t, r, "main")
	edits := map[string][]byte{"reports/a/1.json": []byte("1"), "status/a.json": []byte("s")}
	first, err := r.Update(t.Context(), "roster/audit", Hash{}, edits, meta("start\n\nbody"))
	if err != nil {
		t.Fatal(err)
	}
	edits = map[string][]byte{"reports/a/1.json": nil, "reports/b/2.json": []byte("2"), "absent": nil}
	second, err := r.Update(t.Context(), "roster/audit", first, edits, meta("next"))
	if err != nil {
		t.Fatal(err)
	}
	dir := r.WorkTree()
	fsck(t, dir)
	by := "Alice Ng alice@example.com Alice Ng 2026-11-23 09:00:00 +0100"
	want := fmt.Sprintf("%s %s next\n%s %s start", second, by, first, by)
	if got := runGit(t, dir, "log", "--format=%H %an %ae %cn %ad %s", "--date=iso", "roster/audit"); got != want {
		t.Errorf("log:\n%s\nwant:\n%s", got, want)
	}
	if got := runGit(t, dir, "ls-tree", "-r", "--name-only", "roster/audit"); got != "reports/b/2.json\nstatus/a.json" {
		t.Errorf("files:\n%s", got)
	}
	if got := runGit(t, dir, "status", "--porcelain"); got != "" {
		t.Errorf("the working copy changed:\n%s", got)
	}
	if now := head(t, r, "main"); now != main {
		t.Errorf("main moved to %s", now)
	}
	edits = map[string][]byte{"status/a.json": []byte("s")}
	again, err := r.Update(t.Context(), "roster/audit", second, edits, meta("nothing"))
	if err != nil || again != second {
		t.Errorf("an update that changes nothing: %v, %v", again, err)
	}
}

func TestACommitOfManyFilesIsOnePack(t *testing.T) {
	r := newWorkingCopy(t)
	objects := func() (loose, packs int) {
		found, err := filepath.Glob(filepath.Join(r.GitDir(), "objects", "??", "*"))
		if err != nil {
			t.Fatal(err)
		}
		packed, err := filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "*.idx"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found), len(packed)
	}
	files := func(n int) map[string][]byte {
		edits := map[string][]byte{}
		for i := range n {
			edits[fmt.Sprintf("ledger/%03d.json", i)] = fmt.Appendf(nil, "%d of %d", i, n)
		}
		return edits
	}
	var at Hash
	for _, tt := range []struct {
		name         string
		files        int
		loose, packs int // added
	}{
		{"few", 90, 90 + 3, 0}, // two trees and the commit
		{"many", 250, 0, 1},
	} {
		looseBefore, packsBefore := objects()
		var err error
		if at, err = r.Update(t.Context(), "roster/audit", at, files(tt.files), meta(tt.name)); err != nil {
			t.Fatal(err)
		}
		loose, packs := objects()
		if loose-looseBefore != tt.loose || packs-packsBefore != tt.packs {
			t.Errorf("%s: %d loose objects and %d packs were added, want %d and %d",
				tt.name, loose-looseBefore, packs-packsBefore, tt.loose, tt.packs)
		}
	}
	fsck(t, r.WorkTree())
	if got := runGit(t, r.WorkTree(), "show", "roster/audit:ledger/249.json"); got != "249 of 250" {
		t.Errorf("the last file is %q", got)
	}
	ledger, err := r.FS(at, "ledger")
	if err != nil {
		t.Fatal(err)
	}
	if data, err := fs.ReadFile(ledger, "000.json"); err != nil || string(data) != "0 of 250" {
		t.Errorf("read %q, %v", data, err)
	}
}

func TestUpdateFails(t *testing.T) {
	r := newWorkingCopy(t)
	main := head(t, r, "main")
	put := map[string][]byte{"a": []byte("a")}
	runGit(t, r.WorkTree(), "branch", "side")
	side, err := r.Update(t.Context(), "side", main, put, meta("side"))
	if err != nil {
		t.Fatal(err)
	}
	runGit(t, r.WorkTree(), "worktree", "add", "-q", "-b", "linked", filepath.Join(t.TempDir(), "linked"), "side")
	var refused *RefusedError
	isRefused := func(err error) bool { return errors.As(err, &refused) }
	isStale := func(err error) bool { return errors.Is(err, ErrStale) }
	contains := func(text string) func(error) bool {
		return func(err error) bool { return err != nil && strings.Contains(err.Error(), text) }
	}
	for _, tt := range []struct {
		name   string
		branch string
		base   Hash
		edits  map[string][]byte
		want   func(error) bool
	}{
		{"when the branch is checked out", "main", main, put, isRefused},
		{"when the branch is checked out in a linked working copy", "linked", side, put, isRefused},
		{"when the branch does not exist and a base is named", "other", main, put, isStale},
		{"when the branch exists and no base is named", "side", Hash{}, put, isStale},
		{"when the base is another commit", "side", main, put, isStale},
		{"when the name of the branch is not valid", "a..b", Hash{}, put, contains("is not a valid branch name")},
		{"when the reference is not a branch", "refs/tags/v1", Hash{}, put, contains("is not a valid branch name")},
		{"when a path leaves the tree", "new", Hash{}, map[string][]byte{"../x": nil},
			contains("want a relative path")},
		{"when a path is Git's own", "new", Hash{}, map[string][]byte{"a/.GIT/config": []byte("x")},
			contains("cannot be in a repository")},
		{"when a file has the path of a folder", "new2", Hash{},
			map[string][]byte{"a": []byte("x"), "a/b": []byte("y")}, contains("is not a folder")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "when a file has the path of a folder" {
				if _, err := r.Update(t.Context(), "file", Hash{}, put, meta("x")); err != nil {
					t.Fatal(err)
				}
				tt.branch, tt.base, tt.edits = "file", head(t, r, "file"), map[string][]byte{"a/b": []byte("y")}
			}
			h, err := r.Update(t.Context(), tt.branch, tt.base, tt.edits, meta("m"))
			if !tt.want(err) || !h.IsZero() {
				t.Errorf("got %v, %v", h, err)
			}
		})
	}
}

func TestUpdateWhileGitRuns(t *testing.T) {
	r := newWorkingCopy(t)
	base := head(t, r, "main")
	runGit(t, r.WorkTree(), "branch", "side")
	h, err := r.Update(t.Context(), "side", base, map[string][]byte{"a": []byte("a")}, meta("m"))
	if err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(r.GitDir(), "refs", "heads", "side.lock")
	if err := os.WriteFile(lock, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err = r.Update(t.Context(), "side", h, map[string][]byte{"a": []byte("b")}, meta("m"))
	if err == nil || errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "side.lock") {
		t.Errorf("a lock that a crash has left: %v", err)
	}
	if err := os.Remove(lock); err != nil {
		t.Fatal(err)
	}
	runGit(t, r.WorkTree(), "gc", "-q", "--prune=now")
	if _, err = r.Update(t.Context(), "side", h, map[string][]byte{"a": []byte("b")}, meta("m")); err != nil {
		t.Errorf("after git gc: %v", err)
	}
	fsck(t, r.WorkTree())
}

// race starts n writers that each add k files to a branch, and retry after ErrStale. It checks that
// the history is linear and has all files.
func race(t *testing.T, n, k int, branch string, open func() *Repo, check string) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range n {
		r := open()
		wg.Go(func() {
			for i := range k {
				if err := addFile(t, r, branch, fmt.Sprintf("w%d/f%d", w, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	fsck(t, check)
	if got := runGit(t, check, "rev-list", "--count", "--no-merges", branch); got != fmt.Sprint(n*k) {
		t.Errorf("%s commits, want %d", got, n*k)
	}
	if got := len(strings.Fields(runGit(t, check, "ls-tree", "-r", "--name-only", branch))); got != n*k {
		t.Errorf("%d files, want %d", got, n*k)
	}
}

func addFile(t *testing.T, r *Repo, branch, name string) error {
	for range 500 {
		base, _, err := r.Head(branch)
		if err != nil {
			return err
		}
		_, err = r.Update(t.Context(), branch, base, map[string][]byte{name: []byte(name)}, meta("add "+name))
		if !errors.Is(err, ErrStale) {
			return err
		}
		if r.URL() != "" {
			if err := r.Fetch(t.Context(), branch); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return errors.New("ErrStale 500 times")
}

func TestConcurrentWritersInOneRepository(t *testing.T) {
	work := newWorkingCopy(t)
	race(t, 8, 5, "roster/audit", func() *Repo {
		r, err := Open(work.WorkTree())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r
	}, work.WorkTree())
}
