// Package fileerror says in words what went wrong with a file, a folder or a command to run,
// without the names of functions and system calls. It knows only the errors of the standard
// library.
package fileerror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Explain returns an error that wraps err, and whose text has words instead of each text of the
// operating system that err has about a file or a command. The rest of the text stays. An error
// without such a text is returned as it is.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, e := range about(err, nil) {
		text = strings.ReplaceAll(text, e.Error(), words(e))
	}
	if text == err.Error() {
		return err
	}
	return &explained{text, err}
}

// explained is an error with another text.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }

// about appends the errors about files and commands that err wraps.
func about(err error, found []error) []error {
	switch err.(type) {
	case *fs.PathError, *os.LinkError, *exec.Error:
		return append(found, err)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return about(inner, found)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			if inner != nil {
				found = about(inner, found)
			}
		}
	}
	return found
}

func words(err error) string {
	switch e := err.(type) {
	case *fs.PathError:
		return pathWords(e.Path, e.Err)
	case *os.LinkError:
		if errors.Is(e.Err, fs.ErrNotExist) { // of the two paths
			return fmt.Sprintf("%s cannot become %s: it, or the folder of the other, does not exist", e.Old, e.New)
		}
		return pathWords(e.New, e.Err)
	case *exec.Error:
		if errors.Is(e.Err, exec.ErrNotFound) {
			return fmt.Sprintf("there is no command %s in the folders of PATH", e.Name)
		}
		return pathWords(e.Name, e.Err)
	}
	return err.Error()
}

// pathWords says what cause means for a path.
func pathWords(path string, cause error) string {
	switch {
	case path == "":
		return "the name of the file is empty"
	case errors.Is(cause, fs.ErrNotExist):
		return path + " does not exist"
	case errors.Is(cause, syscall.EISDIR):
		return path + " is a folder; want a file"
	case errors.Is(cause, syscall.ENOTDIR):
		return path + " is not below a folder: a part of the path is a file"
	case errors.Is(cause, fs.ErrPermission):
		return path + " cannot be used: permission denied"
	case errors.Is(cause, fs.ErrExist):
		return path + " exists already"
	case errors.Is(cause, syscall.ENAMETOOLONG):
		return fmt.Sprintf("the name of the file is too long: %.40s…", path)
	}
	return fmt.Sprintf("%s cannot be used: %v", path, cause)
}
