package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
)

// commitSigners finds who signed the commits of the branch. It is the source of reviews without a
// forge: it knows authors, and nobody who approved.
type commitSigners struct {
	repo   *gitrepo.Repo
	policy *gitrepo.Policy
}

var (
	_ reconcile.Reviewer       = (*commitSigners)(nil)
	_ reconcile.CommitReviewer = (*commitSigners)(nil)
)

// Approved always returns ErrNoForge: signatures do not say what was approved.
func (*commitSigners) Approved(context.Context, string, string) ([]reconcile.ReviewedMerge, error) {
	return nil, reconcile.ErrNoForge
}

// ReviewCommit returns as authors the signers of a commit of the branch, and of the commits that a
// merge brought. Merges that Git computes have no author.
func (s *commitSigners) ReviewCommit(ctx context.Context, commit string) (reconcile.CommitReview, error) {
	h, err := s.repo.Resolve(commit)
	if err != nil {
		return reconcile.CommitReview{}, err
	}
	merged, err := s.repo.Commit(h)
	if err != nil {
		return reconcile.CommitReview{}, err
	}
	var parent gitrepo.Hash
	if len(merged.Parents) > 0 {
		parent = merged.Parents[0]
	}
	var out reconcile.CommitReview
	for c, err := range s.repo.Log(h, parent) {
		if err != nil {
			return reconcile.CommitReview{}, err
		}
		automatic, err := s.repo.AutomaticMerge(ctx, c)
		if err != nil {
			return reconcile.CommitReview{}, err
		}
		if automatic {
			continue
		}
		signer, err := gitrepo.Verify(c, s.policy)
		var unsigned *gitrepo.SignatureError
		switch {
		case errors.As(err, &unsigned):
			out.Unknown = fmt.Sprintf("commit %.7s has no signature of an allowed key", c.Hash)
		case err != nil:
			return reconcile.CommitReview{}, err
		default:
			out.Authors = append(out.Authors, cmp.Or(signer.Name, signer.Key))
		}
	}
	slices.Sort(out.Authors)
	out.Authors = slices.Compact(out.Authors)
	return out, nil
}
