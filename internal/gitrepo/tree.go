package gitrepo

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// A mode is the type and permission of a tree entry, as Git writes it.
type mode uint32

const (
	modeTree      mode = 0o040000
	modeFile      mode = 0o100644
	modeExec      mode = 0o100755
	modeLink      mode = 0o120000
	modeSubmodule mode = 0o160000
)

// isFile also holds for the group-writable files of very old commits.
func (m mode) isFile() bool { return m&0o170000 == 0o100000 }

// A treeEntry is one line of a tree.
type treeEntry struct {
	name string
	mode mode
	hash Hash
}

// parseTree reads a tree object: "mode SP name NUL hash", repeated. The names
// share one text.
func parseTree(h Hash, data []byte) ([]treeEntry, error) {
	var out []treeEntry
	for text := string(data); text != ""; {
		sp, nul := strings.IndexByte(text, ' '), strings.IndexByte(text, 0)
		if sp < 0 || nul < sp || len(text) < nul+1+len(Hash{}) {
			return nil, fmt.Errorf("tree %s is malformed", h)
		}
		m, err := strconv.ParseUint(text[:sp], 8, 32)
		if err != nil {
			return nil, fmt.Errorf("tree %s is malformed: mode %q", h, text[:sp])
		}
		e := treeEntry{name: text[sp+1 : nul], mode: mode(m)}
		text = text[nul+1+copy(e.hash[:], text[nul+1:]):]
		if e.name == "." || !fs.ValidPath(e.name) || strings.Contains(e.name, "/") {
			return nil, fmt.Errorf("tree %s holds a file that roster cannot name: %q", h, e.name)
		}
		out = append(out, e)
	}
	return out, nil
}

// encodeTree writes a tree object, in Git's order: by name, a folder as if its
// name ended in a slash.
func encodeTree(entries []treeEntry) []byte {
	key := func(e treeEntry) string {
		if e.mode == modeTree {
			return e.name + "/"
		}
		return e.name
	}
	slices.SortFunc(entries, func(a, b treeEntry) int { return strings.Compare(key(a), key(b)) })
	var buf bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&buf, "%o %s\x00", uint32(e.mode), e.name)
		buf.Write(e.hash[:])
	}
	return buf.Bytes()
}

// tree reads the entries of a tree object.
func (r *Repo) tree(h Hash) ([]treeEntry, error) {
	if h.IsZero() || h == emptyTree {
		return nil, nil
	}
	data, err := r.objects.Read(h, gitobject.Tree)
	if err != nil {
		return nil, err
	}
	return parseTree(h, data)
}

// A treeCache holds the trees of the commits that were looked at last, each tree
// sorted by name: two commits that follow one another share nearly all of theirs.
// The zero value is empty.
type treeCache struct {
	mu    sync.Mutex
	roots []*rootTrees // the most recent last
}

// rootTrees are the trees that were read of one commit.
type rootTrees struct {
	root  Hash
	trees map[Hash][]treeEntry // over treeCache.mu
}

// maxRoots is how many commits that is: of declarations and of several
// provisioners' evidence in between.
const maxRoots = 16

// open returns what is known of a root.
func (c *treeCache) open(root Hash) *rootTrees {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.roots, func(t *rootTrees) bool { return t.root == root })
	known := &rootTrees{root, map[Hash][]treeEntry{}}
	if i >= 0 {
		known = c.roots[i]
		c.roots = slices.Delete(c.roots, i, i+1)
	} else if len(c.roots) == maxRoots {
		c.roots = slices.Delete(c.roots, 0, 1)
	}
	c.roots = append(c.roots, known)
	return known
}

// get looks for a tree among those of a root, then among those of others.
func (c *treeCache) get(of *rootTrees, h Hash) ([]treeEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list, ok := of.trees[h]; ok {
		return list, true
	}
	for _, other := range slices.Backward(c.roots) {
		if list, ok := other.trees[h]; ok {
			of.trees[h] = list
			return list, true
		}
	}
	return nil, false
}

func (c *treeCache) put(of *rootTrees, h Hash, list []treeEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of.trees[h] = list
}

