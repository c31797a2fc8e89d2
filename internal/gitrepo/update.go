package gitrepo

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// Update makes one commit on a branch: the files of base with the edits applied, and base as its
// only parent. An edit with content writes a file. An edit with nil deletes a file, if it exists.
// If base is zero, Update creates the branch, and the edits are its only files. Update returns the
// new commit, or base if the edits change nothing.
//
// The branch moves only if it is still at base. Otherwise, and if another writer is faster at the
// server, the error is ErrStale and nothing has changed: the caller reads the branch again,
// rebuilds the edits and retries. A *RefusedError says that a hook, a protected branch or a working
// copy forbids the commit; a retry does not help.
//
// On a mirror, Update pushes the commit to the remote. If the connection breaks, it asks the remote
// whether the commit arrived before it returns an error. In a local repository it moves the branch
// with `git update-ref`, under Git's own locks. It refuses to move a branch that a working copy has
// checked out.
func (r *Repo) Update(ctx context.Context, branch string, base Hash, edits map[string][]byte, meta CommitMeta,
) (Hash, error) {
	h, err := r.update(ctx, branchRef(branch), base, edits, meta)
	if err != nil {
		return Hash{}, fmt.Errorf("commit on branch %s: %w",
			strings.TrimPrefix(branch, branchPrefix), withoutNotExist(err))
	}
	return h, nil
}

func (r *Repo) update(ctx context.Context, ref string, base Hash, edits map[string][]byte, meta CommitMeta,
) (Hash, error) {
	if !strings.HasPrefix(ref, branchPrefix) || !validRef(ref) {
		return Hash{}, fmt.Errorf("%q is not a valid branch name", ref)
	}
	if r.remote == nil {
		if err := r.checkNotCheckedOut(ref); err != nil {
			return Hash{}, err
		}
		if err := r.checkBase(ref, base); err != nil {
			return Hash{}, err
		}
	}
	objects, h, err := r.build(base, edits, meta)
	if err != nil || h == base {
		return h, err
	}
	if r.remote != nil {
		return h, r.push(ctx, ref, base, h, objects)
	}
	return h, r.commitLocal(ctx, ref, base, h, objects)
}

// checkBase returns ErrStale if the reference is not at base.
func (r *Repo) checkBase(ref string, base Hash) error {
	now, _, err := r.refs.read(ref)
	if err != nil {
		return err
	}
	if now != base {
		return fmt.Errorf("%w: it is at %s, not at %s", ErrStale, shortName(now), shortName(base))
	}
	return nil
}

// shortName returns a commit for a message.
func shortName(h Hash) string {
	if h.IsZero() {
		return "no commit"
	}
	return h.Short()
}

// build returns the new objects of a commit, and its hash: blobs and trees, and the commit last. If
// the edits change nothing, it returns base.
func (r *Repo) build(base Hash, edits map[string][]byte, meta CommitMeta) ([]gitobject.Object, Hash, error) {
	for _, path := range slices.Sorted(maps.Keys(edits)) {
		if err := checkEditPath(path); err != nil {
			return nil, Hash{}, err
		}
	}
	var parents []Hash
	var old Hash
	if !base.IsZero() {
		c, err := r.Commit(base)
		if err != nil {
			return nil, Hash{}, err
		}
		parents, old = []Hash{base}, c.Tree
	}
	edit := &treeEdit{repo: r}
	tree, err := edit.apply(old, "", edits)
	if err != nil {
		return nil, Hash{}, err
	}
	if tree.IsZero() {
		tree = edit.add(gitobject.Tree, nil)
	}
	if tree == old {
		return nil, base, nil
	}
	data, err := encodeCommit(tree, parents, meta)
	if err != nil {
		return nil, Hash{}, err
	}
	h := edit.add(gitobject.Commit, data)
	return edit.added, h, nil
}

// commitLocal stores the objects, then moves the reference.
func (r *Repo) commitLocal(ctx context.Context, ref string, base, h Hash, objects []gitobject.Object) error {
	if err := r.objects.Add(objects); err != nil {
		return err
	}
	// Other writers hold the lock for milliseconds. For the lock of a process that crashed, git's
	// error has the path of the lock file.
	_, err := git(ctx, r.commonDir, nil, "-c", "core.filesRefLockTimeout=1500", "--git-dir="+r.commonDir,
		"update-ref", "-m", "commit: roster", ref, h.String(), base.String())
	if err == nil {
		return nil
	}
	if stale := r.checkBase(ref, base); stale != nil {
		return stale
	}
	return err
}

// checkNotCheckedOut returns a RefusedError if a working copy has the branch checked out. If the
// branch moved, `git status` would show the reverse of the commit as a change in that working copy.
func (r *Repo) checkNotCheckedOut(ref string) error {
	heads, err := filepath.Glob(filepath.Join(r.commonDir, "worktrees", "*", "HEAD"))
	if err != nil {
		return err
	}
	conf, err := readConfig(r.commonDir)
	if err != nil {
		return err
	}
	if conf.Section("core").Option("bare") != "true" {
		heads = append(heads, filepath.Join(r.commonDir, "HEAD"))
	}
	for _, head := range heads {
		data, err := os.ReadFile(head)
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(data)) == "ref: "+ref {
			return &RefusedError{
				Branch:  strings.TrimPrefix(ref, branchPrefix),
				Message: "it is checked out (" + head + "): use another branch, or check out another branch there",
			}
		}
	}
	return nil
}
