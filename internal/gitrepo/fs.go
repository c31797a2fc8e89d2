package gitrepo

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

const (
	// maxFile is the standard size limit for one file.
	maxFile = 64 << 20
	// maxTree is the size limit for one tree: about 400,000 files in one folder.
	maxTree = 16 << 20
)

// FS returns the files of a commit in the folder sub; "" or "." means all files. The file system
// reads from the object store only and is safe for concurrent use. It also implements fs.ReadDirFS,
// fs.ReadFileFS, fs.StatFS and fs.SubFS. Its method Hash(name string) (string, error) returns the
// hash of the blob or tree in hexadecimal, and FileInfo.Sys returns it as a Hash. Equal hashes mean
// equal content, so a cache does not have to read the file. The modification time of every file is
// the commit's date. Symbolic links and submodules are listed, but to read them is ErrSymlink or
// ErrSubmodule. A submodule is listed as a folder, so fs.WalkDir reports the error. To read a Git
// LFS pointer is ErrLFS. An error is fs.ErrNotExist only if the commit does not have the file. If
// the store cannot read an object, the error is a MissingObjectError.
func (r *Repo) FS(h Hash, sub string) (fs.FS, error) {
	c, err := r.Commit(h)
	if err != nil {
		return nil, err
	}
	root := r.treeFS(c.Tree, c.Committer.When)
	if sub = strings.Trim(sub, "/"); sub == "" || sub == "." {
		return root, nil
	}
	below, err := root.Sub(sub)
	if err != nil {
		return nil, fmt.Errorf("open commit %s: %w", h.Short(), err)
	}
	return below, nil
}

// treeFS returns a tree as a file system; when is the modification time of all files.
func (r *Repo) treeFS(tree Hash, when time.Time) *treeFS {
	return &treeFS{repo: r, root: tree, when: when, trees: r.trees.open(tree)}
}

// A treeFS is a tree as an fs.FS.
type treeFS struct {
	repo  *Repo
	root  Hash
	when  time.Time
	trees *rootTrees
}

var (
	_ fs.ReadDirFS  = (*treeFS)(nil)
	_ fs.ReadFileFS = (*treeFS)(nil)
	_ fs.StatFS     = (*treeFS)(nil)
	_ fs.SubFS      = (*treeFS)(nil)
)

