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

// Update makes one commit on branch: the files of base with edits applied
// (content writes a file, nil deletes it; what is absent already stays absent),
// base as its only parent. A zero base makes the branch, with edits as its only
// files. It returns the new commit, or base itself if the edits change nothing.
//
// The branch moves only if it is still at base. If it is not, also when another
// writer wins the race at the server, the error is ErrStale and nothing has
// changed: read again, rebuild, retry. A *RefusedError says that a hook, a
// protected branch or a checkout forbids the commit; retrying does not help.
//
// On a mirror the commit is pushed to the remote; if the connection breaks, the
// remote is asked whether the commit arrived before an error is returned. In a
// local repository the branch is moved with `git update-ref`, under Git's own
// locks; a branch that any working copy has checked out is refused.
func (r *Repo) Update(ctx context.Context, branch string, base Hash, edits map[string][]byte, meta CommitMeta) (Hash, error) {
	h, err := r.update(ctx, branchRef(branch), base, edits, meta)
	if err != nil {
		return Hash{}, fmt.Errorf("commit on branch %s: %w", strings.TrimPrefix(branch, branchPrefix), plain(err))
	}
	return h, nil
}

func (r *Repo) update(ctx context.Context, ref string, base Hash, edits map[string][]byte, meta CommitMeta) (Hash, error) {
	if !strings.HasPrefix(ref, branchPrefix) || !validRef(ref) {
		return Hash{}, fmt.Errorf("%q cannot be the name of a branch", ref)
	}
	if r.remote == nil {
		if err := r.checkNotCheckedOut(ref); err != nil {
			return Hash{}, err
		}
		if err := r.checkAt(ref, base); err != nil {
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

// checkAt is ErrStale unless the reference is at base.
func (r *Repo) checkAt(ref string, base Hash) error {
	now, _, err := r.refs.read(ref)
	if err != nil {
		return err
	}
	if now != base {
		return fmt.Errorf("%w: it is at %s, not at %s", ErrStale, name(now), name(base))
	}
	return nil
}

func name(h Hash) string {
	if h.IsZero() {
		return "no commit"
	}
	return h.Short()
}

// build makes the objects of a commit: blobs, trees, and the commit last.
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
	return edit.made, h, nil
}

// commitLocal stores the objects durably, then moves the reference.
func (r *Repo) commitLocal(ctx context.Context, ref string, base, h Hash, objects []gitobject.Object) error {
	if err := r.objects.Add(objects); err != nil {
		return err
	}
	// Other writers hold the lock for milliseconds; one left by a crash is
	// reported in Git's words, with its path.
	_, err := git(ctx, r.commonDir, nil, "-c", "core.filesRefLockTimeout=1500", "--git-dir="+r.commonDir,
		"update-ref", "-m", "commit: roster", ref, h.String(), base.String())
	if err == nil {
		return nil
	}
	if stale := r.checkAt(ref, base); stale != nil {
		return stale
	}
	return err
}

// checkNotCheckedOut refuses a branch that a working copy stands on: moving it
// would make that copy look as if its owner had undone the commit.
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
			return &RefusedError{Branch: strings.TrimPrefix(ref, branchPrefix), Message: fmt.Sprintf("it is checked out (%s); choose another branch, or check out another one there", head)}
		}
	}
	return nil
}
