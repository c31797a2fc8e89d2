package reconcile

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestSufficientReviews(t *testing.T) {
	one, two := schema.Review{Required: true, Approvals: 1}, schema.Review{Required: true, Approvals: 2}
	byBob := schema.Review{Required: true, Approvals: 1, By: []string{"Bob"}}
	pull := func(approvers ...string) CommitReview {
		return CommitReview{PullRequest: "pull request 7", Authors: []string{"ann"}, Approvers: approvers}
	}
	unknown := pull("bob")
	unknown.Unknown = "the forge does not name who pushed commit 1234567"
	for _, test := range []struct {
		name   string
		review CommitReview
		rule   schema.Review
		why    string // part of the reason; "" if the review is sufficient
	}{
		{"one approval by another person", pull("bob"), one, ""},
		{"no approval", pull(), one, "no reviewer other than its authors"},
		{"the approval of an author", pull("ann"), one, "0 of 1 approval; ann approved it, but also opened it, or"},
		{"the approval of an author in another case", pull("Ann"), one, "it has 0 of 1 approval"},
		{"one of two approvals", pull("bob"), two, "it has 1 of 2 approvals"},
		{"two approvals by the same person", pull("bob", "bob", "BOB"), two, "it has 1 of 2 approvals"},
		{"two approvals by different people", pull("bob", "cleo"), two, ""},
		{"an approval by an allowed account", pull("bob"), byBob, ""},
		{"an approval by an account that is not allowed", pull("cleo"), byBob,
			`it has 0 of 1 approval by "Bob"; cleo approved it, but `},
		{"a direct push", CommitReview{}, one, "not from a pull request"},
		{"an author who is not known", unknown, one, "does not name who pushed"},
		{"an approval where no review is required", pull("bob"), schema.Review{}, ""},
		{"no approval where no review is required", pull(), schema.Review{}, "no reviewer"},
		{"signers instead of a forge", CommitReview{Authors: []string{"ann"}}, one, "not from a pull request"},
	} {
		ok, why := Sufficient(test.review, test.rule)
		if ok != (test.why == "") || !strings.Contains(why, test.why) {
			t.Errorf("%s: %t, %q; want %q", test.name, ok, why, test.why)
		}
	}
}

func TestEachReviewRuleMustBeSatisfied(t *testing.T) {
	one, two := schema.Review{Required: true, Approvals: 1}, schema.Review{Required: true, Approvals: 2}
	review := CommitReview{PullRequest: "pull request 7", Authors: []string{"ann"}, Approvers: []string{"bob"}}
	for _, rules := range [][]schema.Review{{one, two}, {two, one}} {
		if ok, why := SufficientForAll(review, rules); ok || !strings.Contains(why, "1 of 2 approvals") {
			t.Errorf("%v: %v, %q", rules, ok, why)
		}
	}
	if ok, why := SufficientForAll(review, []schema.Review{one, one}); !ok {
		t.Error(why)
	}
}
