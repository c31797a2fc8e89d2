package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// Readers see whole commits while fetches bring new ones and join packs.
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
		if _, err := writer.Update(t.Context(), "main", head(t, writer, "main"), map[string][]byte{"n": fmt.Append(nil, i)}, meta("n")); err != nil {
			t.Fatal(err)
		}
		if err := reader.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	if packs := must(filepath.Glob(filepath.Join(reader.GitDir(), "objects", "pack", "*.pack"))); len(packs) > 10 {
		t.Errorf("%d packs are left", len(packs))
	}
	fsck(t, reader.GitDir())
}

func TestWhatADeadProcessLeftIsRemoved(t *testing.T) {
	dir := newServer(t)
	r := fetched(t, "file://"+dir, Auth{})
	old, fresh := filepath.Join(r.GitDir(), "objects/pack/tmp_pack_1"), filepath.Join(r.GitDir(), "objects/pack/tmp_pack_2")
	must(0, os.WriteFile(old, []byte("half a pack"), 0o600))
	must(0, os.WriteFile(fresh, []byte("half a pack"), 0o600))
	yesterday := time.Now().Add(-24 * time.Hour)
	must(0, os.Chtimes(old, yesterday, yesterday))
	must(Mirror(r.GitDir(), "file://"+dir, Auth{})).Close()
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the old one: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("the one being written: %v", err)
	}
}

// A cache that cannot be written is not the server's fault, and not a missing
// branch.
func TestACacheThatCannotBeWritten(t *testing.T) {
	dir := newServer(t)
	r := newMirror(t, "file://"+dir, Auth{})
	packs := filepath.Join(r.GitDir(), "objects", "pack")
	must(0, os.Remove(packs))
	must(0, os.WriteFile(packs, nil, 0o644)) // root may write where mode bits forbid it
	err := r.Fetch(t.Context())
	var remote *RemoteError
	if err == nil || errors.As(err, &remote) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), packs) {
		t.Errorf("got %v", err)
	}
}

func TestADamagedCacheSaysSo(t *testing.T) {
	dir := newServer(t)
	r := fetched(t, "file://"+dir, Auth{})
	h := head(t, r, "main")
	for _, name := range must(filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "pack-*"))) {
		must(0, os.Remove(name))
	}
	r.Close()
	var missing *MissingObjectError
	if _, err := r.Commit(h); !errors.As(err, &missing) || !strings.Contains(err.Error(), "delete it, it will be fetched again") {
		t.Errorf("got %v", err)
	}
	if err := r.Fetch(t.Context()); err != nil { // it fetches what is missing
		t.Fatal(err)
	}
	if _, err := r.Commit(h); err != nil {
		t.Errorf("after a fetch: %v", err)
	}
}
