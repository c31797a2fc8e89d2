package run_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
)

// TestAnApprovalIsReviewedLikeAChange approves the creation of a user that a push declared.
func TestAnApprovalIsReviewedLikeAChange(t *testing.T) {
	const two = "enabled: true\nreview: {required: true, approvals: 2}"
	for _, test := range []struct {
		name, setting string
		review        reconcile.CommitReview
		err           error
		none          bool   // there is no forge
		why           string // part of why the approval does not count; "" if it counts
	}{
		{name: "the approval is pushed to the branch", setting: requiresReview, why: "it is not from a pull request"},
		{name: "nobody approved the pull request", setting: requiresReview, review: reviewBy(),
			why: "no reviewer other than its authors"},
		{name: "its author approved the pull request", setting: requiresReview, review: reviewBy("ann"),
			why: "ann approved it, but also opened it"},
		{name: "another person approved the pull request", setting: requiresReview, review: reviewBy("bob")},
		{name: "one person of two approved the pull request", setting: two, review: reviewBy("bob"),
			why: "it has 1 of 2 approvals"},
		{name: "two people approved the pull request", setting: two, review: reviewBy("bob", "cleo")},
		{name: "the forge does not answer", setting: requiresReview, err: errors.New("503"),
			why: "the review of commit commit- is not known: 503"},
		{name: "there is no forge", setting: requiresReview, none: true, why: "no forge is configured"},
		{name: "the commit of the approval lifts the rule", setting: "enabled: true",
			why: "it is not from a pull request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newEnv(t)
			before := test.setting
			if test.setting == "enabled: true" {
				before = requiresReview
			}
			w.Commit(before, people(2))
			w.applyFirst(t)
			w.Commit(before, people(3))
			forge := &reviewForge{}
			if !test.none {
				w.Runner.Review = forge
			}
			digest := w.Apply(reconcile.RunHeld).HeldDigest
			w.Commit(test.setting, people(3)+approve(digest))
			forge.commits = map[string]reconcile.CommitReview{"commit-3": test.review}
			forge.err = test.err
			report := w.applyOnce()
			users := len(w.Sim.State().Users)
			if test.why == "" {
				if users != 3 {
					t.Errorf("AWS has %d users; want 3\n%s", users, reportText(report))
				}
				return
			}
			if users != 2 {
				t.Errorf("AWS has %d users; want 2\n%s", users, reportText(report))
			}
			wantWarning(t, report, test.why)
		})
	}
}

// TestANewKeyOfAnEmptyTenantStillRequiresReviews declares the tenant under another key, without
// `previously` and without the rule. The earlier key owns nothing there.
func TestANewKeyOfAnEmptyTenantStillRequiresReviews(t *testing.T) {
	w := newEnv(t)
	w.Runner.Review = &reviewForge{}
	w.Commit(requiresReview, "")
	w.applyKey(t, "aws", reconcile.RunInSync)
	w.Declare(strings.NewReplacer("provisioners: aws:", "provisioners: aws2:", "PROVISIONER", "enabled: true").
		Replace(reconciletest.BaseCUE), people(1))
	wantSummary(t, w.applyKey(t, "aws2", reconcile.RunHeld), "create-user u1: held by unreviewed")
}
