package run_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// A user or group that was deleted outside roster is held, also if the commit that comes next gives
// it the name of another object.
func TestADeletedObjectWithTheNameOfAnotherIsHeld(t *testing.T) {
	t.Run("a user", func(t *testing.T) {
		w := newEnv(t)
		w.Commit("enabled: true", user("u1", "ann")+user("u2", "ben"))
		w.Apply(reconcile.RunApplied)
		w.deleteUser("ben@example.com")
		w.Commit("enabled: true", user("u1", "ben")+user("u2", "ann"))
		wantSummary(t, w.Apply(reconcile.RunHeld), "rename-user u1: done", "create-user u2: held by vanished")
	})
	t.Run("a group", func(t *testing.T) {
		w := newEnv(t)
		w.Commit("enabled: true", people(1)+group("g1", "Ops", 1, 1)+group("g2", "Dev", 1, 1))
		w.Apply(reconcile.RunApplied)
		w.deleteGroup("Dev")
		w.Commit("enabled: true", people(1)+group("g1", "Dev", 1, 1)+group("g2", "Ops", 1, 1))
		wantSummary(t, w.Apply(reconcile.RunHeld), "rename-group g1: done", "create-group g2: held by vanished",
			"add-member g2 u1: held by dependency")
	})
}
