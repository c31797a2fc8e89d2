package run_test

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestDatesThatNobodyReviewedAreHeldWhenTheyPass pushes a commit with a date without a review. The
// commit changes nothing until the date: it must not be the last applied one by then.
func TestDatesThatNobodyReviewedAreHeldWhenTheyPass(t *testing.T) {
	const later = `validFrom: "2026-12-01"` + "\n"
	const dev = "groups: dev: {displayName: \"Dev\", members: {u1: {}, u2: {}}}\n"
	for _, tt := range []struct {
		name           string
		applied, dated string // the dated commit is pushed on the applied one
		reviewed       bool
		want           string
	}{
		{"a new user is valid from a later date", people(2), people(3) + "users: u3: " + later, false,
			"create-user u3: held by unreviewed"},
		{"it was reviewed", people(2), people(3) + "users: u3: " + later, true,
			"create-user u3: done"},
		{"a user who is not valid yet gets a membership",
			people(3) + dev + "users: u3: " + later,
			people(3) + dev + "users: u3: " + later + "groups: dev: members: u3: {}\n", false,
			"add-member dev u3: held by unreviewed"},
		{"a membership ends on a later date", people(2) + dev,
			people(2) + dev + `groups: dev: members: u2: until: "2026-12-01"` + "\n", false,
			"remove-member dev u2: held by unreviewed"},
		{"an end that was reviewed", people(2) + dev,
			people(2) + dev + `groups: dev: members: u2: until: "2026-12-01"` + "\n", true,
			"remove-member dev u2: done"},
		{"a user is valid until a later date", people(2), people(2) + `users: u2: validUntil: "2026-12-01"` + "\n",
			false, "deactivate-user u2: held by unreviewed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(requiresReview, tt.applied)
			w.Commit(requiresReview, tt.dated)
			forge := &reviewForge{}
			w.applyFirst(t)
			forge.merges = []reconcile.ReviewedMerge{{Name: "commit 2", NotReviewedReason: "it was pushed"}}
			if tt.reviewed {
				forge.merges = []reconcile.ReviewedMerge{w.merge(1, 2)}
			}
			w.Runner.Review = forge
			for range 2 {
				r := w.Apply(reconcile.RunInSync)
				warned := strings.Contains(strings.Join(r.Warnings, "\n"), "not reviewed and will be held")
				if warned == tt.reviewed {
					t.Errorf("the run warns of dates that were not reviewed: %v, %q", warned, r.Warnings)
				}
			}
			w.SetNow(w.Now.AddDate(0, 0, 10))
			if lines := strings.Join(summary(w.applyOnce()), "\n"); !strings.Contains(lines, tt.want) {
				t.Errorf("the run did:\n%s\nwant: %s", lines, tt.want)
			}
		})
	}
}
