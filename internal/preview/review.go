package preview

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
)

// Reviews finds merged pull requests and their approvals. Its methods return a
// *forge.RateLimitError when the forge limits the rate.
type Reviews interface {
	Merged(ctx context.Context, branch, commit string) (pr forge.PullRequest, ok bool, err error)
	Approval(ctx context.Context, pr forge.PullRequest) (forge.Approval, error)
}

// Reviewer finds what was approved between two commits of a branch. It implements
// reconcile.Reviewer.
type Reviewer struct {
	Forge  Reviews
	Repo   *Repository
	Branch string
}

var _ reconcile.Reviewer = (*Reviewer)(nil)

// Approved returns what was approved in the commits after `from` up to `to`. For each pull request,
// it merges the approved head into the parent of the merge. The result does not contain pushes
// after the approval or direct pushes to the branch.
func (r *Reviewer) Approved(ctx context.Context, from, to string) ([]reconcile.ReviewedMerge, error) {
	commits, err := r.Repo.branchCommits(from, to)
	if err != nil {
		return nil, err
	}
	var out []reconcile.ReviewedMerge
	for i := 0; i < len(commits); {
		pr, ok, err := r.Forge.Merged(ctx, r.Branch, commits[i].commit)
		if err != nil {
			return nil, err
		}
		if !ok {
			out = append(out, reconcile.ReviewedMerge{Name: fmt.Sprintf("commit %.7s", commits[i].commit),
				NotReviewedReason: "it is not from a pull request"})
			i++
			continue
		}
		last := i // a rebased pull request has several commits
		for last+1 < len(commits) && !commits[last].merge {
			same, ok, err := r.Forge.Merged(ctx, r.Branch, commits[last+1].commit)
			if err != nil {
				return nil, err
			}
			if !ok || same.Number != pr.Number {
				break
			}
			last++
		}
		merges, err := r.mergeApproved(ctx, pr, commits[last].parent, commits[i].merge)
		if err != nil {
			return nil, err
		}
		out = append(out, merges...)
		i = last + 1
	}
	return out, nil
}

// mergeApproved merges the approved head of a pull request into the branch before the merge. If the
// forge may have squashed or rebased the commits, it also merges it into the fork point.
func (r *Reviewer) mergeApproved(ctx context.Context, pr forge.PullRequest, parent string,
	merge bool) ([]reconcile.ReviewedMerge, error) {
	name := fmt.Sprintf("pull request %d", pr.Number)
	notApproved := func(format string, args ...any) ([]reconcile.ReviewedMerge, error) {
		return []reconcile.ReviewedMerge{{Name: name, NotReviewedReason: fmt.Sprintf(format, args...)}}, nil
	}
	approval, err := r.Forge.Approval(ctx, pr)
	switch {
	case err != nil:
		return nil, err
	case approval.Head == "":
		return notApproved("%s", approval.Why)
	}
	if _, err := r.Repo.Describe(approval.Head); err != nil {
		if err := r.Repo.Fetch(ctx, pr.HeadRef); err != nil {
			return nil, fmt.Errorf("fetch the head of %s: %w", name, err)
		}
		if _, err := r.Repo.Describe(approval.Head); err != nil {
			return notApproved("the approved head %.7s is no longer in the repository", approval.Head)
		}
	}
	bases := []string{parent}
	if !merge {
		forkPoint, err := r.Repo.forkPoint(approval.Head, parent)
		if err != nil {
			return nil, err
		}
		if forkPoint != "" && forkPoint != parent {
			bases = append(bases, forkPoint)
		}
	}
	var out []reconcile.ReviewedMerge
	for _, base := range bases {
		m := reconcile.ReviewedMerge{Name: name}
		if m.Base, err = r.Repo.Declarations(ctx, base); err == nil {
			m.Merged, err = r.Repo.Merged(ctx, base, approval.Head, "")
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			reason := "the approved changes cannot be computed: " + err.Error()
			m = reconcile.ReviewedMerge{Name: name, NotReviewedReason: reason}
		}
		out = append(out, m)
	}
	return out, nil
}
