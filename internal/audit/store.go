package audit

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

// Store is a branch of files that moves by compare-and-swap. Its methods may be
// called concurrently.
type Store interface {
	// Head is the commit that the branch is at now, asked of the remote if there
	// is one; "" when the branch does not exist yet.
	Head(ctx context.Context) (commit string, err error)
	// Files is the tree of a commit. A file that cannot be read is an error,
	// never fs.ErrNotExist.
	Files(ctx context.Context, commit string) (fs.FS, error)
	// Commit puts one commit on top of base ("" makes the branch): edits are
	// whole files by path, a nil value deletes. ErrStale when the branch is not
	// at base any more, ErrRefused when it must not move; after any other error
	// it may or may not have moved.
	Commit(ctx context.Context, base string, edits map[string][]byte, message string, when time.Time) (commit string, err error)
	// IsAncestor reports whether b descends from a, or is a. A commit that is
	// not there any more is nobody's ancestor.
	IsAncestor(ctx context.Context, a, b string) (bool, error)
}

// What a Store's Commit may say.
var (
	// ErrStale: the branch has moved since base. Read it again, rebuild, retry.
	ErrStale = errors.New("the audit branch has moved")
	// ErrRefused: a rule or a hook forbids the commit. To retry does not help.
	ErrRefused = errors.New("the audit branch does not take the commit")
)

// tree is the files of a commit, none for "".
func (b *Book) tree(ctx context.Context, commit string) (fs.FS, error) {
	if commit == "" {
		return emptyFS{}, nil
	}
	return b.Store.Files(ctx, commit)
}

// emptyFS is the tree of no commit.
type emptyFS struct{}

func (emptyFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}
