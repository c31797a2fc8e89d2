package preview

import (
	"context"
	"slices"

	"github.com/seed-d64a251c/roster/internal/forge"
)

// reviewPolls is the number of polls after which the reviews of a pull request are read again,
// although the forge does not say that it was updated.
const reviewPolls = 10

// unreviewed returns the pull requests whose status depends on a review, and whose reviews may have
// changed: at most maxPerRun.
func (p *Previewer) unreviewed(open []forge.PullRequest) []forge.PullRequest {
	now := p.now()
	var out []forge.PullRequest
	for _, pr := range open {
		last := p.posted[pr.Number]
		if !last.feedback.review || last.inputs != p.inputsOf(pr) || !p.failing[pr.Number].due(pr.Head, now) {
			continue
		}
		if !p.reviewsKnown(pr, last) {
			out = append(out, pr)
		}
	}
	return out[:min(len(out), maxPerRun)]
}

// review sets the status of a pull request after its reviews changed: success if a reviewer
// approved the head.
func (p *Previewer) review(ctx context.Context, pr forge.PullRequest) error {
	approved, err := p.approved(ctx, pr)
	if err != nil {
		return err
	}
	last := p.posted[pr.Number]
	status := last.feedback.status
	status.State = forge.Pending
	if approved {
		status.State = forge.Success
	}
	if !sameStatus(status, last.feedback.status) {
		if err := p.setStatus(ctx, pr.Head, status); err != nil {
			return err
		}
	}
	last.feedback.status, last.updated, last.checked = status, pr.Updated, p.now()
	p.posted[pr.Number] = last
	return nil
}

// reviewsKnown reports whether the reviews of the head were read when its last status was set, and
// cannot have changed since.
func (p *Previewer) reviewsKnown(pr forge.PullRequest, last posted) bool {
	return last.feedback.review && last.inputs.head == pr.Head && pr.Updated.Equal(last.updated) &&
		p.now().Sub(last.checked) < reviewPolls*p.PollInterval
}

// approvedSince reports the same as approved. It asks the forge only if the reviews may have
// changed since the last status: a push to the branch renews hundreds of previews at once.
func (p *Previewer) approvedSince(ctx context.Context, pr forge.PullRequest, last posted) (bool, error) {
	if p.reviewsKnown(pr, last) {
		return last.feedback.status.State == forge.Success, nil
	}
	return p.approved(ctx, pr)
}

// approved reports whether a reviewer, who did not open the pull request, approved its head.
func (p *Previewer) approved(ctx context.Context, pr forge.PullRequest) (bool, error) {
	approval, err := p.Forge.Approval(ctx, pr)
	return slices.ContainsFunc(approval.Approvers, func(a forge.Approver) bool { return a.Head == pr.Head }), err
}
