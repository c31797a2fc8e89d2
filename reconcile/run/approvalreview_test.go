package run_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// commitReviews is a reviewer that knows the reviews of commits.
type commitReviews struct {
	reviews map[string]reconcile.CommitReview
	signed  bool
	err     error
}

func (r *commitReviews) Approved(context.Context, string, string) ([]reconcile.ReviewedMerge, error) {
	if r.signed {
		return nil, reconcile.ErrNoForge
	}
	return nil, nil
}

func (r *commitReviews) ReviewCommit(_ context.Context, commit string) (reconcile.CommitReview, error) {
	return r.reviews[commit], r.err
}

// TestAnApprovalNeedsAnotherPerson checks who must approve the pull request that adds an approval.
// Commit 2 brought the held changes, commit 3 adds the approval.
func TestAnApprovalNeedsAnotherPerson(t *testing.T) {
	pull := func(authors, approvers string) reconcile.CommitReview {
		return reconcile.CommitReview{PullRequest: "pull request 7", Authors: strings.Fields(authors),
			Approvers: strings.Fields(approvers)}
	}
	for _, tt := range []struct {
		name          string
		change, added reconcile.CommitReview
		signed, self  bool
		err           error
		refused       string // "": it counts
		report        string // in the report of an approval that counts
	}{
		{name: "another person approved it", change: pull("ann", ""), added: pull("bob", "carol"),
			report: "pull request 7, approved by carol"},
		{name: "one unreviewed line is pushed to the branch (F5)", change: pull("ann", ""),
			refused: "it is not from a pull request"},
		{name: "nobody approved it", change: pull("ann", ""), added: pull("bob", ""), refused: "no reviewer"},
		{name: "its author approved it", change: pull("ann", ""), added: pull("bob carol", "carol"),
			refused: "review is not sufficient"},
		{name: "the author of the changes approved it", change: pull("ann carol", ""), added: pull("bob", "Carol"),
			refused: "review is not sufficient"},
		{name: "the forge does not know who pushed", change: pull("ann", ""),
			added: reconcile.CommitReview{PullRequest: "pull request 7", Approvers: []string{"carol"},
				Unknown: "unknown pusher"},
			refused: "unknown pusher"},
		{name: "the forge does not answer", err: errors.New("503"), refused: "is not known: 503"},
		{name: "self-approval is allowed", added: pull("ann", ""), self: true, report: "pull request 7"},
		{name: "another signer", change: reconcile.CommitReview{Authors: []string{"ann"}},
			added: reconcile.CommitReview{Authors: []string{"bob"}}, signed: true},
		{name: "the same signer", change: reconcile.CommitReview{Authors: []string{"ann"}},
			added: reconcile.CommitReview{Authors: []string{"ann"}}, signed: true,
			refused: "ann signed it, and also commit"},
		{name: "no signer", change: reconcile.CommitReview{Authors: []string{"ann"}}, signed: true,
			refused: "the signer of the commit that added it is not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, digest := heldRemovals(t)
			reviews := map[string]reconcile.CommitReview{"commit-2": tt.change, "commit-3": tt.added}
			w.Runner.Review = &commitReviews{reviews, tt.signed, tt.err}
			w.Runner.AllowSelfApproval = tt.self
			w.Commit(selectsG, membersOfG(32)+approve(digest))
			if tt.refused != "" {
				wantWarning(t, w.Apply(reconcile.RunHeld), tt.refused)
				return
			}
			r := w.Apply(reconcile.RunApplied)
			if text := r.Approvals[0].String(); !strings.Contains(text, tt.report) {
				t.Errorf("the report says %q", text)
			}
		})
	}
	t.Run("without a forge the report names an author who approves", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Authors = map[int]string{2: "Ann <ann@example.com>", 3: "Ann <ann@example.com>"}
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		wantWarning(t, w.Apply(reconcile.RunApplied),
			"approved by Ann <ann@example.com>, who is also the author of commit")
	})
	t.Run("the time without an answer of the forge does not count", func(t *testing.T) {
		w, digest := heldRemovals(t)
		reviews := &commitReviews{map[string]reconcile.CommitReview{"commit-3": pull("bob", "carol")}, false,
			errors.New("503")}
		w.Runner.Review = reviews
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Apply(reconcile.RunHeld)
		w.SetNow(w.Now.AddDate(0, 0, 3))
		w.Apply(reconcile.RunHeld)
		reviews.err = nil
		w.Apply(reconcile.RunApplied)
	})
}
