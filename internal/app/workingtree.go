package app

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/schema"
)

// workingTree is a folder on disk as the file system of declarations. It follows no symbolic link:
// a link may lead out of the folder, and a commit does not have what it leads to.
//
// It does not have the files that Git ignores either.
type workingTree struct {
	dir   string
	files fs.FS
	// ignored are the files and folders that Git ignores.
	ignored map[string]bool
}

var (
	_ fs.StatFS    = workingTree{}
	_ fs.ReadDirFS = workingTree{}
)

func newWorkingTree(dir string) workingTree { return workingTree{dir: dir, files: os.DirFS(dir)} }

// newCommittableTree returns the files of a folder that a commit would have.
func newCommittableTree(ctx context.Context, dir string) (workingTree, error) {
	list, err := gitrepo.IgnoredBelow(ctx, dir)
	if err != nil {
		return workingTree{}, err
	}
	w := newWorkingTree(dir)
	w.ignored = make(map[string]bool, len(list))
	for _, name := range list {
		w.ignored[strings.TrimSuffix(name, "/")] = true
	}
	return w, nil
}

// loadWorkingTree loads the declarations of a folder as a commit would have them.
func (s *Settings) loadWorkingTree(ctx context.Context, dir string) (*schema.Declarations, error) {
	tree, err := newCommittableTree(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("read declarations: %w", err)
	}
	return tree.load(ctx, s.loadTree)
}

// load loads the declarations, and adds a warning for each file of declarations that Git ignores.
func (w workingTree) load(
	ctx context.Context, load func(context.Context, fs.FS) (*schema.Declarations, error),
) (*schema.Declarations, error) {
	ignored := w.ignoredWarnings()
	decls, err := load(ctx, w)
	if err != nil {
		return nil, schema.WithWarnings(err, ignored)
	}
	decls.Warnings = append(decls.Warnings, ignored...)
	return decls, nil
}

// isIgnored reports whether Git ignores a file or a folder around it.
func (w workingTree) isIgnored(name string) bool {
	for ; name != "." && len(w.ignored) > 0; name = path.Dir(name) {
		if w.ignored[name] {
			return true
		}
	}
	return false
}

// ignoredWarnings warns of the declarations that Git ignores.
func (w workingTree) ignoredWarnings() (out schema.Problems) {
	for _, name := range slices.Sorted(maps.Keys(w.ignored)) {
		if schema.IsDeclarationFile(name) {
			out = append(out, schema.IgnoredByGit(name))
		}
	}
	return out
}

// ReadDir lists a folder without the files that Git ignores.
func (w workingTree) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := w.refuse("open", name); err != nil {
		return nil, err
	}
	list, err := fs.ReadDir(w.files, name)
	return slices.DeleteFunc(list, func(e fs.DirEntry) bool { return w.isIgnored(path.Join(name, e.Name())) }), err
}

// Open opens a file or folder.
func (w workingTree) Open(name string) (fs.File, error) {
	if err := w.refuse("open", name); err != nil {
		return nil, err
	}
	return w.files.Open(name)
}

// refuse returns an error for what a commit does not have.
func (w workingTree) refuse(op, name string) error {
	if err := w.refuseLinks(op, name); err != nil {
		return err
	}
	switch {
	case name == ".":
		return nil
	case w.isIgnored(name):
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	case w.isSubmodule(name):
		return &fs.PathError{Op: op, Path: name, Err: gitrepo.ErrSubmodule}
	}
	return nil
}

// Stat describes a file or folder.
func (w workingTree) Stat(name string) (fs.FileInfo, error) {
	if err := w.refuseLinks("stat", name); err != nil {
		return nil, err
	}
	if w.isIgnored(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
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
