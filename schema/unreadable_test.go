package schema

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

// brokenTree is a tree with hashes. Some of its files and folders cannot be read, because the tree
// has something else instead.
type brokenTree struct {
	fstest.MapFS
	broken map[string]string
}

type brokenError string

func (e brokenError) Error() string        { return string(e) }
func (e brokenError) Is(target error) bool { return target == fs.ErrInvalid }

func (b brokenTree) Hash(name string) (string, error) { return "hash of " + name, nil }

func (b brokenTree) ReadFile(name string) ([]byte, error) {
	if reason, ok := b.broken[name]; ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: brokenError(reason)}
	}
	return b.MapFS.ReadFile(name)
}

func (b brokenTree) ReadDir(name string) ([]fs.DirEntry, error) {
	if reason, ok := b.broken[name]; ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: brokenError(reason)}
	}
	return b.MapFS.ReadDir(name)
}

func TestFilesThatCannotBeReadAreProblems(t *testing.T) {
	for _, name := range []string{".", "groups", "groups/g.cue", "users/u.yaml", "vendor"} {
		t.Run(name, func(t *testing.T) {
			tree := brokenTree{fstest.MapFS{}, map[string]string{name: "is a Git submodule"}}
			for file, text := range map[string]string{"groups/g.cue": "package roster\n", "users/u.yaml": "{}\n",
				"vendor/x/y.md": "text"} {
				tree.MapFS[file] = &fstest.MapFile{Data: []byte(text)}
			}
			want := "R1013: is a Git submodule"
			if name != "." {
				want = name + ": " + want
			}
			var cache Cache
			for _, when := range []string{"first", "again, with a cache"} {
				_, err := cache.Load(tree)
				if err == nil || err.Error() != want {
					t.Errorf("%s: %v; want %s", when, err, want)
				}
			}
			delete(tree.broken, name)
			if _, err := cache.Load(tree); err != nil && !strings.Contains(name, ".") {
				t.Errorf("repaired: %v", err)
			}
		})
	}
}
