package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// writeDurably writes a file that is there whole or not at all: written aside,
// synced, renamed, and the folder synced.
func writeDurably(name string, write func(io.Writer) error, crash crashPoint) (err error) {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	err = write(f)
	crash.at("state file written")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	crash.at("state file synced")
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	crash.at("state file renamed")
	return syncDir(dir)
}

// crashPoint is told where a process could die, between any two effects. Nil but in tests.
type crashPoint func(point string)

func (c crashPoint) at(point string) {
	if c != nil {
		c(point)
	}
}

// sweep removes what a process left aside that died while it wrote a file. Only
// who holds the lock may: nobody else is writing then.
func sweep(name string) error {
	left, err := filepath.Glob(filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"-*"))
	for _, file := range left {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}

// removeDurably removes a file; one that is not there is no error.
func removeDurably(name string) error {
	err := os.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes the names in a folder durable. Windows has no such call: there
// the names are as durable as the file system makes them.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// makeDir makes a folder of the state directory with names that survive a crash.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// readState decodes a file of the state directory; ok is false when there is
// none.
func readState(name string, v any) (ok bool, err error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := decode(data, v); err != nil {
		return false, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	return true, nil
}

// writeState encodes a file of the state directory, straight into it: a large
// run's report need not be in memory a second time.
func (b *Book) writeState(name string, v any) error {
	if err := makeDir(filepath.Dir(name)); err != nil {
		return err
	}
	return writeDurably(name, func(w io.Writer) error { return json.NewEncoder(w).Encode(v) }, b.crash)
}
