package run_test

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// switchOff deactivates a user in AWS, as an administrator does.
func (w *env) switchOff(userName string) {
	w.T.Helper()
	u := w.remoteUser(userName)
	u.Active = false
	if _, err := w.Sim.PutUser(u); err != nil {
		w.T.Fatal(err)
	}
}

func locked(key string) string { return "users: " + key + ": state: \"LOCKED\"\n" }

func TestAUserWhomAnAdministratorDeactivatedStaysInactive(t *testing.T) {
	w := newEnv(t)
	cue := people(8) + group("g", "Group", 1, 8)
	w.Commit("enabled: true", cue)
	w.Apply(reconcile.RunApplied)
	w.switchOff("name3@example.com")
	for range 2 {
		r := w.Apply(reconcile.RunHeld)
		wantSummary(t, r, "activate-user u3: held by switchedOff")
		if r.Changes[0].Origin != reconcile.Drift || r.Changes[0].Reason.Text != "deactivated outside" {
			t.Errorf("origin %q, reason %q", r.Changes[0].Origin, r.Changes[0].Reason.Text)
		}
	}
	// The other changes of the user go on, and the commit counts as applied.
	cue = strings.Replace(cue, `firstName: "name3"`, `firstName: "Ann"`, 1) +
		"groups: h: {displayName: \"Half\", members: u3: {}}\n"
	w.Commit("enabled: true", cue)
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "update-user u3: done", "activate-user u3: held by switchedOff", "create-group h: done",
		"add-member h u3: done")
	if last := w.past("aws").Status.LastApplied.Commit; last != "commit-2" {
		t.Errorf("%s was last applied, want commit-2", last)
	}
	if u := w.remoteUser("name3@example.com"); u.Active || u.Name.GivenName != "Ann" {
		t.Errorf("the user is %+v, want an inactive one called Ann", u)
	}
	w.Commit("enabled: true", cue+approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	if u := w.remoteUser("name3@example.com"); !u.Active {
		t.Error("the approved user is inactive")
	}
	w.switchOff("name3@example.com") // the approval does not count again
	w.Apply(reconcile.RunHeld)
}

// TestUsersWhomRosterDeactivatedAreActivated declares users LOCKED, and active in a later commit.
func TestUsersWhomRosterDeactivatedAreActivated(t *testing.T) {
	cue := people(8) + group("g", "Group", 1, 8)
	t.Run("by a complete commit", func(t *testing.T) {
		w := newEnv(t)
		for _, more := range []string{"", locked("u3"), ""} {
			w.Commit("enabled: true", cue+more)
			w.Apply(reconcile.RunApplied)
		}
		w.Apply(reconcile.RunInSync)
	})
	t.Run("by a commit that other changes keep incomplete", func(t *testing.T) {
		w := newEnv(t)
		const half = "groups: h: {displayName: \"Half\", members: u1: {}}\n"
		w.Commit("enabled: true", cue+half)
		w.Apply(reconcile.RunApplied)
		w.Commit("enabled: true", cue+locked("u3")) // the deletion of the group is held
		w.Apply(reconcile.RunHeld)
		w.Commit("enabled: true", cue)
		r := w.Apply(reconcile.RunHeld)
		wantSummary(t, r, "activate-user u3: done", "delete-group h: held by groupDeletes")
	})
	t.Run("by a run that was interrupted", func(t *testing.T) {
		w := newEnv(t)
		w.Commit("enabled: true", cue)
		w.Apply(reconcile.RunApplied)
		w.Commit("enabled: true", cue+locked("u3"))
		w.Audit.FailAfterEntries, w.Audit.LoseReport = 2, true
		_, _ = w.Run(true)
		w.Audit.FailAfterEntries, w.Audit.LoseReport = 0, false
		w.Commit("enabled: true", cue)
		w.Apply(reconcile.RunApplied)
		if u := w.remoteUser("name3@example.com"); !u.Active {
			t.Error("the user is inactive")
		}
	})
	t.Run("by a write without an answer", func(t *testing.T) {
		w := newEnv(t)
		w.Commit("enabled: true", cue)
		w.Apply(reconcile.RunApplied)
		w.Commit("enabled: true", cue+locked("u3"))
		fault := awssim.Fault{Name: awssim.FaultReplyLost, Operation: "PatchUser", Nth: 1, Times: 30}
		if err := w.Sim.Inject(fault); err != nil {
			t.Fatal(err)
		}
		w.Apply(reconcile.RunPartial)
		w.Sim.ClearFaults()
		if w.remoteUser("name3@example.com").Active {
			t.Fatal("the lost write had no effect")
		}
		w.Commit("enabled: true", cue)
		w.Apply(reconcile.RunApplied)
	})
	t.Run("after the user left the scope and returned inactive", func(t *testing.T) {
		const p = "enabled: true, deprovision: {mode: \"deactivate\", deleteAfterDays: 30}"
		w := newEnv(t)
		w.Commit(p, cue)
		w.Apply(reconcile.RunApplied)
		w.Commit(p, people(7)+group("g", "Group", 1, 7))
		w.Apply(reconcile.RunApplied)
		w.Commit(p, cue+locked("u8"))
		w.applyOnce()
		w.SetNow(w.Now.AddDate(0, 0, 60))
		w.Commit(p, people(7)+group("g", "Group", 1, 7)) // the wait for the deletion begins now
		w.applyOnce()
		w.remoteUser("name8@example.com")
		w.Commit(p, cue)
		w.Apply(reconcile.RunApplied)
		if !w.remoteUser("name8@example.com").Active {
			t.Error("the user is inactive")
		}
	})
}

// TestADeletedUserIsCreatedAgainOnlyWithAnApproval deletes users in AWS: an active one, and one who
// becomes active later.
func TestADeletedUserIsCreatedAgainOnlyWithAnApproval(t *testing.T) {
	w := newEnv(t)
	cue := people(8) + group("g", "Group", 1, 8)
	w.Commit("enabled: true", cue)
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", cue+locked("u4"))
	w.Apply(reconcile.RunApplied)
	w.deleteUser("name3@example.com")
	w.deleteUser("name4@example.com")
	w.applyOnce()
	w.Commit("enabled: true", cue)
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "create-user u3: held by vanished", "create-user u4: held by vanished",
		"add-member g u3: held by dependency", "add-member g u4: held by dependency")
	w.Commit("enabled: true", cue+approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	w.Apply(reconcile.RunInSync)
	if n := len(w.Sim.State().MemberNames("Group")); n != 8 {
		t.Errorf("the group has %d members, want 8", n)
	}
}
