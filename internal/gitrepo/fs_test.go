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
	"testing/fstest"
)

func TestFSBehavesAsAFileSystem(t *testing.T) {
	r := newWorkingCopy(t)
	fsys, err := r.FS(head(t, r, "main"), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "roster.cue", "users/alice.cue", "users/deep/eve.cue", "zero"); err != nil {
		t.Error(err)
	}
	below, err := r.FS(head(t, r, "main"), "users/")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(below, "alice.cue", "deep/eve.cue"); err != nil {
		t.Error(err)
	}
	runGit(t, r.WorkTree(), "gc", "-q", "--prune=now")
	packed, err := r.FS(head(t, r, "main"), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(packed, "roster.cue", "users/deep/eve.cue"); err != nil {
		t.Errorf("packed: %v", err)
	}
}

func TestFSReturnsTheHashOfAFile(t *testing.T) {
	r := newWorkingCopy(t)
	fsys, err := r.FS(head(t, r, "main"), "")
	if err != nil {
		t.Fatal(err)
	}
	want := runGit(t, r.WorkTree(), "rev-parse", "main:users/bob.cue")
	got, err := fsys.(interface{ Hash(string) (string, error) }).Hash("users/bob.cue")
	if err != nil || got != want {
		t.Errorf("Hash: %s, %v, want %s", got, err, want)
	}
	info, err := fs.Stat(fsys, "users/bob.cue")
	if err != nil || info.Sys().(Hash).String() != want || info.Size() != 4 || !info.ModTime().Equal(day) {
		t.Errorf("Stat: %v, %v", info, err)
	}
}

func TestFSReadsOnlyFiles(t *testing.T) {
	r := newWorkingCopy(t)
	dir := r.WorkTree()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "users", "link.cue")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "users/big.csv", "version https://git-lfs.github.com/spec/v1\n"+
		"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n")
	runGit(t, dir, "add", "-A")
	runGit(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+head(t, r, "main").String()+",vendor/sub")
	runGit(t, dir, "commit", "-q", "-m", "symbolic link, LFS pointer and submodule")
	fsys, err := r.FS(head(t, r, "main"), "")
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) error { _, err := fs.ReadFile(fsys, name); return err }
	list := func(name string) error { _, err := fs.ReadDir(fsys, name); return err }
	walk := func(name string) error {
		return fs.WalkDir(fsys, name, func(_ string, _ fs.DirEntry, err error) error { return err })
	}
	for _, tt := range []struct {
		name string
		err  error
		want error
	}{
		{"a symbolic link", read("users/link.cue"), ErrSymlink},
		{"below a symbolic link", read("users/link.cue/x"), ErrSymlink},
		{"a Git LFS pointer", read("users/big.csv"), ErrLFS},
		{"a submodule", list("vendor/sub"), ErrSubmodule},
		{"a file of a submodule", read("vendor/sub/x.cue"), ErrSubmodule},
		{"a walk over a submodule", walk("vendor"), ErrSubmodule},
		{"an absent file", read("users/nobody.cue"), fs.ErrNotExist},
		{"below a file", read("roster.cue/x"), fs.ErrNotExist},
		{"an invalid path", read("../x"), fs.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var pe *fs.PathError
			if !errors.Is(tt.err, tt.want) || !errors.As(tt.err, &pe) {
				t.Errorf("got %v", tt.err)
			}
			if tt.want != fs.ErrNotExist && errors.Is(tt.err, fs.ErrNotExist) {
				t.Errorf("%v must not be fs.ErrNotExist", tt.err)
			}
		})
	}
	for _, e := range must(fs.ReadDir(fsys, "users")) {
		if e.Name() == "link.cue" && e.Type() != fs.ModeSymlink {
			t.Errorf("the link is listed as %v", e.Type())
		}
	}
	if _, err := r.FS(head(t, r, "main"), "nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent folder: %v", err)
	}
	if _, err := r.FS(head(t, r, "main"), "roster.cue"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file instead of a folder: %v", err)
	}
}

// In a damaged repository, no file may look absent.
func TestADamagedObjectIsNotAnAbsentFile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, object string)
	}{
		{"a missing object", func(t *testing.T, object string) { must(0, os.Remove(object)) }},
		{"an empty object", func(t *testing.T, object string) { must(0, os.Truncate(object, 0)) }},
		{"a changed object", func(t *testing.T, object string) {
			other := strings.TrimSpace(object)
			data := must(os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(other)), "swap")))
			must(0, os.WriteFile(object, data, 0o644))
		}},
	} {
		for _, revision := range []string{"main:users/alice.cue", "main:users", "main^{tree}", "main"} {
			t.Run(tt.name+" for "+revision, func(t *testing.T) {
				r := newWorkingCopy(t)
				h := head(t, r, "main")
				file := func(name string) string {
					id := runGit(t, r.WorkTree(), "rev-parse", name)
					return filepath.Join(r.GitDir(), "objects", id[:2], id[2:])
				}
				swap := must(os.ReadFile(file("main:users/bob.cue")))
				must(0, os.WriteFile(filepath.Join(r.GitDir(), "objects", "swap"), swap, 0o644))
				object := file(revision)
				must(0, os.Chmod(object, 0o644))
				tt.damage(t, object)
				fsys, err := r.FS(h, "")
				if err == nil {
					_, err = fs.ReadFile(fsys, "users/alice.cue")
				}
				var missing *MissingObjectError
				if !errors.As(err, &missing) || errors.Is(err, fs.ErrNotExist) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

func TestReadersMayBeConcurrentWithGitGC(t *testing.T) {
	r := newWorkingCopy(t)
	files := map[string][]byte{}
	for i := range 200 {
		files[fmt.Sprintf("d%d/f%d", i%7, i)] = fmt.Appendf(nil, "content %d", i)
	}
	h, err := r.Update(t.Context(), "many", Hash{}, files, meta("many"))
	if err != nil {
		t.Fatal(err)
	}
	fsys, err := r.FS(h, "")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3 {
				for name, want := range files {
					got, err := fs.ReadFile(fsys, name)
					if err != nil || string(got) != string(want) {
						t.Errorf("%s: %q, %v", name, got, err)
						return
					}
				}
			}
		})
	}
	wg.Go(func() {
		for range 2 {
			runGit(t, r.WorkTree(), "repack", "-a", "-d", "-q", "-f")
			runGit(t, r.WorkTree(), "prune-packed")
		}
	})
	wg.Wait()
}
