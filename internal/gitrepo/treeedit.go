package gitrepo

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// A treeEdit applies edits to trees and collects the new objects.
type treeEdit struct {
	repo  *Repo
	added []gitobject.Object
}

// add collects an object, unless it was collected before.
func (t *treeEdit) add(objectType gitobject.Type, data []byte) Hash {
	object := gitobject.New(objectType, data)
	if !slices.ContainsFunc(t.added, func(o gitobject.Object) bool { return o.Hash == object.Hash }) {
		t.added = append(t.added, object)
	}
	return object.Hash
}

// apply applies edits to the tree base and returns the new tree, or zero if no file remains. An
// edit writes the content of a file, or deletes the file if the content is nil. The path of the
// folder, at, is for error messages.
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
		t.applyFile(entries, name, content)
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

// applyFile writes or deletes one file of a folder. It also replaces or deletes what is not a file:
// a folder, a symbolic link or a submodule.
func (t *treeEdit) applyFile(entries map[string]treeEntry, name string, content []byte) {
	e, exists := entries[name]
	switch {
	case content == nil:
		delete(entries, name)
		return
	case !exists || !e.mode.isFile():
		e = treeEntry{name: name, mode: modeFile}
	}
	if h := gitobject.HashOf(gitobject.Blob, content); h != e.hash {
		e.hash = t.add(gitobject.Blob, content)
	}
	entries[name] = e
}

// applyFolder applies edits to a subfolder, and removes it if no file remains.
func (t *treeEdit) applyFolder(entries map[string]treeEntry, at, name string, edits map[string][]byte) error {
	e, exists := entries[name]
	if exists && e.mode != modeTree {
		if onlyDeletes(edits) {
			return nil
		}
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

func onlyDeletes(edits map[string][]byte) bool {
	for _, content := range edits {
		if content != nil {
			return false
		}
	}
	return true
}

// splitEdits separates the edits of a folder's own files from the edits of its subfolders.
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

// checkEditPath returns an error for paths that Git refuses to check out, to protect those who
// check the branch out.
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
