package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// maxReviewedCauses is the number of commits whose authors an approval is compared with.
const maxReviewedCauses = 100

// review decides whether another person approved: the approvers of the pull request at the forge,
// or the signer. Without a forge and without signatures roster cannot know that; then it compares
// the authors of commits, and says so.
func (l *evidenceLoader) review(ctx context.Context, digest string, e *reconcile.ApprovalEvidence) error {
	causes, err := l.causeCommits(ctx, digest, e.Printed)
	if err != nil {
		return err
	}
	reviewer, ok := l.Review.(reconcile.CommitReviewer)
	if !ok && len(l.rules) > 0 {
		e.RefusedReason = "reviews are required, and " + reconcile.ErrNoForge.Error()
		return nil
	}
	if !ok {
		e.Note = sameAuthor(e, causes)
		return nil
	}
	self := l.AllowSelfApproval && len(l.rules) == 0
	if len(causes) > maxReviewedCauses && !self {
		e.RefusedReason = fmt.Sprintf("it releases changes of %d commits, and the reviews of at most %d are read: "+
			"approve the changes of single commits", len(causes), maxReviewedCauses)
		return nil
	}
	facts := reconcile.ApprovalReview{Causes: map[string]reconcile.CommitReview{}, Rules: l.rules}
	_, err = l.Review.Approved(ctx, e.Added.ID, e.Added.ID)
	facts.Signed = errors.Is(err, reconcile.ErrNoForge)
	if facts.Added, err = reviewer.ReviewCommit(ctx, e.Added.ID); err == nil && !self {
		for _, c := range causes {
			if facts.Causes[c.ID], err = reviewer.ReviewCommit(ctx, c.ID); err != nil {
				break
			}
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e.Review = facts.Added
	if self {
		e.Note = sameAuthor(e, causes)
		return nil
	}
	if err != nil {
		e.NoAnswer = true
		e.RefusedReason = fmt.Sprintf("the review of commit %.7s is not known: %s", e.Added.ID, err)
		return nil
	}
	if facts.Signed && len(l.rules) > 0 {
		e.RefusedReason = "reviews are required, and " + reconcile.ErrNoForge.Error()
		return nil
	}
	e.RefusedReason, e.Note = facts.Insufficient()
	return nil
}

// causeCommits returns the commits that brought the changes which a report printed with a digest;
// none for the release of the audit branch.
func (l *evidenceLoader) causeCommits(ctx context.Context, digest string,
	printed *reconcile.Report) ([]reconcile.CommitRef, error) {
	if printed == nil {
		return nil, nil
	}
	var out []reconcile.CommitRef
	for _, cause := range printed.CauseCommits(digest) {
		from := ""
		if s := l.state.audit.Status; s != nil && s.LastApplied != nil {
			from = s.LastApplied.Commit
		}
		commits, err := l.Source.FirstParents(ctx, from, cause.Commit)
		if errors.Is(err, fs.ErrNotExist) {
			commits, err = l.Source.FirstParents(ctx, "", cause.Commit)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return []reconcile.CommitRef{{ID: cause.Commit}}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the history of commit %.7s: %w", cause.Commit, err)
		}
		if cause.Kind == reconcile.CauseCommit && len(commits) > 0 {
			commits = commits[len(commits)-1:]
		}
		out = append(out, commits...)
	}
	return out, nil
}

// sameAuthor returns a note if the author of an approval also made the changes.
func sameAuthor(e *reconcile.ApprovalEvidence, causes []reconcile.CommitRef) string {
	for _, c := range causes {
		for _, author := range []string{e.Author, e.Added.Author} {
			if author != "" && author == c.Author {
				return fmt.Sprintf("approved by %s, who is also the author of commit %.7s", author, c.ID)
			}
		}
	}
	return ""
}
