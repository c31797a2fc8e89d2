package preview

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
)

// Reviews is what a forge says of merges that are done. *forge.RateLimitError when it asks for patience.
type Reviews interface {
	Merged(ctx context.Context, branch, commit string) (pr forge.PullRequest, ok bool, err error)
	Approval(ctx context.Context, pr forge.PullRequest) (forge.Approval, error)
}

// Reviewer tells what was approved between two commits of a branch: it is a reconcile.Reviewer.
type Reviewer struct {
	Forge  Reviews
	Git    *Git
	Branch string
}

var _ reconcile.Reviewer = (*Reviewer)(nil)

// Approved goes back over the commits by which the branch moved. What counts of each pull request is its approved head, merged anew
// into what the branch was before: what was pushed to it after the approval, or straight to the branch, is in none of them.
func (r *Reviewer) Approved(ctx context.Context, from, to string) ([]reconcile.ReviewedMerge, error) {
	steps, err := r.Git.steps(from, to)
	if err != nil {
		return nil, err
	}
	var out []reconcile.ReviewedMerge
	for i := 0; i < len(steps); {
		pr, ok, err := r.Forge.Merged(ctx, r.Branch, steps[i].commit)
		if err != nil {
			return nil, err
		}
		if !ok {
			out = append(out, reconcile.ReviewedMerge{Name: fmt.Sprintf("commit %.7s", steps[i].commit), Why: "it came by no pull request"})
			i++
			continue
		}
		last := i // a rebased pull request is many commits
		for last+1 < len(steps) && !steps[last].merge {
			same, ok, err := r.Forge.Merged(ctx, r.Branch, steps[last+1].commit)
			if err != nil {
				return nil, err
			}
			if !ok || same.Number != pr.Number {
				break
			}
			last++
		}
		merges, err := r.merges(ctx, pr, steps[last].before, steps[i].merge)
		if err != nil {
			return nil, err
		}
		out = append(out, merges...)
		i = last + 1
	}
	return out, nil
}

// merges works out what the approved head of a pull request comes to: on the branch as it was before the merge and, where the forge may
// have rewritten the commits one by one, also on the branch as it was where the head left it.
func (r *Reviewer) merges(ctx context.Context, pr forge.PullRequest, before string, merge bool) ([]reconcile.ReviewedMerge, error) {
	name := fmt.Sprintf("pull request %d", pr.Number)
	not := func(format string, args ...any) ([]reconcile.ReviewedMerge, error) {
		return []reconcile.ReviewedMerge{{Name: name, Why: fmt.Sprintf(format, args...)}}, nil
	}
	approval, err := r.Forge.Approval(ctx, pr)
	switch {
	case err != nil:
		return nil, err
	case approval.Head == "":
		return not("%s", approval.Why)
	}
	if _, err := r.Git.Describe(approval.Head); err != nil {
		if err := r.Git.Fetch(ctx, pr.HeadRef); err != nil {
			return nil, fmt.Errorf("fetch the head of %s: %w", name, err)
		}
		if _, err := r.Git.Describe(approval.Head); err != nil {
			return not("the head that was approved, %.7s, is no longer in the repository", approval.Head)
		}
	}
	bases := []string{before}
	if !merge {
		fork, err := r.Git.fork(approval.Head, before)
		if err != nil {
			return nil, err
		}
		if fork != "" && fork != before {
			bases = append(bases, fork)
		}
	}
	var out []reconcile.ReviewedMerge
	for _, base := range bases {
		m := reconcile.ReviewedMerge{Name: name}
		if m.Base, err = r.Git.Declarations(ctx, base); err == nil {
			m.Merged, err = r.Git.Merged(ctx, base, approval.Head, "")
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			m = reconcile.ReviewedMerge{Name: name, Why: fmt.Sprintf("what was approved cannot be worked out: %v", err)}
		}
		out = append(out, m)
	}
	return out, nil
}
