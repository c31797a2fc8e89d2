package run_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// A user who leaves with deprovision "keep" stays managed while the removal of a membership is
// held. Otherwise the next run would remove an unmanaged member, which gate protected ignores.
func TestAHeldRemovalKeepsAUserManaged(t *testing.T) {
	w := newEnv(t)
	const keep = `enabled: true, deprovision: mode: "keep", `
	w.Commit(keep+`protect: users: u2: {}`, people(2)+group("g", "Group", 1, 2))
	w.Apply(reconcile.RunApplied)
	w.Commit(keep, people(1)+group("g", "Group", 1, 1))
	for range 2 {
		wantSummary(t, w.Apply(reconcile.RunHeld), "remove-member g u2: held by protected")
	}
}
