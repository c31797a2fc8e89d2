package run_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestAGroupIsEmptiedAndRenamedInOneCommit has a server that does not allow one request to remove
// all members of a group.
func TestAGroupIsEmptiedAndRenamedInOneCommit(t *testing.T) {
	w := newEnv(t)
	w.Sim.Options.RemoveAllMembers = false
	const provisioner = `enabled: true, limits: memberRemovals: {off: true, reason: "a test"}`
	w.Commit(provisioner, people(3)+group("g", "Group", 1, 3))
	w.Apply(reconcile.RunApplied)
	w.Commit(provisioner, people(3)+"groups: g: displayName: \"Empty\"\n")
	w.Apply(reconcile.RunApplied)
	st := w.Sim.State()
	if len(st.Groups) != 1 || st.Groups[0].DisplayName != "Empty" || len(st.Groups[0].Members) != 0 {
		t.Errorf("the groups are %+v", st.Groups)
	}
	w.Apply(reconcile.RunInSync)
}
