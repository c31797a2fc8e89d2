package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// CommitFile commits one file of the working copy with its present content, as the user that Git is
// configured for, and returns the commit. With branch set, it creates that branch at HEAD first and
// checks it out. Hooks and signing of Git apply. name is relative to the root.
func (r *Repo) CommitFile(ctx context.Context, name, message, branch string) (Hash, error) {
	if r.workTree == "" {
		return Hash{}, errors.New("commit a file: the repository has no working copy")
	}
	for _, person := range []string{"GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"} {
		if _, err := git(ctx, r.workTree, nil, "var", person); err != nil {
			return Hash{}, fmt.Errorf("commit %s: Git does not know who you are: set your name and email address with "+
				"git config user.name and git config user.email (%w)", name, err)
		}
	}
	if branch != "" {
		if !validRef(branchRef(branch)) {
			return Hash{}, fmt.Errorf("%q is not a valid branch name", branch)
		}
		if _, err := git(ctx, r.workTree, nil, "checkout", "-q", "-b", branch); err != nil {
			return Hash{}, fmt.Errorf("create branch %s: %w", branch, err)
		}
	}
	if _, err := git(ctx, r.workTree, nil, "add", "--", name); err != nil {
		return Hash{}, errors.Join(fmt.Errorf("add %s: %w", name, err), r.deleteNewBranch(ctx, branch))
	}
	if _, err := git(ctx, r.workTree, nil, "commit", "-q", "-m", message, "--", name); err != nil {
		_, unstage := git(context.WithoutCancel(ctx), r.workTree, nil, "reset", "-q", "--", name)
		return Hash{}, errors.Join(fmt.Errorf("commit %s: %w", name, err), unstage, r.deleteNewBranch(ctx, branch))
	}
	return r.Resolve("HEAD")
}

// deleteNewBranch checks out what was checked out before a branch without commits was created, and
// deletes the branch. Without a branch, it does nothing.
func (r *Repo) deleteNewBranch(ctx context.Context, branch string) error {
	if branch == "" {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if _, err := git(ctx, r.workTree, nil, "checkout", "-q", "-"); err != nil {
		return err
	}
	_, err := git(ctx, r.workTree, nil, "branch", "-q", "-D", branch)
	return err
}

// PushBranch pushes a branch to the same branch of a remote, with the credentials that Git is
// configured for. It never overwrites commits of the remote.
func (r *Repo) PushBranch(ctx context.Context, remote, branch string) error {
	if r.workTree == "" {
		return errors.New("push a branch: the repository has no working copy")
	}
	if strings.HasPrefix(remote, "-") || !validRef(branchRef(branch)) {
		return fmt.Errorf("%q is not a valid remote, or %q not a valid branch name", remote, branch)
	}
	ref := branchRef(branch)
	if _, err := git(ctx, r.workTree, nil, "push", "-q", remote, ref+":"+ref); err != nil {
		return fmt.Errorf("push branch %s to %s: %w", branch, remote, err)
	}
	return nil
}
