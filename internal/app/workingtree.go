package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
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
	if name != "." && w.isSubmodule(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: gitrepo.ErrSubmodule}
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

// isSubmodule reports whether a folder is a repository of its own: it has a file or folder .git, or
// .gitmodules names it. A commit does not have its files.
func (w workingTree) isSubmodule(name string) bool {
	at := filepath.Join(w.dir, filepath.FromSlash(name))
	if info, err := os.Lstat(at); err != nil || !info.IsDir() {
		return false
	}
	if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
		return true
	}
	modules, err := os.ReadFile(filepath.Join(w.dir, ".gitmodules"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(modules)) {
		key, value, _ := strings.Cut(line, "=")
		if strings.TrimSpace(key) == "path" && strings.Trim(strings.TrimSpace(value), `"`) == name {
			return true
		}
	}
	return false
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
