package reconcile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// ErrNoForge is the error of a Reviewer without a forge.
var ErrNoForge = errors.New("no forge is configured that could report approvals")

// Sufficient reports whether a review satisfies a rule, and if not, why. Each account counts once,
// and forges ignore the case of accounts. A rule that requires no review is satisfied by one
// approval: callers ask only if an approval by another person is needed.
func Sufficient(review CommitReview, rule schema.Review) (ok bool, why string) {
	counted, rejected := review.count(rule)
	needed := max(1, rule.Approvals)
	switch {
	case review.PullRequest == "" && counted == 0:
		return false, "it is not from a pull request"
	case review.Unknown != "":
		return false, review.Unknown
	case counted >= needed:
		return true, ""
	case len(review.Approvers) == 0:
		return false, "no reviewer other than its authors approved it"
	}
	why = fmt.Sprintf("it has %d of %s", counted, schema.Count(needed, "approval"))
	if len(rule.By) > 0 {
		why += " by " + schema.QuoteList(rule.By)
	}
	return false, strings.Join(append([]string{why}, rejected...), "; ")
}

// count returns how many accounts gave an approval that counts for a rule, and why the other
// approvals do not count.
func (r CommitReview) count(rule schema.Review) (counted int, rejected []string) {
	has := func(accounts []string, account string) bool {
		return slices.ContainsFunc(accounts, func(a string) bool { return strings.EqualFold(a, account) })
	}
	for i, account := range r.Approvers {
		switch {
		case account == "" || has(r.Approvers[:i], account):
		case has(r.Authors, account):
			rejected = append(rejected,
				account+" approved it, but also opened it, or authored or pushed a commit of it")
		case len(rule.By) > 0 && !has(rule.By, account):
			rejected = append(rejected, fmt.Sprintf("%s approved it, but `by` does not name %s", account, account))
		default:
			counted++
		}
	}
	return counted, rejected
}

// SufficientForAll reports whether a review satisfies all rules, and if not, why. Without a rule,
// one approval is required.
func SufficientForAll(review CommitReview, rules []schema.Review) (ok bool, why string) {
	if len(rules) == 0 {
		return Sufficient(review, schema.Review{})
	}
	for _, rule := range rules {
		if ok, why := Sufficient(review, rule); !ok {
			return false, why
		}
	}
	return true, ""
}

// ReviewRuleOf returns the review rule of a tenant in declarations, whatever the key of its
// provisioner is. It requires nothing if the declarations have no such provisioner.
func ReviewRuleOf(d *schema.Declarations, identity string) schema.Review {
	if p := ProvisionerOf(d, identity); p != nil {
		return p.Review
	}
	return schema.Review{}
}

// covers reports whether a rule is at least as strict as another.
func covers(rule, other schema.Review) bool {
	if !other.Required {
		return true
	}
	if !rule.Required || rule.Approvals < other.Approvals || len(rule.By) == 0 && len(other.By) > 0 {
		return false
	}
	outside := func(account string) bool {
		return !slices.ContainsFunc(other.By, func(a string) bool { return strings.EqualFold(a, account) })
	}
	return len(other.By) == 0 || !slices.ContainsFunc(rule.By, outside)
}

// StrictestRules returns the rules without those that require nothing or that another covers.
func StrictestRules(rules ...schema.Review) []schema.Review {
	var out []schema.Review
	for _, rule := range rules {
		covered := func(other schema.Review) bool { return covers(rule, other) }
		if rule.Required && !slices.ContainsFunc(out, func(other schema.Review) bool { return covers(other, rule) }) {
			out = append(slices.DeleteFunc(out, covered), rule)
		}
	}
	return out
}

// StillRequired says that a rule is in force although the declarations have none, or a weaker one;
// "" if they have it.
func (h *ReviewHistory) StillRequired(d *schema.Declarations, identity string) string {
	if h == nil {
		return ""
	}
	declared := ReviewRuleOf(d, identity)
	for _, rule := range h.Remembered {
		if !covers(declared, rule) {
			return fmt.Sprintf("`review` is declared as %s, but stays %s until a merge that was reviewed changes it",
				declared, rule)
		}
	}
	return ""
}

// NextRules returns the rules in force once the declarations are applied. Only a merge that was
// reviewed under all rules replaces a rule. The first rule needs no review.
func (h *ReviewHistory) NextRules(d *schema.Declarations, identity string) []schema.Review {
	if h == nil {
		return nil
	}
	rules := slices.Clone(h.Remembered)
	for _, pull := range slices.Backward(pulls(h.Merges)) { // the oldest first
		if h.insufficient(pull) != "" {
			continue
		}
		for _, m := range pull {
			if ok, _ := SufficientForAll(m.Review, h.Rules); !ok || m.NotReviewedReason != "" {
				continue
			}
			before, after := ReviewRuleOf(m.Base, identity), ReviewRuleOf(m.Merged, identity)
			rules = slices.DeleteFunc(rules, func(rule schema.Review) bool {
				return covers(before, rule) && !covers(after, rule)
			})
			rules = append(rules, after)
		}
	}
	if rules = StrictestRules(rules...); len(rules) > 0 {
		return rules
	}
	if len(h.Remembered) > 0 {
		return nil // it was lifted by a reviewed merge
	}
	return StrictestRules(ReviewRuleOf(d, identity))
}
