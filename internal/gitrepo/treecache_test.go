package gitrepo

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheTreeCacheRemovesOldCommits(t *testing.T) {
	var c treeCache
	first := c.open(Hash{0})
	c.put(first, Hash{100}, []treeEntry{{name: "kept"}})
	for i := range 3 * maxRoots {
		at := c.open(Hash{byte(i)})
		if _, ok := c.get(at, Hash{100}); !ok {
			t.Fatalf("root %d does not have the shared tree", i)
		}
		c.put(at, Hash{200, byte(i)}, []treeEntry{{name: "own"}})
	}
	if len(c.roots) != maxRoots {
		t.Errorf("the cache has %d commits, want %d", len(c.roots), maxRoots)
	}
	now := c.open(Hash{255})
	if _, ok := c.get(now, Hash{200, 0}); ok {
		t.Error("the cache has a tree that no recent commit has")
	}
	if _, ok := c.get(first, Hash{100}); !ok {
		t.Error("an open commit has lost its trees")
	}
}

// Programs could read different files from a tree with a duplicate name.
func TestATreeWithADuplicateNameIsAnError(t *testing.T) {
	r := newWorkingCopy(t)
	one := runGit(t, r.WorkTree(), "rev-parse", "main:users/alice.cue")
	two := runGit(t, r.WorkTree(), "rev-parse", "main:users/bob.cue")
	data := encodeTree([]treeEntry{{"x", modeFile, must(ParseHash(one))}, {"x", modeFile, must(ParseHash(two))}})
	file := filepath.Join(t.TempDir(), "tree")
	write(t, filepath.Dir(file), "tree", string(data))
	tree := runGit(t, r.WorkTree(), "hash-object", "-w", "-t", "tree", "--literally", file)
	h := must(ParseHash(runGit(t, r.WorkTree(), "commit-tree", tree, "-m", "twice")))
	fsys := must(r.FS(h, ""))
	_, err := fs.ReadFile(fsys, "x")
	if err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), `"x" twice`) {
		t.Errorf("got %v", err)
	}
}
