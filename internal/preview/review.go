package preview

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
)

// Reviews finds merged pull requests and their approvals. Its methods return a
// *forge.RateLimitError when the forge limits the rate.
type Reviews interface {
	Merged(ctx context.Context, branch, commit string) (pr forge.PullRequest, ok bool, err error)
	Approval(ctx context.Context, pr forge.PullRequest) (forge.Approval, error)
	Contributions(ctx context.Context, pr forge.PullRequest) (forge.Contributions, error)
}

// Reviewer finds what was approved between two commits of a branch. It implements
// reconcile.Reviewer.
type Reviewer struct {
	Forge  Reviews
	Repo   *Repository
	Branch string
	// TrustCommitAuthors accepts commits whose author and pusher the forge does not know.
	TrustCommitAuthors bool

	mu     sync.Mutex
	cached map[int]forge.Contributions // by the number of a merged pull request
}

var (
	_ reconcile.Reviewer       = (*Reviewer)(nil)
	_ reconcile.CommitReviewer = (*Reviewer)(nil)
)

// Approved returns what was approved in the commits after `from` up to `to`. For each pull request,
// it merges the approved head into the parent of the merge. The result does not contain pushes
// after the approval or direct pushes to the branch.
func (r *Reviewer) Approved(ctx context.Context, from, to string) ([]reconcile.ReviewedMerge, error) {
	commits, err := r.Repo.branchCommits(from, to)
	if err != nil {
		return nil, err
	}
	parts, err := r.pulls().parts(ctx, commits)
	if err != nil {
		return nil, err
	}
	var out []reconcile.ReviewedMerge
	for _, part := range parts {
		if part.pr.Number == 0 {
			commit := part.commits[0].commit
			out = append(out, reconcile.ReviewedMerge{Name: fmt.Sprintf("commit %.7s", commit),
				Commits: []string{commit}, NotReviewedReason: "it is not from a pull request"})
			continue
		}
		merges, err := r.mergeApproved(ctx, part)
		if err != nil {
			return nil, err
		}
		out = append(out, merges...)
	}
	return out, nil
}

// pulls returns what finds the pull requests of commits. What the forge answers is kept for one
// call of a method.
func (r *Reviewer) pulls() *mergedPulls {
	return &mergedPulls{forge: r.Forge, repo: r.Repo, branch: r.Branch}
}

// mergeApproved merges each approved head of a pull request into the branch before the merge. If
// the forge may have squashed or rebased the commits, it also merges it into the fork point.
func (r *Reviewer) mergeApproved(ctx context.Context, part branchPart) ([]reconcile.ReviewedMerge, error) {
	pr, parent := part.pr, part.parent()
	name := pullRequestName(pr)
	notApproved := func(format string, args ...any) reconcile.ReviewedMerge {
		return reconcile.ReviewedMerge{Name: name, Commits: part.ids(), NotReviewedReason: fmt.Sprintf(format, args...)}
	}
	approval, err := r.Forge.Approval(ctx, pr)
	if err != nil {
		return nil, err
	}
	if len(approval.Approvers) == 0 {
		return []reconcile.ReviewedMerge{notApproved("%s", approval.Why)}, nil
	}
	review, err := r.review(ctx, part, approval)
	if err != nil {
		return nil, err
	}
	var out []reconcile.ReviewedMerge
	for _, head := range headsOf(approval) {
		if _, err := r.Repo.Describe(head); err != nil {
			out = append(out, notApproved("the approved head %.7s is no longer in the repository", head))
			continue
		}
		bases, err := r.basesOf(head, parent, part.merge())
		if err != nil {
			return nil, err
		}
		for _, base := range bases {
			m := reconcile.ReviewedMerge{Name: name, Commits: part.ids(), Review: review}
			m.Review.Approvers = approversOf(approval, head)
			if m.Base, err = r.Repo.Declarations(ctx, base); err == nil {
				m.Merged, err = r.Repo.Merged(ctx, base, head, "")
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				m = notApproved("the approved changes cannot be computed: %s", err)
			}
			out = append(out, m)
		}
	}
	return out, nil
}

func pullRequestName(pr forge.PullRequest) string { return fmt.Sprintf("pull request %d", pr.Number) }

// headsOf returns the approved heads, each once.
func headsOf(approval forge.Approval) []string {
	var out []string
	for _, by := range approval.Approvers {
		if !slices.Contains(out, by.Head) {
			out = append(out, by.Head)
		}
	}
	return out
}

// approversOf returns the accounts that approved a head.
func approversOf(approval forge.Approval, head string) []string {
	var out []string
	for _, by := range approval.Approvers {
		if by.Head == head {
			out = append(out, by.Account)
		}
	}
	return out
}

