// Package privatedir makes directories and files accessible to their owner only. It does not depend
// on what they contain.
package privatedir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// The modes of a private directory and of the files in it.
const (
	DirMode  fs.FileMode = 0o700
	FileMode fs.FileMode = 0o600
)

// Make creates a directory and its missing parents. The directory has DirMode, whatever the umask
// is. The mode of a directory that exists does not change.
func Make(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, DirMode); err != nil {
		return err
	}
	return os.Chmod(dir, DirMode)
}

// Tighten removes the access of other users from everything in a directory, and from the directory
// itself. It returns the number of files and directories that others could access. Symbolic links
// are not followed. Windows has no such modes: there, Tighten does nothing.
func Tighten(dir string) (changed int, err error) {
	if runtime.GOOS == "windows" {
		return 0, nil
	}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // another process has removed it
			return nil
		}
		if err != nil {
			return err
		}
		narrowed, err := tighten(name, d)
		if narrowed {
			changed++
		}
		return err
	})
	return changed, err
}

// TightenEntry does for one file or directory what Tighten does for a tree.
func TightenEntry(name string) (changed bool, err error) {
	if runtime.GOOS == "windows" {
		return false, nil
	}
	info, err := os.Lstat(name)
	if err != nil {
		return false, err
	}
	return tighten(name, fs.FileInfoToDirEntry(info))
}

func tighten(name string, d fs.DirEntry) (changed bool, err error) {
	mode := FileMode
	switch {
	case d.IsDir():
		mode = DirMode
	case !d.Type().IsRegular():
		return false, nil
	}
	info, err := d.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || info.Mode().Perm()&^mode == 0 {
		return false, err
	}
	err = os.Chmod(name, mode)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
