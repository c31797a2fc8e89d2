package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/notexist"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// FirstParents returns the first-parent history after from up to to, the oldest first. It returns
// fs.ErrNotExist if from is not one of the newest commits, or to does not exist.
func (s *Source) FirstParents(ctx context.Context, from, to string) ([]reconcile.CommitRef, error) {
	var out []reconcile.CommitRef
	for at := to; at != from; {
		if len(out) == reconcile.MaxFirstParents {
			if from == "" {
				break
			}
			return nil, notexist.Errorf("commit %.7s is not one of the last %d on the branch", from, len(out))
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		c, parent, err := s.firstParent(at)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		if parent == "" && from != "" {
			return nil, notexist.Errorf("commit %.7s is not on the branch", from)
		}
		at = parent
	}
	slices.Reverse(out)
	return out, nil
}

// firstParent describes a commit, with the time at which it was committed, and returns its first
// parent; "" if it has none.
func (s *Source) firstParent(commit string) (ref reconcile.CommitRef, parent string, err error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return ref, "", err
	}
	c, err := s.repo.Commit(h)
	if err != nil {
		return ref, "", err
	}
	ref = commitRef(c)
	ref.Time = c.Committer.When.UTC()
	if len(c.Parents) == 0 {
		return ref, "", nil
	}
	return ref, c.Parents[0].String(), nil
}

// approvalHistory is what ApprovalCommits found at a commit. A search from a later commit ends
// there.
type approvalHistory struct {
	head  string
	found map[string]reconcile.CommitRef
}

// ApprovalCommits returns for each digest the commit that last added or changed its approval, on
// the first-parent history of head. It loads only commits that changed a file which contains the
// digest. In a shallow repository nobody knows what its oldest commit changed, so approvals that it
// has are not found.
func (s *Source) ApprovalCommits(
	ctx context.Context, head string, digests []string,
) (map[string]reconcile.CommitRef, error) {
	s.mu.Lock()
	cached := s.approvals
	s.mu.Unlock()
	decls, err := s.Declarations(ctx, head)
	if err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	for _, digest := range digests {
		if decls.Approvals[digest] != nil {
			missing[digest] = true
		}
	}
	found := map[string]reconcile.CommitRef{}
	for at, n := head, 0; len(missing) > 0 && n < reconcile.MaxFirstParents; n++ {
		if at == cached.head {
			for digest := range missing {
				if ref, ok := cached.found[digest]; ok {
					found[digest] = ref
					delete(missing, digest)
				}
			}
			if len(missing) == 0 {
				break
			}
		}
		ref, parent, err := s.firstParent(at)
		if err != nil {
			return nil, err
		}
		if parent != "" && s.repo.Shallow() && !s.has(parent) {
			break
		}
		changed, err := s.changedApprovals(ctx, at, parent, missing)
		if err != nil {
			return nil, err
		}
		for _, digest := range changed {
			found[digest] = ref
			delete(missing, digest)
		}
		if parent == "" {
			break
		}
		at = parent
	}
	s.mu.Lock()
	s.approvals = approvalHistory{head, found}
	s.mu.Unlock()
	return found, nil
}

// changedApprovals returns which of the approvals at a commit its parent does not have, or has
// differently.
func (s *Source) changedApprovals(
	ctx context.Context, commit, parent string, digests map[string]bool,
) ([]string, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	touched, err := s.touchedDigests(commit, parent, digests)
	if err != nil || len(touched) == 0 {
		return nil, err
	}
	now, err := s.approvalsAt(ctx, commit)
	if err != nil {
		return nil, err
	}
	before, err := s.approvalsAt(ctx, parent)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, digest := range touched {
		if !now[digest].Same(before[digest]) {
			out = append(out, digest)
		}
	}
	return out, nil
}

// touchedDigests returns the digests that are in a file which differs between a commit and its
// parent ("" for none).
func (s *Source) touchedDigests(commit, parent string, digests map[string]bool) ([]string, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	var p gitrepo.Hash
	if parent != "" {
		if p, err = gitrepo.ParseHash(parent); err != nil {
			return nil, err
		}
	}
	changes, err := s.repo.Diff(p, h)
	if err != nil {
		return nil, err
	}
	prefix := strings.TrimPrefix(path.Clean(s.path)+"/", "./")
	found := map[string]bool{}
	for _, c := range changes {
		if path.Ext(c.Path) != ".cue" || !strings.HasPrefix(c.Path, prefix) {
			continue
		}
		for _, side := range []gitrepo.Hash{h, p} {
			content, err := s.fileAt(side, c.Path)
			if err != nil {
				return nil, err
			}
			for digest := range digests {
				found[digest] = found[digest] || bytes.Contains(content, []byte(digest))
			}
		}
	}
	maps.DeleteFunc(found, func(_ string, ok bool) bool { return !ok })
	return slices.Sorted(maps.Keys(found)), nil
}

// fileAt reads a file of a commit; nil if the commit does not have it.
func (s *Source) fileAt(commit gitrepo.Hash, name string) ([]byte, error) {
	if commit.IsZero() {
		return nil, nil
	}
	files, err := s.repo.FS(commit, "")
	if err != nil {
		return nil, err
	}
	content, err := fs.ReadFile(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// approvalsAt returns the approvals of a commit; none for an invalid commit.
func (s *Source) approvalsAt(ctx context.Context, commit string) (map[string]*schema.Approval, error) {
	if commit == "" {
		return nil, nil
	}
	decls, err := s.Declarations(ctx, commit)
	var problems schema.Problems
	switch {
	case errors.As(err, &problems), errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return decls.Approvals, nil
}

// has reports whether the repository has a commit.
func (s *Source) has(commit string) bool {
	h, err := gitrepo.ParseHash(commit)
	if err == nil {
		_, err = s.repo.Commit(h)
	}
	return err == nil
}
