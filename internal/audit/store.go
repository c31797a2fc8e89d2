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
	// at base any more; after any other error it may or may not have moved.
	Commit(ctx context.Context, base string, edits map[string][]byte, message string, when time.Time) (commit string, err error)
	// IsAncestor reports whether b descends from a, or is a. A commit that is
	// not there any more is nobody's ancestor.
	IsAncestor(ctx context.Context, a, b string) (bool, error)
}

// ErrStale says that the branch has moved since base: read it again, rebuild,
// try again.
var ErrStale = errors.New("the audit branch has moved")

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
