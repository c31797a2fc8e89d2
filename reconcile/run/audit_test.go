package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// brokenAt is the trust in an audit branch that was found broken at a head.
func brokenAt(head string) reconcile.AuditTrust {
	return reconcile.AuditTrust{Level: reconcile.TrustBroken, Reason: "the status was changed", Break: head}
}

func releaseAudit(head, expires string) string {
	return fmt.Sprintf("approvals: %q: {reason: \"restored\", expires: %q}\n", "audit:"+head, expires)
}

// TestABrokenAuditBranchHoldsEverythingUntilItsOwnApproval checks which approval releases gate
// audit.
func TestABrokenAuditBranchHoldsEverythingUntilItsOwnApproval(t *testing.T) {
	begin := func(t *testing.T) *env {
		w := newEnv(t)
		w.Commit(selectsGroups, twoGroups(10, 2))
		w.Apply(reconcile.RunApplied)
		w.Audit.Trust = brokenAt("1111111")
		w.Commit(selectsGroups, twoGroups(10, 3))
		return w
	}
	t.Run("nothing is sent, and the run is held even if there is nothing to do", func(t *testing.T) {
		w := begin(t)
		r := w.Apply(reconcile.RunHeld)
		if r.Counts.Done > 0 || !slices.Equal(heldBy(r), []string{"audit"}) || r.Audit.Break != "1111111" {
			t.Errorf("%s", reportText(r))
		}
		const release = `approvals: "audit:1111111": {reason: "...", expires: "2026-11-25"}`
		if text := reportText(r); !strings.Contains(text, release) || strings.Contains(text, "cannot release") {
			t.Errorf("the report says\n%s", text)
		}
		w.Commit(selectsGroups, twoGroups(10, 2))
		if r := w.Apply(reconcile.RunHeld); len(r.Changes) > 0 {
			t.Errorf("%s", reportText(r))
		}
	})
	for _, tt := range []struct{ name, approvals string }{
		{"of the held digest", ""},
		{"of another head", releaseAudit("2222222", "2026-12-31")},
		{"that has expired", releaseAudit("1111111", "2026-11-23")},
		{"of a branch that is gone", releaseAudit("gone", "2026-12-31")},
	} {
		t.Run("an approval "+tt.name+" releases nothing", func(t *testing.T) {
			w := begin(t)
			r := w.Apply(reconcile.RunHeld)
			if tt.approvals == "" {
				tt.approvals = approve(r.Digest) // nothing is held that a digest releases
			}
			w.Commit(selectsGroups, twoGroups(10, 3)+tt.approvals)
			if r := w.Apply(reconcile.RunHeld); r.Counts.Done > 0 {
				t.Errorf("%s", reportText(r))
			}
		})
	}
	t.Run("the approval of the head releases it once", func(t *testing.T) {
		w := begin(t)
		w.Apply(reconcile.RunHeld)
		w.Commit(selectsGroups, twoGroups(10, 3)+releaseAudit("1111111", "2026-12-31"))
		r := w.Apply(reconcile.RunApplied)
		if len(r.Approvals) != 1 || !r.Audit.Released || r.Counts.Held > 0 {
			t.Errorf("%s", reportText(r))
		}
		w.SetNow(w.Now.Add(time.Minute))
		w.Audit.Trust = brokenAt("1111111")
		w.Commit(selectsGroups, twoGroups(10, 4)+releaseAudit("1111111", "2026-12-31"))
		w.Apply(reconcile.RunHeld)
	})
}
