package awssim

import "io/fs"

// absentError is the error for an object that the directory does not have. It is an fs.ErrNotExist.
type absentError struct{ what string }

func (e *absentError) Error() string        { return e.what + " does not exist" }
func (e *absentError) Is(target error) bool { return target == fs.ErrNotExist }
