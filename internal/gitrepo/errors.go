package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrStale means that a branch is no longer where the caller believed: read it
// again, rebuild the change on what is there now, and retry.
var ErrStale = errors.New("the branch has moved")

// What a tree can hold and roster does not read. Each is wrapped in an
// fs.PathError that names the file.
var (
	ErrLink      = errors.New("is a symbolic link, which roster does not follow: commit the file itself in its place")
	ErrSubmodule = errors.New("is a Git submodule, whose files are not in this repository: commit the files themselves in its place")
	ErrLFS       = errors.New("is a Git LFS pointer, its content is not in this repository: run `git lfs untrack` for it and commit the file itself")
	ErrTooLarge  = errors.New("is larger than the 64 MiB that roster reads of one file")
)

// A RefError says that a branch, tag or commit does not exist, and which
// branches do. errors.Is(err, fs.ErrNotExist) holds.
type RefError struct {
	Ref      string
	Branches []string // what there is, sorted
}

func (e *RefError) Error() string {
	switch n := len(e.Branches); {
	case n == 0:
		return fmt.Sprintf("no branch, tag or commit %q: the repository has no branches yet", e.Ref)
	case n <= maxListed:
		return fmt.Sprintf("no branch, tag or commit %q: the branches are %s", e.Ref, strings.Join(e.Branches, ", "))
	default:
		return fmt.Sprintf("no branch, tag or commit %q: the branches are %s and %d more", e.Ref, strings.Join(e.Branches[:maxListed], ", "), n-maxListed)
	}
}

// Is makes a RefError an fs.ErrNotExist.
func (e *RefError) Is(target error) bool { return target == fs.ErrNotExist }

// maxListed is how many branch names an error lists before it counts.
const maxListed = 12

// A RefusedError says that the repository would not take a commit, although
// the branch was where it should be: a hook, a protected branch, or a branch
// that somebody has checked out. Retrying does not help.
type RefusedError struct {
	Branch  string
	Message string // the reason, in the repository's own words
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the repository refused a commit on branch %s: %s", e.Branch, e.Message)
}

// plain drops fs.ErrNotExist from an error: a missing key file or a vanished
// cache must not pass for a missing branch.
func plain(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(err.Error())
	}
	return err
}
