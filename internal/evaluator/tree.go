package evaluator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// listTree lists a tree for the child. It stops after the first file or folder beyond the limits:
// the child then reports the same problem as for a tree of any size.
func listTree(ctx context.Context, tree fs.FS, limits schema.Limits) ([]treeEntry, error) {
	var out []treeEntry
	files, folders := 0, 0
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, fs.ErrInvalid): // of the folder that is the last entry, or of the root
			if name == "." {
				out = append(out, treeEntry{Path: "."})
			}
			out[len(out)-1].Invalid = reasonOf(err)
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		case name == ".":
			return nil
		case files > limits.Files || folders > limits.Files:
			return fs.SkipAll
		}
		entry := treeEntry{Path: name, Mode: uint32(d.Type())}
		if d.IsDir() {
			folders++
			out = append(out, entry)
			hidden := strings.HasPrefix(path.Base(name), ".") || path.Base(name) == "cue.mod"
			if hidden || strings.Count(name, "/") >= limits.Depth {
				return fs.SkipDir
			}
			return nil
		}
		files++
		if d.Type().IsRegular() && isInput(name) {
			info, err := d.Info()
			if err != nil {
				return fmt.Errorf("read %s: %w", name, err)
			}
			entry.Size = info.Size()
		}
		out = append(out, entry)
		return nil
	})
	return out, err
}

// reasonOf returns the text of an error without the path.
func reasonOf(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err.Error()
}

// isInput reports whether a file may be a file of declarations, so that the child has to know its
// size.
func isInput(name string) bool {
	return slices.Contains([]string{".cue", ".yaml", ".yml", ".json", ".jsonl", ".csv"},
		strings.ToLower(path.Ext(name)))
}

// remoteTree is a tree that the parent has, as an fs.FS of the child. It asks the parent for files.
type remoteTree struct {
	folders map[string][]fs.DirEntry
	invalid map[string]schema.ContentError // folders that cannot be listed

	mu  sync.Mutex
	in  io.Reader
	out io.Writer
}

var (
	_ fs.ReadDirFS  = (*remoteTree)(nil)
	_ fs.ReadFileFS = (*remoteTree)(nil)
)

func newRemoteTree(entries []treeEntry, in io.Reader, out io.Writer) *remoteTree {
	t := &remoteTree{folders: map[string][]fs.DirEntry{".": nil}, invalid: map[string]schema.ContentError{},
		in: in, out: out}
	for _, e := range entries {
		if e.Invalid != "" {
			t.invalid[e.Path] = schema.ContentError(e.Invalid)
		}
		if e.Path == "." {
			continue
		}
		info := remoteInfo{path.Base(e.Path), e.Size, fs.FileMode(e.Mode)}
		dir := path.Dir(e.Path)
		t.folders[dir] = append(t.folders[dir], fs.FileInfoToDirEntry(info))
		if info.IsDir() && t.folders[e.Path] == nil {
			t.folders[e.Path] = []fs.DirEntry{}
		}
	}
	return t
}

// ReadDir lists a folder. The parent has sorted the entries.
func (t *remoteTree) ReadDir(name string) ([]fs.DirEntry, error) {
	list, ok := t.folders[name]
	if !ok {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	if reason, found := t.invalid[name]; found {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: reason}
	}
	return list, nil
}

// ReadFile asks the parent for the content of a file.
func (t *remoteTree) ReadFile(name string) ([]byte, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrInvalid}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := writeFrame(t.out, frameRead, []byte(name)); err != nil {
		return nil, err
	}
	kind, payload, err := readFrame(t.in, 1<<32-1)
	switch {
	case err != nil:
		return nil, err
	case kind == frameFile:
		return payload, nil
	}
	var reason noFile
	if err := unmarshal(payload, &reason); err != nil {
		return nil, err
	}
	switch {
	case reason.Missing:
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	case reason.Invalid:
		return nil, &fs.PathError{Op: "read", Path: name, Err: schema.ContentError(reason.Reason)}
	}
	return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New(reason.Reason)}
}

// Open opens a file or folder.
func (t *remoteTree) Open(name string) (fs.File, error) {
	if list, ok := t.folders[name]; ok {
		return &remoteFolder{remoteInfo{path.Base(name), 0, fs.ModeDir}, list}, nil
	}
	data, err := t.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &remoteFile{remoteInfo{path.Base(name), int64(len(data)), 0}, bytes.NewReader(data)}, nil
}

// remoteInfo is an fs.FileInfo.
type remoteInfo struct {
	name string
	size int64
	mode fs.FileMode
}

func (i remoteInfo) Name() string       { return i.name }
func (i remoteInfo) Size() int64        { return i.size }
func (i remoteInfo) Mode() fs.FileMode  { return i.mode | 0o444 }
func (i remoteInfo) ModTime() time.Time { return time.Time{} }
func (i remoteInfo) IsDir() bool        { return i.mode.IsDir() }
func (i remoteInfo) Sys() any           { return nil }

// remoteFile is an fs.File.
type remoteFile struct {
	info remoteInfo
	*bytes.Reader
}

func (f *remoteFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *remoteFile) Close() error               { return nil }

// remoteFolder is an fs.ReadDirFile.
type remoteFolder struct {
	info remoteInfo
	rest []fs.DirEntry
}

func (f *remoteFolder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *remoteFolder) Close() error               { return nil }
func (f *remoteFolder) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: f.info.name, Err: errors.New("is a folder")}
}

// ReadDir returns the next n entries, or all remaining entries if n <= 0.
func (f *remoteFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if n > 0 && len(f.rest) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(f.rest) {
		n = len(f.rest)
	}
	out := f.rest[:n:n]
	f.rest = f.rest[n:]
	return out, nil
}