// review returns the review of a pull request without its approvers. It fetches the heads of the
// pull request.
func (r *Reviewer) review(ctx context.Context, part branchPart,
	approval forge.Approval) (reconcile.CommitReview, error) {
	pr, parent := part.pr, part.parent()
	name, heads := pullRequestName(pr), headsOf(approval)
	missing := func(head string) bool { _, err := r.Repo.Describe(head); return err != nil }
	if slices.ContainsFunc(heads, missing) || pr.Head != "" && missing(pr.Head) {
		if err := r.Repo.Fetch(ctx, pr.HeadRef); err != nil {
			return reconcile.CommitReview{}, fmt.Errorf("fetch the head of %s: %w", name, err)
		}
	}
	counted, all := heads, heads
	if pr.Head != "" && !slices.Contains(heads, pr.Head) {
		all = append(slices.Clone(heads), pr.Head)
		exact, err := r.mergedAsApproved(ctx, part, heads)
		if err != nil {
			return reconcile.CommitReview{}, err
		}
		if !exact {
			counted = all
		}
	}
	by, err := r.contributors(ctx, pr, parent, all, counted)
	if err != nil {
		return reconcile.CommitReview{}, fmt.Errorf("find the contributors of %s: %w", name, err)
	}
	return reconcile.CommitReview{PullRequest: name, Authors: by.accounts, Unknown: by.unknown}, nil
}

// mergedAsApproved reports whether each approved head gives exactly the files that the branch has
// after the merge. Then the later commits of the pull request have no changes of their own: GitLab
// rebases the branch of a merge request before it merges, and the user who starts that pushes the
// result.
func (r *Reviewer) mergedAsApproved(ctx context.Context, part branchPart, heads []string) (bool, error) {
	for _, head := range heads {
		same, err := r.Repo.mergeGives(ctx, part.parent(), head, part.commits[0].commit)
		if err != nil || !same {
			return false, err
		}
	}
	return len(heads) > 0, nil
}

// basesOf returns the commits into which an approved head is merged to find what it changes.
func (r *Reviewer) basesOf(head, parent string, merge bool) ([]string, error) {
	if merge {
		return []string{parent}, nil
	}
	forkPoint, err := r.Repo.forkPoint(head, parent)
	if err != nil || forkPoint == "" || forkPoint == parent {
		return []string{parent}, err
	}
	return []string{parent, forkPoint}, nil
}

// ReviewCommit returns the review of the pull request that brought a commit of the branch. Only
// approvals of what was merged count: merging the approved head gives the same files as the branch
// has after the merge.
func (r *Reviewer) ReviewCommit(ctx context.Context, commit string) (reconcile.CommitReview, error) {
	part, err := r.partOf(ctx, commit)
	if err != nil || part.pr.Number == 0 {
		return reconcile.CommitReview{}, err
	}
	pr, parent, merged := part.pr, part.parent(), part.commits[0].commit
	approval, err := r.Forge.Approval(ctx, pr)
	if err != nil {
		return reconcile.CommitReview{}, err
	}
	review, err := r.review(ctx, part, approval)
	if err != nil {
		return reconcile.CommitReview{}, err
	}
	for _, head := range headsOf(approval) {
		same, err := r.Repo.mergeGives(ctx, parent, head, merged)
		if err != nil {
			return reconcile.CommitReview{}, err
		}
		if same {
			review.Approvers = append(review.Approvers, approversOf(approval, head)...)
		}
	}
	return review, nil
}

// maxRebased is the number of commits of one pull request that are searched for its first and its
// last one.
const maxRebased = 100

// partOf returns the part of the branch that has a commit.
func (r *Reviewer) partOf(ctx context.Context, commit string) (branchPart, error) {
	pulls := r.pulls()
	at, err := r.Repo.branchCommit(commit)
	if err != nil {
		return branchPart{}, err
	}
	if at.merge {
		pr, err := pulls.pull(ctx, commit)
		return branchPart{pr: pr, commits: []branchCommit{at}}, err
	}
	after, err := r.Repo.branchCommits(commit, "refs/heads/"+r.Branch)
	if err != nil {
		return branchPart{}, err
	}
	// The commits around it, up to the merges on both sides: those of the oldest pull request with
	// a later commit decide.
	around := []branchCommit{at}
	for _, above := range slices.Backward(after) {
		if above.merge || len(around) > maxRebased {
			break
		}
		around = slices.Insert(around, 0, above)
	}
	index := len(around) - 1
	for below := at; len(around)-index <= maxRebased && below.parent != ""; {
		if below, err = r.Repo.branchCommit(below.parent); err != nil {
			return branchPart{}, err
		}
		if below.merge {
			break
		}
		around = append(around, below)
	}
	return pulls.partWith(ctx, around, index)
}
