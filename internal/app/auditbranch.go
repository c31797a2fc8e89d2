package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// auditBranch is the audit branch of a repository, as a store for package audit.
type auditBranch struct {
	repo   *gitrepo.Repo
	branch string
	fetch  bool                         // from the remote, before each answer
	sign   func([]byte) ([]byte, error) // nil: commits are not signed
}

var _ audit.Store = (*auditBranch)(nil)

// Head returns the newest commit, or "" if the branch does not exist. A branch that does not refer
// to a commit is a *gitrepo.NotCommitError.
func (b *auditBranch) Head(ctx context.Context) (string, error) {
	if b.fetch {
		if err := b.repo.Fetch(ctx, b.branch); errors.Is(err, fs.ErrNotExist) || errors.Is(err, gitrepo.ErrEmptied) {
			return "", nil // package audit knows whether there was a branch
		} else if err != nil {
			return "", err
		}
	}
	h, found, err := b.repo.HeadCommit(b.branch)
	if err != nil || !found {
		return "", err
	}
	return h.String(), nil
}

// known returns the head that was last fetched, without contacting the remote.
func (b *auditBranch) known(context.Context) (string, error) {
	h, found, err := b.repo.HeadCommit(b.branch)
	if err == nil && !found {
		err = fmt.Errorf("this machine has never read branch %s", b.branch)
	}
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

// Files returns the files of a commit.
func (b *auditBranch) Files(_ context.Context, commit string) (fs.FS, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	return b.repo.FS(h, "")
}

// Commit adds a commit on top of base. It fails with audit.ErrStale if the branch has moved, and
// with audit.ErrRefused if the repository does not accept the commit.
func (b *auditBranch) Commit(
	ctx context.Context, base string, edits map[string][]byte, message string, when time.Time,
) (string, error) {
	var parent gitrepo.Hash
	if base != "" {
		var err error
		if parent, err = gitrepo.ParseHash(base); err != nil {
			return "", err
		}
	}
	h, err := b.repo.Update(ctx, b.branch, parent, edits, gitrepo.CommitMeta{Message: message, When: when,
		Author: gitrepo.Person{Name: "roster", Email: "roster@localhost"}, Sign: b.sign})
	var refused *gitrepo.RefusedError
	switch {
	case errors.Is(err, gitrepo.ErrStale):
		return "", errors.Join(audit.ErrStale, err)
	case errors.As(err, &refused):
		return "", fmt.Errorf("%w: %w", audit.ErrRefused, err)
	case err != nil:
		return "", err
	}
	return h.String(), nil
}

// IsAncestor reports whether descendant descends from ancestor, or is it. A commit that does not
// exist is an ancestor of none.
func (b *auditBranch) IsAncestor(_ context.Context, ancestor, descendant string) (bool, error) {
	ok, err := isAncestor(b.repo, ancestor, descendant)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return ok, err
}

// LastWith returns the newest commit with a file. What a shallow clone does not have is not known.
func (b *auditBranch) LastWith(_ context.Context, file, since, head string) (string, error) {
	commit, err := b.repo.LastWith(file, since, head)
	var missing *gitrepo.MissingObjectError
	if errors.As(err, &missing) {
		return "", nil
	}
	return commit, err
}
