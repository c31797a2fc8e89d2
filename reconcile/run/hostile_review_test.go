package run_test

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ruleReview is the rule that a required review is needed for every change that a commit brings.
const ruleReview rule = "review: only reviewed commits bring changes"

// hostileForge is the forge of a history. Attackers push directly; everybody else merges pull
// requests that another person approved.
type hostileForge struct {
	h *hostile
	// trustsMerges and trustsApprovals count direct pushes as approved pull requests: of changes,
	// and of approvals. They are sabotage.
	trustsMerges, trustsApprovals bool
}

var (
	_ reconcile.Reviewer       = hostileForge{}
	_ reconcile.CommitReviewer = hostileForge{}
)

// review returns the review of a commit by its number. trusting counts a direct push as reviewed.
func (f hostileForge) review(n int, trusting bool) reconcile.CommitReview {
	if !trusting && !f.h.reviewed[n-1] {
		return reconcile.CommitReview{}
	}
	return reconcile.CommitReview{PullRequest: fmt.Sprintf("pull request %d", n), Authors: []string{"ann"},
		Approvers: []string{"bob"}}
}

func (f hostileForge) ReviewCommit(_ context.Context, commit string) (reconcile.CommitReview, error) {
	return f.review(numberOf(commit), f.trustsApprovals), nil
}

func (f hostileForge) Approved(_ context.Context, from, to string) ([]reconcile.ReviewedMerge, error) {
	var out []reconcile.ReviewedMerge
	for n := numberOf(to); n > numberOf(from); n-- {
		if review := f.review(n, f.trustsMerges); review.PullRequest != "" && n > 1 {
			out = append(out, reconcile.ReviewedMerge{Name: review.PullRequest, Base: f.h.Commits[n-2],
				Merged: f.h.Commits[n-1], Review: review})
		}
	}
	return out, nil
}

// numberOf returns the number of a commit; 0 for none.
func numberOf(commit string) int {
	n := 0
	_, _ = fmt.Sscanf(commit, "commit-%d", &n)
	return n
}

// strictPolicy returns the strict policy of the history.
func (h *hostile) strictPolicy() *policy {
	p := strictPolicy()
	p.review = h.hasForge
	return p
}

// requiresReview reports whether the last applied commit requires reviews.
func (h *hostile) requiresReview() bool {
	return h.hasForge && h.applied > 0 && h.orgs[h.applied-1].policy.review
}

// checkReviewed checks that the last applied commit or a reviewed one wants each write that is
// neither drift nor caused by a date, unless a reviewed approval released it.
func (h *hostile) checkReviewed(r *observedRun) {
	if !h.requiresReview() || h.tainted() { // a forged status may say that the changes were applied
		return
	}
	for _, w := range r.writes {
		if w.verb == "updated" || h.isDrift(r, w) || h.byDate(r, w) || h.decided(w.id) || h.approved(r, w) ||
			w.verb != "created" && created(r.before, r.after, w.id) {
			continue
		}
		wanted := func(commit int) bool {
			before := h.asKeyed(r, w, h.orgs[commit-1])
			return h.orgs[commit-1].wants(before, r.at) && h.orgs[r.commit-1].sameValue(w, h.orgs[commit-1], before)
		}
		reviewed := wanted(h.applied)
		for commit := h.applied + 1; commit <= r.commit && !reviewed; commit++ {
			reviewed = h.reviewed[commit-1] && wanted(commit)
		}
		if !reviewed {
			h.violated(ruleReview, "%s at commit-%d", w, r.commit)
		}
	}
}
