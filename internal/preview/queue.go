package preview

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// previewQueue sets the status of the merges in the merge queue. A queue merges only what has the
// required statuses, and reviewers have seen its pull requests, so every valid merge gets success.
// There is no comment: the queue has no page of its own. An error of one merge is logged.
func (p *Previewer) previewQueue(ctx context.Context, base *schema.Declarations) error {
	queue, err := p.Forge.Queue(ctx, p.Branch)
	if err != nil {
		if endsRound(err) || ctx.Err() != nil {
			return err
		}
		p.Log.Warn("the merge queue is not previewed", "error", err)
		return nil
	}
	if p.queued == nil {
		p.queued = map[string]inputs{}
	}
	maps.DeleteFunc(p.queued, func(commit string, _ inputs) bool {
		return !slices.ContainsFunc(queue, func(q forge.QueuedMerge) bool { return q.Commit == commit })
	})
	for i, q := range queue {
		if i == maxPerRun {
			break
		}
		in := inputs{base: p.base.ID, head: q.Commit}
		if p.queued[q.Commit] == in {
			continue
		}
		err := p.previewQueued(ctx, q, base)
		if err != nil && (endsRound(err) || ctx.Err() != nil) {
			return err
		}
		if err != nil {
			p.Log.Error("a merge of the queue is not previewed", "commit", q.Commit, "error", err)
			continue
		}
		p.queued[q.Commit] = in
	}
	return nil
}

// previewQueued sets the status of one merge. It is compared without AWS, because it may contain a
// pull request of a fork.
func (p *Previewer) previewQueued(ctx context.Context, q forge.QueuedMerge, base *schema.Declarations) error {
	if err := p.Repo.Fetch(ctx, q.Ref); err != nil {
		return err
	}
	out := feedback{}
	pr := forge.PullRequest{Head: q.Commit, HeadRef: q.Ref, Fork: true}
	merged, err := p.Repo.Merged(ctx, p.base.ID, q.Commit, "")
	if err == nil {
		list, _, _, failed := p.compare(ctx, pr, base, merged)
		if err = failed; err == nil {
			out.status = forge.Status{State: forge.Success, Description: render.PreviewsLine(list, render.MaxStatus)}
		}
	}
	var unevaluated *CannotEvaluateError
	switch {
	case err == nil:
	case ctx.Err() != nil, errors.As(err, &unevaluated) && !unevaluated.Final:
		return err
	default:
		var known bool
		if out, known = mergeFeedback(err, p.Repo.Path); !known {
			return err
		}
	}
	return p.setStatus(ctx, q.Commit, out.status)
}
