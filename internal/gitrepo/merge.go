package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"slices"
	"strings"
)

// A ConflictError reports that two commits have conflicting changes. A user has to merge them.
type ConflictError struct {
	Paths []string // the files with conflicts, sorted
}

func (e *ConflictError) Error() string {
	return "the changes conflict in " + strings.Join(e.Paths, ", ")
}

// Merge returns the files that result from merging theirs into ours: the result of a pull request.
// It makes no commit and moves no branch. If both commits change the same place of a file, the
// error is a *ConflictError. If git exceeds MergeLimits, it is a *LimitError. Merge needs git 2.38
// or later (git merge-tree --write-tree).
func (r *Repo) Merge(ctx context.Context, ours, theirs Hash) (fs.FS, error) {
	tree, err := r.mergeTree(ctx, ours, theirs)
	if err != nil {
		return nil, fmt.Errorf("merge %s into %s: %w", theirs.Short(), ours.Short(), err)
	}
	c, err := r.Commit(theirs)
	if err != nil {
		return nil, err
	}
	return r.treeFS(tree, c.Committer.When), nil
}

// mergeTree merges two commits and returns the resulting tree, which it stores as loose objects.
func (r *Repo) mergeTree(ctx context.Context, ours, theirs Hash) (Hash, error) {
	args := []string{
		"--git-dir=" + r.commonDir, "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z",
		ours.String(), theirs.String(),
	}
	out, err := outputWithin(gitCommand(ctx, args...), r.MergeLimits)
	if ctx.Err() != nil {
		return Hash{}, context.Cause(ctx)
	}
	var limited *LimitError
	if errors.As(err, &limited) {
		return Hash{}, limited
	}
	var exit *exec.ExitError
	conflict := errors.As(err, &exit) && exit.ExitCode() == 1 && len(out) > 0 // without output it is another error
	if err != nil && !conflict {
		return Hash{}, gitError(args, err)
	}
	// The output is the tree, then the files with conflicts.
	fields := strings.Split(strings.TrimRight(string(out), "\x00\n"), "\x00")
	if conflict {
		slices.Sort(fields[1:])
		return Hash{}, &ConflictError{Paths: slices.Compact(fields[1:])}
	}
	return ParseHash(fields[0])
}

// MergedTree returns the tree of merging theirs into ours, as Merge does.
func (r *Repo) MergedTree(ctx context.Context, ours, theirs Hash) (Hash, error) {
	tree, err := r.mergeTree(ctx, ours, theirs)
	if err != nil {
		return Hash{}, fmt.Errorf("merge %s into %s: %w", theirs.Short(), ours.Short(), err)
	}
	return tree, nil
}

// AutomaticMerge reports whether a commit merges two parents and has the tree that Git computes for
// that. Such a commit has no changes of its own.
func (r *Repo) AutomaticMerge(ctx context.Context, c Commit) (bool, error) {
	if len(c.Parents) != 2 {
		return false, nil
	}
	tree, err := r.MergedTree(ctx, c.Parents[0], c.Parents[1])
	var conflict *ConflictError
	if errors.As(err, &conflict) {
		return false, nil
	}
	return err == nil && tree == c.Tree, err
}
