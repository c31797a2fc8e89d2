package forge

import (
	"slices"
	"strings"
	"time"
)

// notApproved is the reason of a pull request without a valid approval.
const notApproved = "no reviewer other than its author approved it"

// review is one review of a pull request.
type review struct {
	by, head string // head is "" for a dismissed review
	at       time.Time
	approves bool // otherwise it requests changes or was dismissed
}

// effectiveApproval evaluates the last review of each reviewer except the author. A request for
// changes overrides every approval.
func effectiveApproval(reviews []review, author string) Approval {
	last := map[string]review{}
	for _, r := range reviews {
		account := strings.ToLower(r.by)
		if previous, ok := last[account]; !sameAccount(r.by, author) && (!ok || !r.at.Before(previous.at)) {
			last[account] = r
		}
	}
	var approvals []review
	for _, r := range last {
		switch {
		case !r.approves && r.head != "":
			return Approval{Why: r.by + " requests changes"}
		case r.approves && r.head != "":
			approvals = append(approvals, r)
		}
	}
	return newApproval(approvals)
}

// newApproval returns the approvals, the newest last.
func newApproval(approvals []review) Approval {
	if len(approvals) == 0 {
		return Approval{Why: notApproved}
	}
	slices.SortFunc(approvals, func(a, b review) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return strings.Compare(a.by, b.by)
	})
	var out Approval
	for _, r := range approvals {
		out.Approvers = append(out.Approvers, Approver{Account: r.by, Head: r.head})
	}
	return out
}

// sameAccount compares two accounts. The forges ignore case.
func sameAccount(a, b string) bool { return strings.EqualFold(a, b) }

// maxPushPages limits the pages of pushes that are read for one pull request.
const maxPushPages = 10

// beforeMerge drops the pushes after the merge, for example of a restored branch.
func beforeMerge(pushes []Push, pr PullRequest) []Push {
	return slices.DeleteFunc(pushes, func(p Push) bool {
		empty := p.Account == "" || p.To == "" && len(p.Commits) == 0
		return empty || !pr.MergedAt.IsZero() && p.Time.After(pr.MergedAt)
	})
}

// knownCommit returns "" for the hash of no commit, which forges write as zeros.
func knownCommit(hash string) string {
	if strings.Trim(hash, "0") == "" {
		return ""
	}
	return hash
}

// pushedBefore is how long before a pull request was opened its commits may have been pushed.
const pushedBefore = 30 * 24 * time.Hour
