package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// ErrStale means that a branch is not at the base that the caller named. Read the branch again,
// rebuild the change on top of it, and retry.
var ErrStale = errors.New("the branch has moved")

// ErrEmptied means that a remote has no branch any more. Nothing was changed in the mirror.
var ErrEmptied = errors.New("the repository is empty, but it had branches")

// Errors for files that a tree can contain and roster does not read. Each is wrapped in an
// fs.PathError that names the file. Each is an fs.ErrInvalid: the tree is the cause, and another
// attempt does not help.
var (
	ErrSymlink   = contentError("is a symbolic link, which roster does not follow: commit the file itself instead")
	ErrSubmodule = contentError("is a Git submodule, whose files are not in this repository: " +
		"commit the files themselves instead")
	ErrLFS = contentError("is a Git LFS pointer, whose content is not in this repository: " +
		"run `git lfs untrack` for it and commit the file itself")
	ErrTooLarge = contentError("is larger than 64 MiB, the limit for one file")

	errFolderTooLarge = contentError("is a folder with too many files")

	errFolder    = contentError("is a folder")
	errNotFolder = contentError("is not a folder")
)

// contentError says what a tree has instead of a file.
type contentError string

func (e contentError) Error() string { return string(e) }

// Is makes a contentError an fs.ErrInvalid.
func (e contentError) Is(target error) bool { return target == fs.ErrInvalid }

// A RefError reports that a branch, tag or commit does not exist, and lists the branches that
// exist. It is an fs.ErrNotExist.
type RefError struct {
	Ref      string
	Branches []string // the branches that exist, sorted
}

func (e *RefError) Error() string {
	switch n := len(e.Branches); {
	case n == 0:
		return fmt.Sprintf("no branch, tag or commit %q: the repository has no branches yet", e.Ref)
	case n <= maxListed:
		return fmt.Sprintf("no branch, tag or commit %q: the branches are %s", e.Ref, strings.Join(e.Branches, ", "))
	default:
		return fmt.Sprintf("no branch, tag or commit %q: the branches are %s and %d more",
			e.Ref, strings.Join(e.Branches[:maxListed], ", "), n-maxListed)
	}
}

// Is makes a RefError an fs.ErrNotExist.
func (e *RefError) Is(target error) bool { return target == fs.ErrNotExist }

// noAncestorError reports that a commit has no parent: "main~1" if main has one commit. It is an
// fs.ErrNotExist.
type noAncestorError struct {
	first Hash // a commit without parents
	by    int  // how many commits before it were asked for
}

func (e *noAncestorError) Error() string {
	return fmt.Sprintf("there is no earlier commit: the history starts at %s", e.first.Short())
}

func (e *noAncestorError) Is(target error) bool { return target == fs.ErrNotExist }

// maxListed is the number of branches that an error lists by name.
const maxListed = 12

// A NotCommitError reports that a branch refers to an object that is not a commit. Git refuses to
// set a branch so; a program that writes references itself may not. Another attempt does not help.
type NotCommitError struct {
	Ref    string // full name of the branch
	Kind   string // of the object: "tag", "tree" or "blob"
	Object Hash
	Commit Hash   // that a tag refers to; zero if there is none
	Remote string // address of the repository; "" if it is on this machine
	Dir    string // of the repository on this machine, or of the mirror
}

func (e *NotCommitError) Error() string {
	commit, hint := "COMMIT", "COMMIT is the newest commit of the branch"
	if !e.Commit.IsZero() {
		commit, hint = e.Commit.String(), "this is the commit of the tag; check that it is the newest one of the branch"
	}
	command := fmt.Sprintf("git --git-dir=%s update-ref %s %s", e.Dir, e.Ref, commit)
	if e.Remote != "" {
		command = fmt.Sprintf("git push --force %s %s:%s", e.Remote, commit, e.Ref)
	}
	return fmt.Sprintf("%s refers to the %s %s, not to a commit: set it back with `%s` (%s)", e.Ref, e.Kind,
		e.Object.Short(), command, hint)
}

// A RefusedError reports that the repository refused a commit although the base was right. The
// cause is a hook, a protected branch, or a working copy that has the branch checked out. A retry
// does not help.
type RefusedError struct {
	Branch  string
	Message string // the reason that the repository gives
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("the repository refused a commit on branch %s: %s", e.Branch, e.Message)
}

// withoutNotExist removes fs.ErrNotExist from an error. A caller must not take a missing key file
// or a deleted cache for a missing branch.
func withoutNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(err.Error())
	}
	return err
}
