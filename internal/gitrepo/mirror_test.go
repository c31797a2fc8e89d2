package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// Readers see complete commits while fetches add commits and combine packs.
func TestReadersDuringFetches(t *testing.T) {
	dir := newServer(t)
	writer, reader := fetched(t, "file://"+dir, Auth{}), fetched(t, "file://"+dir, Auth{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for ctx.Err() == nil {
				h, ok, err := reader.Head("main")
				if err != nil || !ok {
					t.Errorf("head: %v, %v", ok, err)
					return
				}
				fsys, err := reader.FS(h, "")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := fs.ReadFile(fsys, "users/deep/eve.cue"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range gitobject.MaxPacks + 3 {
		edit := map[string][]byte{"n": fmt.Append(nil, i)}
		if _, err := writer.Update(t.Context(), "main", head(t, writer, "main"), edit, meta("n")); err != nil {
			t.Fatal(err)
		}
		if err := reader.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	if packs := must(filepath.Glob(filepath.Join(reader.GitDir(), "objects", "pack", "*.pack"))); len(packs) > 10 {
		t.Errorf("%d packs remain", len(packs))
	}
	fsck(t, reader.GitDir())
}

// Old temporary files are those of a process that crashed. New ones may be in use.
func TestMirrorRemovesOldTemporaryFiles(t *testing.T) {
	dir := newServer(t)
	r := fetched(t, "file://"+dir, Auth{})
	yesterday := time.Now().Add(-24 * time.Hour)
	for _, file := range []string{
		"objects/pack/tmp_pack_", "objects/pack/.pack-1.idx-", "refs/heads/.main-", ".packed-refs-",
	} {
		old, fresh := filepath.Join(r.GitDir(), file+"1"), filepath.Join(r.GitDir(), file+"2")
		must(0, os.WriteFile(old, []byte("incomplete"), 0o600))
		must(0, os.WriteFile(fresh, []byte("incomplete"), 0o600))
		must(0, os.Chtimes(old, yesterday, yesterday))
		must(Mirror(r.GitDir(), "file://"+dir, Auth{})).Close()
		if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the old file: %v", err)
		}
		if _, err := os.Stat(fresh); err != nil {
			t.Errorf("the new file: %v", err)
		}
	}
	if branches := must(r.Branches()); !slices.Equal(branches, []string{"main"}) {
		t.Errorf("branches: %v", branches)
	}
}

// A failed write to the cache is neither an error of the server nor a missing branch.
func TestACacheThatCannotBeWritten(t *testing.T) {
	dir := newServer(t)
	r := newMirror(t, "file://"+dir, Auth{})
	lock := r.GitDir() + ".lock"
	must(0, os.Mkdir(lock, 0o755)) // not with permissions, because the user may be root
	err := r.Fetch(t.Context())
	var remote *RemoteError
	if err == nil || errors.As(err, &remote) || errors.Is(err, fs.ErrNotExist) ||
		!strings.Contains(err.Error(), lock) {
		t.Errorf("got %v", err)
	}
}

func TestTheErrorForADamagedCacheHasAHint(t *testing.T) {
	dir := newServer(t)
	r := fetched(t, "file://"+dir, Auth{})
	h := head(t, r, "main")
	for _, name := range must(filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "pack-*"))) {
		must(0, os.Remove(name))
	}
	r.Close()
	var missing *MissingObjectError
	_, err := r.Commit(h)
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "roster fetches it again when the server answers") {
		t.Errorf("got %v", err)
	}
	if err := r.Fetch(t.Context()); err != nil { // fetches the missing objects
		t.Fatal(err)
	}
	if _, err := r.Commit(h); err != nil {
		t.Errorf("after a fetch: %v", err)
	}
}

func TestAMirrorOfAnotherURLRemovesItsBranches(t *testing.T) {
	one, two := newServer(t), newServer(t)
	runGit(t, one, "branch", "extra", "main")
	dir := filepath.Join(t.TempDir(), "cache")
	r := must(Mirror(dir, "file://"+one, Auth{}))
	must(0, r.Fetch(t.Context()))
	r.Close()
	r = must(Mirror(dir, one, Auth{})) // the same URL in another form
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
	_, err := Mirror(one, "file://"+two, Auth{})
	if err == nil || !strings.Contains(err.Error(), "not made by roster") {
		t.Errorf("a folder that is not a cache: %v", err)
	}
}

func TestThePacksOfAMirrorAreCombined(t *testing.T) {
	for _, withGit := range []bool{true, false} {
		name := map[bool]string{true: "with git", false: "without git"}[withGit]
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
				t.Errorf("%d packs remain", len(packs))
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