// sortedTree returns the entries of a tree below a root, sorted by name; they are
// shared.
func (r *Repo) sortedTree(of *rootTrees, h Hash) ([]treeEntry, error) {
	if list, ok := r.trees.get(of, h); ok {
		return list, nil
	}
	list, err := r.tree(h)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, compareNames)
	for i := range max(0, len(list)-1) { // one reader would see the first, another the second
		if list[i].name == list[i+1].name {
			return nil, fmt.Errorf("tree %s is malformed: it has %q twice", h, list[i].name)
		}
	}
	r.trees.put(of, h, list)
	return list, nil
}

func compareNames(a, b treeEntry) int { return strings.Compare(a.name, b.name) }

// emptyTree is the tree without entries; repositories need not hold it.
var emptyTree = gitobject.HashOf(gitobject.Tree, nil)

// A treeEdit collects the objects that a set of edits makes.
type treeEdit struct {
	repo *Repo
	made []gitobject.Object
}

func (t *treeEdit) add(kind gitobject.Type, data []byte) Hash {
	object := gitobject.New(kind, data)
	if !slices.ContainsFunc(t.made, func(o gitobject.Object) bool { return o.Hash == object.Hash }) {
		t.made = append(t.made, object)
	}
	return object.Hash
}

// apply returns the tree that results from writing (content) or deleting (nil)
// files in the tree base; at is the folder's path, for errors.
func (t *treeEdit) apply(base Hash, at string, edits map[string][]byte) (Hash, error) {
	old, err := t.repo.tree(base)
	if err != nil {
		return Hash{}, err
	}
	entries := make(map[string]treeEntry, len(old))
	for _, e := range old {
		entries[e.name] = e
	}
	here, below := splitEdits(edits)
	for name, content := range here {
		if err := t.applyFile(entries, at, name, content); err != nil {
			return Hash{}, err
		}
	}
	for name, sub := range below {
		if err := t.applyFolder(entries, at, name, sub); err != nil {
			return Hash{}, err
		}
	}
	if len(entries) == 0 {
		return Hash{}, nil
	}
	next := make([]treeEntry, 0, len(entries))
	for _, e := range entries {
		next = append(next, e)
	}
	data := encodeTree(next)
	if h := gitobject.HashOf(gitobject.Tree, data); h == base {
		return h, nil
	}
	return t.add(gitobject.Tree, data), nil
}

func (t *treeEdit) applyFile(entries map[string]treeEntry, at, name string, content []byte) error {
	e, exists := entries[name]
	switch {
	case exists && e.mode == modeTree:
		return fmt.Errorf("edit %s: is a folder", path.Join(at, name))
	case content == nil:
		delete(entries, name)
		return nil
	case exists && !e.mode.isFile():
		return fmt.Errorf("edit %s: is a link or a submodule", path.Join(at, name))
	case !exists:
		e = treeEntry{name: name, mode: modeFile}
	}
	if h := gitobject.HashOf(gitobject.Blob, content); h != e.hash {
		e.hash = t.add(gitobject.Blob, content)
	}
	entries[name] = e
	return nil
}

func (t *treeEdit) applyFolder(entries map[string]treeEntry, at, name string, edits map[string][]byte) error {
	e, exists := entries[name]
	if exists && e.mode != modeTree {
		return fmt.Errorf("edit below %s: is not a folder", path.Join(at, name))
	}
	h, err := t.apply(e.hash, path.Join(at, name), edits)
	if err != nil {
		return err
	}
	if h.IsZero() {
		delete(entries, name)
		return nil
	}
	entries[name] = treeEntry{name: name, mode: modeTree, hash: h}
	return nil
}

// splitEdits parts the edits of a folder's own files from those of its
// subfolders.
func splitEdits(edits map[string][]byte) (here map[string][]byte, below map[string]map[string][]byte) {
	here, below = map[string][]byte{}, map[string]map[string][]byte{}
	for name, content := range edits {
		first, rest, deeper := strings.Cut(name, "/")
		if !deeper {
			here[name] = content
			continue
		}
		if below[first] == nil {
			below[first] = map[string][]byte{}
		}
		below[first][rest] = content
	}
	return here, below
}

// checkEditPath refuses what Git would refuse in a tree: it protects whoever
// checks the branch out.
func checkEditPath(name string) error {
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("edit %q: want a relative path with forward slashes", name)
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.EqualFold(part, ".git") || strings.ContainsAny(part, "\\:\x00") {
			return fmt.Errorf("edit %q: %q cannot be in a repository", name, part)
		}
	}
	return nil
}
