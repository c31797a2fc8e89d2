package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// Sufficient reports whether a review satisfies a rule, and if not, why. Each account counts once,
// and forges ignore the case of accounts. A rule that requires no review is satisfied by one
// approval: callers ask only if an approval by another person is needed.
func Sufficient(review CommitReview, rule schema.Review) (ok bool, why string) {
	counted := review.counted(rule)
	needed := max(1, rule.Approvals)
	switch {
	case review.PullRequest == "" && len(counted) == 0:
		return false, "it is not from a pull request"
	case review.Unknown != "":
		return false, review.Unknown
	case len(counted) >= needed:
		return true, ""
	case len(review.Approvers) == 0:
		return false, "no reviewer other than its authors approved it"
	}
	why = fmt.Sprintf("it has %d of %s", len(counted), schema.Count(needed, "approval"))
	if len(rule.By) > 0 {
		why += " by " + schema.QuoteList(rule.By)
	}
	return false, why + "; " + strings.Join(review.Approvers, ", ") + " approved it"
}

// counted returns the accounts whose approvals count for a rule, folded and sorted.
func (r CommitReview) counted(rule schema.Review) []string {
	has := func(accounts []string, account string) bool {
		return slices.ContainsFunc(accounts, func(a string) bool { return strings.EqualFold(a, account) })
	}
	var out []string
	for _, account := range r.Approvers {
		if account != "" && !has(r.Authors, account) && (len(rule.By) == 0 || has(rule.By, account)) {
			out = append(out, strings.ToLower(account))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sufficientForAll reports whether a review satisfies all rules, and if not, why.
func sufficientForAll(review CommitReview, rules []schema.Review) (ok bool, why string) {
	for _, rule := range rules {
		if ok, why := Sufficient(review, rule); !ok {
			return false, why
		}
	}
	return true, ""
}
