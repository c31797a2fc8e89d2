package run_test

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestALeaverWhoWasInactiveIsDatedOnAMachineWithoutARecord removes a user whom roster deactivated
// before, on a machine that lost its state directory. No call is needed, but the ledger must say
// that the user has left: otherwise the user is never deleted, and the name is never free.
func TestALeaverWhoWasInactiveIsDatedOnAMachineWithoutARecord(t *testing.T) {
	w := newEnv(t)
	fields := `enabled: true, deprovision: deleteAfterDays: 30`
	w.Commit(fields, people(3))
	w.Apply(reconcile.RunApplied)
	w.Commit(fields, people(2)+strings.Replace(user("u3", "name3"), "email:", `state: "INACTIVE", email:`, 1))
	w.Apply(reconcile.RunApplied)
	w.Audit.ForgetProofs("aws")
	w.Commit(fields, people(2))
	w.applyOnce()
	w.applyOnce()
	if owned := w.past("aws").Ledger.Users["u3"]; owned.LeftScopeAt == nil {
		t.Errorf("the ledger has %+v, want the date on which the user left", owned)
	}
	w.Commit(fields, people(2)+user("u9", "name3"))
	wantSummary(t, w.applyOnce(), "delete-user u3: held by nameTaken", "create-user u9: held by dependency")
	w.Commit(fields, people(2))
	w.applyOnce()
	w.Now = w.Now.AddDate(0, 0, 31)
	wantSummary(t, w.applyOnce(), "delete-user u3: done")
}
