// Package notexist makes errors that are fs.ErrNotExist without its text: "file does not exist" is
// not true of a commit, a report or a user.
package notexist

import (
	"fmt"
	"io/fs"
)

// Errorf returns what fmt.Errorf returns, as an fs.ErrNotExist.
func Errorf(format string, args ...any) error { return &notExistError{fmt.Errorf(format, args...)} }

type notExistError struct{ err error }

func (e *notExistError) Error() string        { return e.err.Error() }
func (e *notExistError) Unwrap() error        { return e.err }
func (e *notExistError) Is(target error) bool { return target == fs.ErrNotExist }
