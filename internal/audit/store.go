package audit

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Store is a branch of files that moves by compare-and-swap. Its methods may be called
// concurrently.
type Store interface {
	// Head returns the current commit of the branch, from the remote if there is one; "" if the
	// branch does not exist.
	Head(ctx context.Context) (commit string, err error)
	// Files returns the tree of a commit. An unreadable file is an error, never fs.ErrNotExist.
	Files(ctx context.Context, commit string) (fs.FS, error)
	// Commit adds one commit on base ("" creates the branch). Edits are whole files by path; nil
	// deletes a file. It returns ErrStale if the branch is not at base, and ErrRefused if the
	// branch does not accept the commit. After any other error the branch may have moved or not.
	Commit(
		ctx context.Context, base string, edits map[string][]byte, message string, when time.Time,
	) (commit string, err error)
	// IsAncestor reports whether b is a or descends from it. It returns false if a does not exist.
	IsAncestor(ctx context.Context, a, b string) (bool, error)
	// LastWith returns the newest commit with a file, of those that are reachable from head but not
	// from since ("": from all); "" if there is none.
	LastWith(ctx context.Context, file, since, head string) (commit string, err error)
}

// Errors of Store.Commit.
var (
	// ErrStale: the branch has moved since base. Read it again, rebuild the commit and retry.
	ErrStale = errors.New("the audit branch has moved")
	// ErrRefused: a rule or a hook rejects the commit. A retry does not help.
	ErrRefused = errors.New("the audit branch rejects the commit")
)
