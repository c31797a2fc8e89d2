package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LacksHistory reports whether Merge may need commits that a shallow clone does not have. That is
// so if the clone was cut off at a commit that only one of the two has in its history: the parents
// of that commit may be what both have in common. A clone that is not shallow lacks nothing.
func (r *Repo) LacksHistory(ctx context.Context, ours, theirs Hash) (bool, error) {
	data, err := os.ReadFile(filepath.Join(r.commonDir, "shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find the end of the history: %w", err)
	}
	ends := map[string]bool{}
	for _, line := range strings.Fields(string(data)) {
		ends[line] = true
	}
	out, err := git(ctx, r.commonDir, nil, "--git-dir=.", "rev-list", ours.String()+"..."+theirs.String())
	if err != nil {
		return false, fmt.Errorf("compare the histories of %s and %s: %w", ours.Short(), theirs.Short(), err)
	}
	for _, commit := range strings.Fields(string(out)) {
		if ends[commit] {
			return true, nil
		}
	}
	return false, nil
}

// UnshallowArgs returns the arguments of the git command that Unshallow runs.
func UnshallowArgs(remote string, refs ...string) []string {
	return append([]string{"fetch", "--unshallow", "--no-tags", remote}, refs...)
}

// Unshallow fetches the history that a shallow clone lacks from a remote, with the credentials that
// Git is configured for: of the named branches, commits or refspecs, or of what the remote is
// configured for. It moves no branch of the clone that refs do not name. Open the repository again
// to read what was fetched.
func (r *Repo) Unshallow(ctx context.Context, remote string, refs ...string) error {
	args := UnshallowArgs(remote, refs...)
	for _, arg := range append([]string{remote}, refs...) {
		if arg == "" || strings.HasPrefix(arg, "-") {
			return fmt.Errorf("%q is not a valid remote or reference", arg)
		}
	}
	options := []string{"--quiet", "--no-write-fetch-head", "--no-recurse-submodules"}
	args = append(args[:1:1], append(options, args[1:]...)...)
	if _, err := git(ctx, r.commonDir, nil, append([]string{"--git-dir=."}, args...)...); err != nil {
		return fmt.Errorf("fetch the rest of the history from %s: %w", remote, err)
	}
	return nil
}

// BeforeFirst reports whether an error of Resolve is about the parent of a commit without parents:
// "main~1" if main has one commit.
func BeforeFirst(err error) bool {
	var first *noAncestorError
	return errors.As(err, &first) && first.by == 1
}