// find returns the entry with a path, starting at the root.
func (f *treeFS) find(op, name string) (treeEntry, error) {
	at := treeEntry{name: ".", mode: modeTree, hash: f.root}
	if !fs.ValidPath(name) {
		return at, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if name == "." {
		return at, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if err := readable(at.mode); err != nil {
			return at, &fs.PathError{Op: op, Path: name, Err: fmt.Errorf("%s %w", at.name, err)}
		}
		if at.mode != modeTree {
			return at, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		list, err := f.repo.sortedTree(f.trees, at.hash)
		if err != nil {
			return at, &fs.PathError{Op: op, Path: name, Err: err}
		}
		i, ok := slices.BinarySearchFunc(list, treeEntry{name: part}, compareNames)
		if !ok {
			return at, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
		}
		at = list[i]
	}
	return at, nil
}

// readable returns an error for the modes that cannot be read.
func readable(m mode) error {
	switch {
	case m == modeSymlink:
		return ErrSymlink
	case m == modeSubmodule:
		return ErrSubmodule
	default:
		return nil
	}
}

// Hash returns the hash of a file's blob or a folder's tree, in hexadecimal.
func (f *treeFS) Hash(name string) (string, error) {
	e, err := f.find("hash", name)
	if err != nil {
		return "", err
	}
	return e.hash.String(), nil
}

// Sub returns the folder dir as a file system.
func (f *treeFS) Sub(dir string) (fs.FS, error) {
	e, err := f.find("sub", dir)
	if err != nil {
		return nil, err
	}
	if e.mode != modeTree {
		return nil, &fs.PathError{Op: "sub", Path: dir, Err: errNotFolder}
	}
	return &treeFS{repo: f.repo, root: e.hash, when: f.when, trees: f.trees}, nil
}

// Stat describes a file. It reads the size from the object store.
func (f *treeFS) Stat(name string) (fs.FileInfo, error) {
	e, err := f.find("stat", name)
	if err != nil {
		return nil, err
	}
	return f.info(name, e)
}

// ReadFile returns the content of a file.
func (f *treeFS) ReadFile(name string) ([]byte, error) {
	e, err := f.find("read", name)
	if err != nil {
		return nil, err
	}
	data, err := f.content(e)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

// content returns the content of a file. Entries that are not files are errors.
func (f *treeFS) content(e treeEntry) ([]byte, error) {
	if err := readable(e.mode); err != nil {
		return nil, err
	}
	if !e.mode.isFile() {
		return nil, errFolder
	}
	size, err := f.repo.objects.Size(e.hash)
	if err != nil {
		return nil, err
	}
	if size > cmp.Or(f.repo.MaxFile, maxFile) {
		return nil, ErrTooLarge
	}
	data, err := f.repo.objects.Read(e.hash, gitobject.Blob)
	if err != nil {
		return nil, err
	}
	if isLFSPointer(data) {
		return nil, ErrLFS
	}
	return data, nil
}

// isLFSPointer recognizes the text that Git LFS commits instead of a file
// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
func isLFSPointer(data []byte) bool {
	return len(data) < 1024 && bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")) &&
		bytes.Contains(data, []byte("\noid "))
}

// ReadDir lists a folder, sorted by name.
func (f *treeFS) ReadDir(name string) ([]fs.DirEntry, error) {
	e, err := f.find("readdir", name)
	if err != nil {
		return nil, err
	}
	return f.list(name, e)
}

func (f *treeFS) list(name string, e treeEntry) ([]fs.DirEntry, error) {
	if err := readable(e.mode); err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	if e.mode != modeTree {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNotFolder}
	}
	entries, err := f.repo.sortedTree(f.trees, e.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
	}
	out := make([]fs.DirEntry, len(entries))
	for i, child := range entries {
		out[i] = dirEntry{f, path.Join(name, child.name), child}
	}
	return out, nil
}

// Open opens a file or folder.
func (f *treeFS) Open(name string) (fs.File, error) {
	e, err := f.find("open", name)
	if err != nil {
		return nil, err
	}
	if e.mode == modeTree {
		list, err := f.list(name, e)
		if err != nil {
			return nil, err
		}
		return &openDir{info: fileInfo{e, 0, f.when}, rest: list}, nil
	}
	data, err := f.content(e)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &openFile{info: fileInfo{e, int64(len(data)), f.when}, Reader: bytes.NewReader(data)}, nil
}

func (f *treeFS) info(name string, e treeEntry) (fs.FileInfo, error) {
	if !e.mode.isFile() && e.mode != modeSymlink {
		return fileInfo{e, 0, f.when}, nil
	}
	size, err := f.repo.objects.Size(e.hash)
	if err != nil {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: err}
	}
	return fileInfo{e, size, f.when}, nil
}

// A dirEntry is an fs.DirEntry.
type dirEntry struct {
	fs   *treeFS
	path string
	e    treeEntry
}

func (d dirEntry) Name() string               { return d.e.name }
func (d dirEntry) IsDir() bool                { return d.Type().IsDir() }
func (d dirEntry) Type() fs.FileMode          { return fileMode(d.e.mode).Type() }
func (d dirEntry) Info() (fs.FileInfo, error) { return d.fs.info(d.path, d.e) }
func (d dirEntry) String() string             { return fs.FormatDirEntry(d) }

// A fileInfo is an fs.FileInfo.
type fileInfo struct {
	e    treeEntry
	size int64
	when time.Time
}

func (i fileInfo) Name() string       { return i.e.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return fileMode(i.e.mode) }
func (i fileInfo) ModTime() time.Time { return i.when }
func (i fileInfo) IsDir() bool        { return i.Mode().IsDir() }
func (i fileInfo) Sys() any           { return i.e.hash }
func (i fileInfo) String() string     { return fs.FormatFileInfo(i) }

func fileMode(m mode) fs.FileMode {
	switch {
	case m == modeTree:
		return fs.ModeDir | 0o555
	case m == modeSymlink:
		return fs.ModeSymlink | 0o777
	case m == modeSubmodule:
		return fs.ModeDir | fs.ModeIrregular
	case m&0o111 != 0:
		return 0o555
	default:
		return 0o444
	}
}

// An openFile is an fs.File that reads a blob.
type openFile struct {
	info fileInfo
	*bytes.Reader
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// An openDir is an fs.ReadDirFile that lists a tree.
type openDir struct {
	info fileInfo
	rest []fs.DirEntry
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *openDir) Close() error               { return nil }
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: errFolder}
}

// ReadDir returns the next n entries, or all remaining entries if n <= 0.
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(d.rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.rest) {
		n = len(d.rest)
	}
	out := d.rest[:n:n]
	d.rest = d.rest[n:]
	return out, nil
}
