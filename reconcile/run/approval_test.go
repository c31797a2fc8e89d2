package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// selectsG is the provisioner of the tests of approvals.
const selectsG = "enabled: true, groups: [\"g\"]"

// membersOfG declares 40 users, and group g with the first n of them.
func membersOfG(n int) string { return people(40) + group("g", "Group", 1, n) }

// heldRemovals returns an environment in which a gate holds that eight users leave, and the held
// digest.
func heldRemovals(t *testing.T) (*env, string) {
	w := newEnv(t)
	w.Commit(selectsG, membersOfG(40))
	w.Apply(reconcile.RunApplied)
	w.Commit(selectsG, membersOfG(32))
	return w, w.Apply(reconcile.RunHeld).HeldDigest
}

// TestApprovals checks what an approval releases.
func TestApprovals(t *testing.T) {
	t.Run("a part of the set that was printed passes", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(34)+approve(digest)) // two have come back since
		r := w.Apply(reconcile.RunApplied)
		if r.Counts.Done != 12 {
			t.Errorf("%d changes were made, want 6 users and their memberships\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("more than what was printed stays held", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(31)+approve(digest))
		r := w.Apply(reconcile.RunHeld)
		if r.Counts.Done != 16 || r.Counts.Held != 2 {
			t.Errorf("%d done and %d held, want 16 and 2\n%s", r.Counts.Done, r.Counts.Held, reportText(r))
		}
	})
	t.Run("without the report only the exact set passes", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Audit.LoseHeldReports = true
		w.Commit(selectsG, membersOfG(34)+approve(digest))
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Apply(reconcile.RunApplied)
	})
	t.Run("a report on a broken branch does not count", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Audit.Trust = brokenAt("1111111")
		w.Commit(selectsG, membersOfG(34)+approve(digest))
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
	})
}

// TestApprovalsEnd checks for how long an approval counts.
func TestApprovalsEnd(t *testing.T) {
	t.Run("it passes once", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Apply(reconcile.RunApplied)
		w.Now = w.Now.Add(48 * time.Hour)
		w.Commit(selectsG+", limits: activations: min: 8", membersOfG(40)+approve(digest))
		w.Apply(reconcile.RunApplied)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		if r := w.Apply(reconcile.RunHeld); !slices.ContainsFunc(r.Warnings,
			func(s string) bool { return strings.Contains(s, "was used at") }) {
			t.Errorf("no warning that the approval was used: %q", r.Warnings)
		}
	})
	t.Run("it is over on its last day", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG,
			membersOfG(32)+fmt.Sprintf("approvals: %q: {reason: \"expected\", expires: \"2026-11-23\"}\n", digest))
		w.Apply(reconcile.RunHeld)
	})
	t.Run("a long approval counts for 24 hours after it was first seen", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG+", paused: {reason: \"a move\", until: \"2026-11-25\"}", membersOfG(32)+approve(digest))
		r := w.applyOnce()
		if !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "counts only until") }) {
			t.Errorf("nothing warns: %q", r.Warnings)
		}
		w.Now = w.Now.Add(40 * time.Hour)
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("what an interrupted run left of it may still be done", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Audit.FailAfterEntries = 4
		if _, err := w.Run(true); err == nil {
			t.Fatal("the run did not notice")
		}
		w.Audit.FailAfterEntries = 0
		w.Apply(reconcile.RunApplied)
		w.Apply(reconcile.RunInSync)
	})
}
