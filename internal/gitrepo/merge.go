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

// A ConflictError says that two commits cannot be merged without a person.
type ConflictError struct {
	Paths []string // the files that both changed, sorted
}

func (e *ConflictError) Error() string {
	return "the changes conflict in " + strings.Join(e.Paths, ", ")
}

// Merge returns the files that merging theirs into ours would give, without
// making a commit or moving anything: what a pull request comes to. Files that
// both changed in the same place are a *ConflictError. It needs git 2.38 or
// later (git merge-tree --write-tree).
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

func (r *Repo) mergeTree(ctx context.Context, ours, theirs Hash) (Hash, error) {
	args := []string{"--git-dir=" + r.commonDir, "merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", ours.String(), theirs.String()}
	out, err := gitCommand(ctx, args...).Output()
	var exit *exec.ExitError
	conflict := errors.As(err, &exit) && exit.ExitCode() == 1 && len(out) > 0 // without output it is an error all the same
	if err != nil && !conflict {
		return Hash{}, gitError(args, err)
	}
	fields := strings.Split(strings.TrimRight(string(out), "\x00\n"), "\x00") // the tree, then files in conflict
	if conflict {
		slices.Sort(fields[1:])
		return Hash{}, &ConflictError{Paths: slices.Compact(fields[1:])}
	}
	return ParseHash(fields[0])
}
