package schematest

import (
	"crypto/sha1"
	"encoding/hex"
	"io/fs"
	"sync/atomic"
	"testing/fstest"
)

// Tree is a file system in memory with the hashes of its files, as in a commit.
type Tree struct {
	fstest.MapFS
	hashes map[string]string
	reads  atomic.Int64
}

// NewTree returns an empty tree.
func NewTree() *Tree { return &Tree{MapFS: fstest.MapFS{}, hashes: map[string]string{}} }

// Write adds or replaces a file.
func (t *Tree) Write(name, text string) {
	sum := sha1.Sum([]byte(text))
	t.MapFS[name], t.hashes[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}, hex.EncodeToString(sum[:])
}

// Remove removes a file.
func (t *Tree) Remove(name string) {
	delete(t.MapFS, name)
	delete(t.hashes, name)
}

// Hash returns the hash of a file's content.
func (t *Tree) Hash(name string) (string, error) {
	if h, ok := t.hashes[name]; ok {
		return h, nil
	}
	return "", &fs.PathError{Op: "hash", Path: name, Err: fs.ErrNotExist}
}

// ReadFile returns the content of a file and counts the read.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	t.reads.Add(1)
	return t.MapFS.ReadFile(name)
}

// Reads returns the number of files read since the last call.
func (t *Tree) Reads() int { return int(t.reads.Swap(0)) }

// Text returns the content of a file without counting the read.
func (t *Tree) Text(name string) string { return string(t.MapFS[name].Data) }
