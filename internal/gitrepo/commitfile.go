package gitrepo

import (
	"context"
	"errors"
	"fmt"
)

// CommitFile commits one file of the working copy with its present content, as the user that Git is
// configured for, and returns the commit. With branch set, it creates that branch at HEAD first and
// checks it out. Hooks and signing of Git apply. name is relative to the root.
func (r *Repo) CommitFile(ctx context.Context, name, message, branch string) (Hash, error) {
	if r.workTree == "" {
		return Hash{}, errors.New("commit a file: the repository has no working copy")
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
		return Hash{}, fmt.Errorf("add %s: %w", name, err)
	}
	if _, err := git(ctx, r.workTree, nil, "commit", "-q", "-m", message, "--", name); err != nil {
		return Hash{}, fmt.Errorf("commit %s: %w", name, err)
	}
	return r.Resolve("HEAD")
}
