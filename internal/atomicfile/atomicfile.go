// Package atomicfile writes files that are there completely or not at all, also after a crash of
// the process or of the machine: temporary file, fsync, rename, fsync of the directory. It knows
// nothing about what the files hold.
package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Step is a point of a write at which a crash would leave something different on the disk.
type Step string

// The steps of a write, in their order.
const (
	Written Step = "written" // the temporary file has the content
	Synced  Step = "synced"  // the content is on the disk
	Renamed Step = "renamed" // the file has its name
)

// Writer writes files with one mode. Its zero value writes files for their owner alone.
type Writer struct {
	// Perm is the mode of the file, independent of the umask; 0 means 0600.
	Perm fs.FileMode
	// After, if set, is called after each step. Tests stop a process there.
	After func(Step)
}

// Write replaces the file with what write produces, or creates it. If it fails, the old file is
// unchanged and nothing else is left behind.
func Write(name string, perm fs.FileMode, write func(io.Writer) error) error {
	return Writer{Perm: perm}.Write(name, write)
}

// WriteBytes replaces the file with data, or creates it.
func WriteBytes(name string, perm fs.FileMode, data []byte) error {
	return Write(name, perm, bytesWriter(data))
}

// CreateBytes creates the file with data. It fails with fs.ErrExist if the file exists already.
func CreateBytes(name string, perm fs.FileMode, data []byte) error {
	return Writer{Perm: perm}.place(name, bytesWriter(data), os.Link)
}

// Write replaces the file with what write produces, or creates it. If it fails, the old file is
// unchanged and nothing else is left behind.
func (w Writer) Write(name string, write func(io.Writer) error) error {
	return w.place(name, write, os.Rename)
}

func bytesWriter(data []byte) func(io.Writer) error {
	return func(f io.Writer) error {
		_, err := f.Write(data)
		return err
	}
}

// place writes a temporary file and gives it its name with put.
func (w Writer) place(name string, write func(io.Writer) error, put func(from, to string) error) error {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, temporary(name))
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after a rename, nothing has this name
	err = write(f)
	w.after(Written)
	if w.Perm != 0 {
		err = errors.Join(err, f.Chmod(w.Perm))
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	w.after(Synced)
	if err := put(f.Name(), name); err != nil {
		return err
	}
	w.after(Renamed)
	return SyncDir(dir)
}

func (w Writer) after(s Step) {
	if w.After != nil {
		w.After(s)
	}
}

// temporary is the pattern of the names of a file's temporary files.
func temporary(name string) string { return "." + filepath.Base(name) + "-*" }

// Sweep removes the temporary files that a crash left beside the file. Call it only while no other
// process writes the file.
func Sweep(name string) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(name), temporary(name)))
	for _, file := range left {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// Remove removes the file for good. A file that does not exist is not an error.
func Remove(name string) error {
	err := os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(name))
}

// Damaged is the ending of the name of a file or folder that MoveDamaged has set aside.
const Damaged = ".damaged"

// Unreadable reports whether an error of a read means that a file cannot be read later either: it
// is a folder, its permissions forbid it, or its disk is broken. It is false for a file that is not
// there, and for errors such as too many open files.
func Unreadable(err error) bool {
	for _, damage := range []error{fs.ErrPermission, syscall.EISDIR, syscall.EIO} {
		if errors.Is(err, damage) {
			return true
		}
	}
	return false
}

// MoveDamaged renames a file or folder that cannot be read to NAME.damaged, so that it can be made
// again and the damage can still be examined. It replaces what was set aside before.
func MoveDamaged(name string) (aside string, err error) {
	aside = name + Damaged
	if err := os.RemoveAll(aside); err != nil {
		return "", err
	}
	if err := os.Rename(name, aside); err != nil {
		return "", err
	}
	return aside, SyncDir(filepath.Dir(name))
}

// SyncDir makes the names in a directory durable. Windows has no such call: there, names are as
// durable as the file system makes them.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
