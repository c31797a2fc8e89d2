package gitrepo

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A treeCache stores the sorted trees of the commits that were used last. Successive commits share
// most of their trees. The zero value is empty.
type treeCache struct {
	mu    sync.Mutex
	roots []*rootTrees // the most recently used last
}

// rootTrees are the trees of one commit that were read.
type rootTrees struct {
	root  Hash
	trees map[Hash][]treeEntry // guarded by treeCache.mu
}

// maxRoots is the number of commits in a treeCache. It has room for the declarations and for the
// audit branches of several provisioners.
const maxRoots = 16

// open returns the trees of a root that are in the cache, and marks the root as used last.
func (c *treeCache) open(root Hash) *rootTrees {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.roots, func(t *rootTrees) bool { return t.root == root })
	trees := &rootTrees{root, map[Hash][]treeEntry{}}
	if i >= 0 {
		trees = c.roots[i]
		c.roots = slices.Delete(c.roots, i, i+1)
	} else if len(c.roots) == maxRoots {
		c.roots = slices.Delete(c.roots, 0, 1)
	}
	c.roots = append(c.roots, trees)
	return trees
}

// get returns a tree of a root. If another root has the tree, get adds it to this root.
func (c *treeCache) get(root *rootTrees, h Hash) ([]treeEntry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list, ok := root.trees[h]; ok {
		return list, true
	}
	for _, other := range slices.Backward(c.roots) {
		if list, ok := other.trees[h]; ok {
			root.trees[h] = list
			return list, true
		}
	}
	return nil, false
}

// put adds a tree to a root.
func (c *treeCache) put(root *rootTrees, h Hash, list []treeEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	root.trees[h] = list
}

// sortedTree returns the entries of a tree of a root, sorted by name. The caller must not change
// them, because the cache has the same slice. A name that appears twice is an error: programs that
// use different entries would see different files.
func (r *Repo) sortedTree(root *rootTrees, h Hash) ([]treeEntry, error) {
	if list, ok := r.trees.get(root, h); ok {
		return list, nil
	}
	list, err := r.tree(h)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, compareNames)
	for i := range max(0, len(list)-1) {
		if list[i].name == list[i+1].name {
			return nil, contentError(fmt.Sprintf("has the file %q twice: remove one (tree %s)", list[i].name, h))
		}
	}
	r.trees.put(root, h, list)
	return list, nil
}

func compareNames(a, b treeEntry) int { return strings.Compare(a.name, b.name) }
