package gitobject

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// goGit opens a repository with go-git's own storage.
func goGit(t testing.TB, dir string, keepDescriptors bool) *filesystem.Storage {
	s := filesystem.NewStorageWithOptions(osfs.New(dir), cache.NewObjectLRU(cacheBytes),
		filesystem.Options{KeepDescriptors: keepDescriptors, AlternatesFS: osfs.New("/")})
	t.Cleanup(func() { s.Close() })
	return s
}

// readGoGit reads the content of an object with go-git's own storage.
func readGoGit(s *filesystem.Storage, h Hash) ([]byte, error) {
	obj, err := s.EncodedObject(plumbing.AnyObject, plumbing.Hash(h))
	if err != nil {
		return nil, err
	}
	r, err := obj.Reader()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// These are the reasons for this package. If go-git passes one of them, change the package comment.
func TestFailuresOfGoGitsStorage(t *testing.T) {
	object := New(Blob, []byte("content"))
	addPack := func(t *testing.T, dir string, o Object) {
		must(0, open(t, dir).AddPack(bytes.NewReader(must(EncodePack([]Object{o})))))
	}
	for _, tt := range []struct {
		name string
		// change changes a repository that both storages have opened.
		change func(t *testing.T, dir string)
		want   []byte // nil: an error
		goGit  func(data []byte, err error) bool
	}{
		{
			"a pack that another process adds is not found",
			func(t *testing.T, dir string) { addPack(t, dir, object) },
			object.Data,
			func(_ []byte, err error) bool { return errors.Is(err, plumbing.ErrObjectNotFound) },
		},
		{
			"the content of another object is returned",
			func(t *testing.T, dir string) {
				s, other := open(t, dir), New(Blob, []byte("other"))
				must(0, s.Add([]Object{object, other}))
				must(0, os.Rename(loosePath(s.dir, other.Hash), loosePath(s.dir, object.Hash)))
			},
			nil,
			func(data []byte, err error) bool { return err == nil && string(data) == "other" },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newRepository(t, 2, 1)
			ours, theirs := open(t, dir), goGit(t, dir, true)
			head := must(ParseHash(runGit(t, dir, "rev-parse", "main")))
			must(ours.Read(head, Commit))
			must(readGoGit(theirs, head))
			tt.change(t, dir)
			data, err := ours.Read(object.Hash, Blob)
			if !bytes.Equal(data, tt.want) || (err == nil) != (tt.want != nil) {
				t.Errorf("Store: %q, %v", data, err)
			}
			if data, err = readGoGit(theirs, object.Hash); !tt.goGit(data, err) {
				t.Errorf("go-git: %q, %v", data, err)
			}
		})
	}
}

// After one failure to read an index, go-git reports the objects of the pack as not found, even if
// the index is readable again.
func TestAFailedIndexReadIsNotRemembered(t *testing.T) {
	dir := newRepository(t, 2, 1)
	head := must(ParseHash(runGit(t, dir, "rev-parse", "main")))
	index := must(filepath.Glob(filepath.Join(dir, "objects", "pack", "*.idx")))[0]
	ours, theirs := open(t, dir), goGit(t, dir, true)
	content := must(os.ReadFile(index))
	must(0, os.Chmod(index, 0o644))
	must(0, os.WriteFile(index, content[:100], 0o644))
	if _, err := ours.Read(head, Commit); err == nil {
		t.Error("Store reads a damaged index")
	}
	if _, err := readGoGit(theirs, head); err == nil || errors.Is(err, plumbing.ErrObjectNotFound) {
		t.Errorf("go-git, damaged index: %v", err)
	}
	must(0, os.WriteFile(index, content, 0o644))
	if _, err := ours.Read(head, Commit); err != nil {
		t.Errorf("Store, repaired index: %v", err)
	}
	if _, err := readGoGit(theirs, head); !errors.Is(err, plumbing.ErrObjectNotFound) {
		t.Errorf("go-git, repaired index: %v", err)
	}
}
