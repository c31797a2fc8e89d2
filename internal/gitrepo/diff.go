package gitrepo

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// A Change is a file that two commits do not have in common.
type Change struct {
	Path     string
	Old, New Hash // the blobs; zero if that commit does not have the file
}

// Diff returns the files that differ between the commits a and b, sorted by path. The zero Hash
// stands for a commit without files. Diff skips folders with equal hashes, so its cost follows the
// size of the difference. A renamed file is a deletion and an addition. If only the mode of a file
// changed, Old and New are equal.
func (r *Repo) Diff(a, b Hash) ([]Change, error) {
	var trees [2]Hash
	for i, h := range []Hash{a, b} {
		if h.IsZero() {
			continue
		}
		c, err := r.Commit(h)
		if err != nil {
			return nil, err
		}
		trees[i] = c.Tree
	}
	var out []Change
	if err := r.diffTrees(&out, "", trees[0], trees[1]); err != nil {
		return nil, fmt.Errorf("compare %s with %s: %w", shortName(a), shortName(b), err)
	}
	slices.SortFunc(out, func(x, y Change) int { return strings.Compare(x.Path, y.Path) })
	return out, nil
}

// diffTrees appends the changes between two trees at the path at.
func (r *Repo) diffTrees(out *[]Change, at string, a, b Hash) error {
	if a == b {
		return nil
	}
	before, err := r.treeByName(a)
	if err != nil {
		return err
	}
	after, err := r.treeByName(b)
	if err != nil {
		return err
	}
	for file, o := range before {
		n := after[file]
		delete(after, file)
		if o == n {
			continue
		}
		if err := r.diffEntries(out, path.Join(at, file), o, n); err != nil {
			return err
		}
	}
	for file, n := range after {
		if err := r.diffEntries(out, path.Join(at, file), treeEntry{}, n); err != nil {
			return err
		}
	}
	return nil
}

// treeByName returns the entries of a tree by their names.
func (r *Repo) treeByName(h Hash) (map[string]treeEntry, error) {
	entries, err := r.tree(h)
	if err != nil {
		return nil, err
	}
	out := make(map[string]treeEntry, len(entries))
	for _, e := range entries {
		out[e.name] = e
	}
	return out, nil
}

// diffEntries compares the entries of two trees with the same name. The zero entry means that a
// tree has no such entry. If a folder became a file or the reverse, both the file and the files of
// the folder are changes.
func (r *Repo) diffEntries(out *[]Change, at string, o, n treeEntry) error {
	var oldTree, newTree Hash
	c := Change{Path: at}
	if o.mode == modeTree {
		oldTree = o.hash
	} else {
		c.Old = o.hash
	}
	if n.mode == modeTree {
		newTree = n.hash
	} else {
		c.New = n.hash
	}
	if !c.Old.IsZero() || !c.New.IsZero() {
		*out = append(*out, c)
	}
	return r.diffTrees(out, at, oldTree, newTree)
}
