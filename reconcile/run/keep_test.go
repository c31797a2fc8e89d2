package run_test

import (
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestKeepingLeaversDoesNotPassTheGateOfRemovals changes deprovision to "keep" for users whose
// deactivation is held, or who leave in the same commit. They keep their memberships until the
// removals are approved. Users who leave in a later commit are not held.
func TestKeepingLeaversDoesNotPassTheGateOfRemovals(t *testing.T) {
	const p, keep = `enabled: true, groups: ["g"]`, `enabled: true, groups: ["g"], deprovision: mode: "keep"`
	for name, before := range map[string]func(w *env){
		"while their deactivation is held": func(w *env) {
			w.Commit(p, membersOfG(30))
			w.Apply(reconcile.RunHeld)
		},
		"in the commit with which they leave": func(*env) {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(p, membersOfG(40))
			w.Apply(reconcile.RunApplied)
			before(w)
			w.Commit(keep, membersOfG(30))
			var r *reconcile.Report
			for range 2 {
				r = w.Apply(reconcile.RunHeld)
				n := len(w.Sim.State().MemberNames("Group"))
				if n != 40 || !slices.Equal(heldBy(r), []string{"deprovision"}) {
					t.Fatalf("%d members, held by %v\n%s", n, heldBy(r), reportText(r))
				}
			}
			w.Commit(keep, membersOfG(30)+approve(r.HeldDigest))
			w.Apply(reconcile.RunApplied)
			w.Commit(keep, membersOfG(23))
			w.Apply(reconcile.RunApplied)
			if n := len(w.Sim.State().MemberNames("Group")); n != 23 {
				t.Errorf("%d members, want 23", n)
			}
		})
	}
}
