package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// workingTree is a folder on disk as the file system of declarations. It follows no symbolic link:
// a link may lead out of the folder, and a commit does not have what it leads to.
type workingTree struct {
	dir   string
	files fs.FS
}

var _ fs.StatFS = workingTree{}

func newWorkingTree(dir string) workingTree { return workingTree{dir, os.DirFS(dir)} }

// Open opens a file or folder.
func (w workingTree) Open(name string) (fs.File, error) {
	if err := w.refuseLinks("open", name); err != nil {
		return nil, err
	}
	return w.files.Open(name)
}

// Stat describes a file or folder.
func (w workingTree) Stat(name string) (fs.FileInfo, error) {
	if err := w.refuseLinks("stat", name); err != nil {
		return nil, err
	}
	return fs.Stat(w.files, name)
}

// refuseLinks returns an error if a path has a symbolic link. The folder itself may be one.
func (w workingTree) refuseLinks(op, name string) error {
	if name == "." || !fs.ValidPath(name) {
		return nil
	}
	at := ""
	for part := range strings.SplitSeq(name, "/") {
		at = filepath.Join(at, part)
		info, err := os.Lstat(filepath.Join(w.dir, at))
		if err != nil {
			return nil // the operation has the same error
		}
		if info.Mode().Type() == fs.ModeSymlink {
			return &fs.PathError{Op: op, Path: name, Err: schema.ContentError(filepath.ToSlash(at) +
				" is a symbolic link, which roster does not follow: replace it with the file itself")}
		}
	}
	return nil
}
