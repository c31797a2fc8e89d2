package gitrepo

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// A mode is the type and the permissions of a tree entry, as Git stores them.
type mode uint32

const (
	modeTree      mode = 0o040000
	modeFile      mode = 0o100644
	modeExec      mode = 0o100755
	modeSymlink   mode = 0o120000
	modeSubmodule mode = 0o160000
)

// isFile reports whether m is a regular file, which may be group-writable in very old commits.
func (m mode) isFile() bool { return m&0o170000 == 0o100000 }

// A treeEntry is one entry of a tree.
type treeEntry struct {
	name string
	mode mode
	hash Hash
}

// parseTree reads a tree object: "mode SP name NUL hash", repeated. The names share the memory of
// one string.
func parseTree(h Hash, data []byte) ([]treeEntry, error) {
	var out []treeEntry
	for text := string(data); text != ""; {
		sp, nul := strings.IndexByte(text, ' '), strings.IndexByte(text, 0)
		if sp < 0 || nul < sp || len(text) < nul+1+len(Hash{}) {
			return nil, contentError(fmt.Sprintf("is malformed: make the commit again with git (tree %s)", h))
		}
		m, err := strconv.ParseUint(text[:sp], 8, 32)
		if err != nil {
			return nil, contentError(fmt.Sprintf("is malformed, because it has the mode %q: make the commit again "+
				"with git (tree %s)", text[:sp], h))
		}
		e := treeEntry{name: text[sp+1 : nul], mode: mode(m)}
		text = text[nul+1+copy(e.hash[:], text[nul+1:]):]
		if e.name == "." || !fs.ValidPath(e.name) || strings.Contains(e.name, "/") {
			return nil, contentError(fmt.Sprintf("has a file with an invalid name, %q: rename it (tree %s)", e.name, h))
		}
		out = append(out, e)
	}
	return out, nil
}

// encodeTree returns a tree object. It sorts the entries in Git's order: by name, where the name of
// a folder ends with a slash.
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

// tree returns the entries of a tree object, in Git's order.
func (r *Repo) tree(h Hash) ([]treeEntry, error) {
	if h.IsZero() || h == emptyTree {
		return nil, nil
	}
	if size, err := r.objects.Size(h); err == nil && size > maxTree {
		return nil, errFolderTooLarge
	}
	data, err := r.objects.Read(h, gitobject.Tree)
	if err != nil {
		return nil, err
	}
	return parseTree(h, data)
}

// emptyTree is the tree without entries. Repositories do not have to contain it.
var emptyTree = gitobject.HashOf(gitobject.Tree, nil)
