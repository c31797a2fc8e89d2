package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// commitInput is the content of a commit. If it has no files, there is nothing to commit.
type commitInput struct {
	files   map[string][]byte // nil content: delete the file
	message string
}

// The maximum number of attempts of commit.
const (
	maxStaleAttempts  = 40 // runs of other provisioners commit often
	maxFailedAttempts = 3
)

// commit commits what build returns for the head of the branch. If the branch moved, or may have
// moved, it reads the branch again and calls build again. So build must detect that an earlier
// attempt has succeeded.
func (r *Recorder) commit(
	ctx context.Context, build func(head string, files fs.FS) (commitInput, error),
) (string, error) {
	stale, failed := 0, 0
	for {
		commit, err := r.tryCommit(ctx, build)
		var permanent *permanentError
		switch {
		case err == nil:
			return commit, nil
		case errors.As(err, &permanent):
			return "", permanent.err
		case errors.Is(err, ErrRefused):
			return "", err
		case errors.Is(err, ErrStale):
			if stale++; stale == maxStaleAttempts {
				return "", err
			}
			pause(ctx, min(50*time.Millisecond<<min(stale, 6), 2*time.Second))
		default:
			if failed++; failed == maxFailedAttempts {
				return "", err
			}
			pause(ctx, time.Second<<failed)
		}
		if ctx.Err() != nil {
			return "", errors.Join(context.Cause(ctx), err)
		}
	}
}

// unreachableError is a reconcile.ErrUnreachable: the store did not answer.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string        { return e.err.Error() }
func (e *unreachableError) Unwrap() error        { return e.err }
func (e *unreachableError) Is(target error) bool { return target == reconcile.ErrUnreachable }

// permanentError is an error that a retry does not fix.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

func (r *Recorder) tryCommit(ctx context.Context, build func(string, fs.FS) (commitInput, error)) (string, error) {
	head, files, err := r.newestHead(ctx)
	if err != nil {
		return "", err
	}
	input, err := build(head, files)
	if err != nil {
		return "", &permanentError{err}
	}
	if len(input.files) == 0 {
		return head, nil
	}
	if head == "" {
		input.files[".gitattributes"] = []byte(attributes)
	}
	commit, err := r.Store.Commit(ctx, head, input.files, input.message, r.now())
	switch {
	case errors.Is(err, ErrStale) || errors.Is(err, ErrRefused):
		return "", fmt.Errorf("commit to the audit branch: %w", err)
	case err != nil:
		return "", &unreachableError{fmt.Errorf("commit to the audit branch: %w", err)}
	}
	return commit, nil
}

// newestHead returns the newest commit of the branch and its files; "" and no files if there is no
// branch.
func (r *Recorder) newestHead(ctx context.Context) (string, fs.FS, error) {
	head, err := r.Store.Head(ctx)
	if err != nil {
		return "", nil, &unreachableError{fmt.Errorf("read the audit branch: %w", err)}
	}
	files, err := r.filesOf(ctx, head)
	return head, files, err
}

func (r *Recorder) filesOf(ctx context.Context, head string) (fs.FS, error) {
	if head == "" {
		return emptyFS{}, nil
	}
	files, err := r.Store.Files(ctx, head)
	if err != nil {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	return files, nil
}

// branchHead is a head of the branch with its files.
type branchHead struct {
	commit string // "" if there is no branch
	files  fs.FS
	// unreachable is why the branch is out of reach; nil if it is not. Then the head is the one
	// that was last read.
	unreachable error
}

// head returns the head of the branch for reading.
func (r *Recorder) head(ctx context.Context) (branchHead, error) {
	commit, files, err := r.newestHead(ctx)
	if err == nil || r.Known == nil || ctx.Err() != nil {
		return branchHead{commit: commit, files: files}, err
	}
	known, failed := r.Known(ctx)
	if failed == nil {
		files, failed = r.filesOf(ctx, known)
	}
	if failed != nil {
		return branchHead{}, errors.Join(err, failed)
	}
	return branchHead{commit: known, files: files, unreachable: err}, nil
}

// emptyFS is the tree of a branch without commits.
type emptyFS struct{}

func (emptyFS) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// attributes keeps Git from converting line ends on checkout. The SHA-256 of a report is that of
// its exact bytes.
const attributes = "* -text\n"

// pause waits for a random time around d, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	wait(ctx, d/4+rand.N(d))
}

// wait reports whether d passed before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
