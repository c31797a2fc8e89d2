package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// cacheFiles lists the files of a cache.
func cacheFiles(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			out = append(out, must(filepath.Rel(dir, name)))
		}
		return err
	})
	if err != nil || len(out) < 4 {
		t.Fatalf("the cache has the files %q, %v", out, err)
	}
	return out
}

// damages are ways in which a file is damaged.
var damages = map[string]func([]byte) []byte{
	"empty":     func([]byte) []byte { return nil },
	"truncated": func(b []byte) []byte { return b[:len(b)/2] },
	"zeros":     func(b []byte) []byte { return make([]byte, len(b)) },
	"one byte":  func(b []byte) []byte { c := bytes.Clone(b); c[len(c)/2] ^= 0x55; return c },
}

// overwrite replaces a file, which may be read-only.
func overwrite(t *testing.T, name string, damage func([]byte) []byte) {
	t.Helper()
	data := must(os.ReadFile(name))
	must(0, os.Remove(name))
	must(0, os.WriteFile(name, damage(data), 0o600))
}

// mirrorAgain opens a cache as a new process does: a damaged one that cannot be opened is set
// aside.
func mirrorAgain(t *testing.T, dir, url string) *Repo {
	t.Helper()
	r, err := Mirror(dir, url, Auth{})
	var damaged *DamagedError
	if errors.As(err, &damaged) {
		must(0, os.RemoveAll(dir))
		r, err = Mirror(dir, url, Auth{})
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// Whatever file of a cache is damaged, the next process continues, and so does a process that is
// running, after its next fetch.
func TestADamagedCacheIsFetchedAgain(t *testing.T) {
	url := "file://" + newServer(t)
	for _, file := range cacheFiles(t, fetched(t, url, Auth{}).GitDir()) {
		for name, damage := range damages {
			t.Run(file[:min(12, len(file))]+" "+name, func(t *testing.T) {
				running := fetched(t, url, Auth{})
				dir, h := running.GitDir(), head(t, running, "main")
				running.Close()
				name := filepath.Join(dir, file)
				if _, err := os.Stat(name); err != nil { // packs have the same names in each cache
					t.Fatal(err)
				}
				overwrite(t, name, damage)
				r := mirrorAgain(t, dir, url)
				if err := r.Fetch(t.Context()); err != nil {
					t.Fatal(err)
				}
				if have := head(t, r, "main"); have != h {
					t.Errorf("main is at %s, want %s", have, h)
				}
				readFile(t, r, h, "users/deep/eve.cue")
				if err := running.Fetch(t.Context(), "main"); err != nil {
					t.Fatalf("the process that was running: %v", err)
				}
				readFile(t, running, head(t, running, "main"), "users/deep/eve.cue")
				fsck(t, dir)
			})
		}
	}
}

func TestADamagedCacheIsKeptAside(t *testing.T) {
	url := "file://" + newServer(t)
	r := fetched(t, url, Auth{})
	dir := r.GitDir()
	r.Close()
	packs := must(filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack")))
	overwrite(t, packs[0], damages["zeros"])
	again := mirrorAgain(t, dir, url)
	var calls []string
	again.Renewed = func(aside string, damage error) { calls = append(calls, fmt.Sprint(aside, ": ", damage)) }
	for range 2 {
		if err := again.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(calls) != 1 || !strings.HasPrefix(calls[0], dir+".damaged: verify pack ") {
		t.Errorf("the calls are %q; want one with the damage", calls)
	}
	if _, err := os.Stat(filepath.Join(dir+".damaged", "objects", "pack", filepath.Base(packs[0]))); err != nil {
		t.Error(err)
	}
}

// Damage that a read finds is repaired by the next fetch of the same process.
func TestDamageThatAReadFindsIsRepairedByTheNextFetch(t *testing.T) {
	url := "file://" + newServer(t)
	r := fetched(t, url, Auth{})
	h := head(t, r, "main")
	packs := must(filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "*.pack")))
	r.Close()
	overwrite(t, packs[0], func(b []byte) []byte { return append(bytes.Clone(b[:12]), make([]byte, len(b)-12)...) })
	fsys, err := r.FS(h, "")
	if err == nil {
		_, err = fs.ReadFile(fsys, "users/deep/eve.cue")
	}
	if err == nil {
		t.Fatal("a damaged file was read")
	}
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	readFile(t, r, h, "users/deep/eve.cue")
}

// A damaged cache stays while the server does not answer: what can be read of it is all there is.
func TestADamagedCacheStaysWhileTheServerIsDown(t *testing.T) {
	server := newServer(t)
	r := fetched(t, "file://"+server, Auth{})
	h := head(t, r, "main")
	r.Close()
	overwrite(t, filepath.Join(r.GitDir(), "HEAD"), damages["zeros"])
	must(0, os.Rename(server, server+".away"))
	again := mirrorAgain(t, r.GitDir(), "file://"+server)
	var remote *RemoteError
	if err := again.Fetch(t.Context()); !errors.As(err, &remote) {
		t.Fatalf("the error is %v, want a RemoteError", err)
	}
	readFile(t, again, h, "users/deep/eve.cue")
	must(0, os.Rename(server+".away", server))
	if err := again.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	readFile(t, again, head(t, again, "main"), "users/deep/eve.cue")
}

// Two processes share a cache. The other one fetches after this one has found that an object is
// missing, and before it tells the server what it has.
func TestAnotherProcessFetchesMeanwhile(t *testing.T) {
	dir, server := newServer(t), httpsServer(t)
	url := server.url(dir)
	r, writer := fetched(t, url, server.auth), fetched(t, url, server.auth)
	other := must(Mirror(r.GitDir(), url, server.auth))
	defer other.Close()
	edit := map[string][]byte{"n": []byte("new")}
	h := must(writer.Update(t.Context(), "main", head(t, writer, "main"), edit, meta("n")))
	var once sync.Once
	r.beforeHaves = func() {
		once.Do(func() {
			if err := other.Fetch(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if have := head(t, r, "main"); have != h {
		t.Errorf("main is at %s, want %s", have, h)
	}
	readFile(t, r, h, "n")
}
