package gitobject

import (
	"errors"
	"fmt"
	"io/fs"
)

// A MissingError reports that the store does not contain an object, or cannot read it. The
// repository is damaged or shallow. The error never means that a commit lacks a file:
// errors.Is(err, fs.ErrNotExist) is false.
type MissingError struct {
	Hash Hash
	Err  error  // why the object cannot be read; nil if the store does not contain it
	Hint string // what the user can do; a default if empty
}

func (e *MissingError) Error() string {
	hint := e.Hint
	if hint == "" {
		hint = "the clone is shallow, partial or damaged: " +
			"try `git fetch --unshallow`, `git fetch --refetch` or `git fsck`"
	}
	if e.Err != nil {
		return fmt.Sprintf("object %s cannot be read: %v (%s)", e.Hash, e.Err, hint)
	}
	return fmt.Sprintf("object %s is missing from the repository (%s)", e.Hash, hint)
}

// Unwrap returns Err, except fs.ErrNotExist: a deleted file of the store is not an absent file of
// the commit.
func (e *MissingError) Unwrap() error {
	if errors.Is(e.Err, fs.ErrNotExist) {
		return nil
	}
	return e.Err
}
