package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// ApprovalReview is what is known about the people behind an approval and behind the changes that
// it releases.
type ApprovalReview struct {
	// Added is the review of the commit that added the approval. Causes are the reviews of the
	// commits that brought the changes, by commit.
	Added  CommitReview
	Causes map[string]CommitReview
	// Signed is true if there is no forge, and authors are signers.
	Signed bool
	Rules  []schema.Review // that the review must satisfy
}

// Insufficient returns why the approval is not one by another person; "" if it is. note says what
// is not known.
func (r ApprovalReview) Insufficient() (reason, note string) {
	if r.Signed {
		return r.sameSigner(), ""
	}
	review := r.Added
	review.Authors = slices.Clone(review.Authors)
	var direct []string
	for commit, cause := range r.Causes {
		if cause.Unknown != "" && review.Unknown == "" {
			review.Unknown = fmt.Sprintf("commit %.7s: %s", commit, cause.Unknown)
		}
		if cause.PullRequest == "" {
			direct = append(direct, fmt.Sprintf("%.7s", commit))
		}
		review.Authors = append(review.Authors, cause.Authors...)
	}
	if len(direct) > 0 {
		slices.Sort(direct)
		note = "the forge does not know who pushed commit " + schema.ShortList(direct, 3)
	}
	if ok, why := SufficientForAll(review, r.Rules); !ok {
		return fmt.Sprintf("its review is not sufficient: %s. A person who neither authored nor pushed a commit of "+
			"its pull request, or of those that it releases, must approve that pull request "+
			"(or set --allow-self-approval)", why), note
	}
	return "", note
}

// sameSigner returns a reason if the signer of the approval is not known or signed a commit that
// brought the changes.
func (r ApprovalReview) sameSigner() string {
	if r.Added.Unknown != "" || len(r.Added.Authors) == 0 {
		return "the signer of the commit that added it is not known: " + r.Added.Unknown
	}
	for commit, cause := range r.Causes {
		if cause.Unknown != "" {
			return fmt.Sprintf("the signer of commit %.7s is not known: %s", commit, cause.Unknown)
		}
		for _, signer := range r.Added.Authors {
			if slices.ContainsFunc(cause.Authors, func(s string) bool { return strings.EqualFold(s, signer) }) {
				return fmt.Sprintf("%s signed it, and also commit %.7s, which brought the changes: another person "+
					"must sign the approval (or set --allow-self-approval)", signer, commit)
			}
		}
	}
	return ""
}

// CauseCommits returns the causes of the changes that a report printed with a digest. A change
// without a cause came with the report's commit or before it.
func (r *Report) CauseCommits(digest string) []Cause {
	var out []Cause
	for _, c := range r.heldChanges(digest) {
		cause := c.Cause
		if cause.Kind == "" {
			cause = Cause{Kind: CauseBefore, Commit: r.Commit.ID}
		}
		if cause.Commit != "" && !slices.Contains(out, cause) {
			out = append(out, cause)
		}
	}
	slices.SortFunc(out, Cause.compare)
	return out
}
