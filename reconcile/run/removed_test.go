package run_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
)

// undeclare adds a commit that declares the users but no provisioner.
func (w *env) undeclare(cue string) {
	w.Declare(strings.SplitAfter(reconciletest.BaseCUE, "apps: app:")[0]+" displayName: \"AWS\"\n", cue)
}

// TestARemovedProvisioner deprovisions its users after approval, and keeps its groups.
func TestARemovedProvisioner(t *testing.T) {
	w := newEnv(t)
	cue := people(3) + group("g", "Group", 1, 3)
	w.Commit("enabled: true\n\tdeprovision: {mode: \"deactivate\", deleteAfterDays: 30}", cue)
	w.Apply(reconcile.RunApplied)
	zoe := w.makeUser("zoe", "")
	if err := w.Sim.AddMember(w.groupID("Group"), zoe); err != nil {
		t.Fatal(err)
	}
	removed := func(want int) {
		t.Helper()
		list, err := w.Runner.Removed(t.Context(), w.Commits[len(w.Commits)-1])
		if err != nil || len(list) != want {
			t.Fatalf("removed are %v (%v), want %d", list, err, want)
		}
	}
	removed(0)
	w.undeclare(cue)
	removed(1)
	r := w.Apply(reconcile.RunHeld)
	if !slices.Equal(heldBy(r), []string{"removed"}) || r.Counts.Held != 6 {
		t.Fatalf("held by %v\n%s", heldBy(r), reportText(r))
	}
	w.undeclare(cue + approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	st := w.Sim.State()
	for _, u := range st.Users {
		if u.Active != (u.ID == zoe) {
			t.Errorf("%s is active: %v", u.UserName, u.Active)
		}
	}
	if names := st.MemberNames("Group"); !slices.Equal(names, []string{"zoe@example.com"}) {
		t.Errorf("the group has %v, want the unmanaged member", names)
	}
	removed(1) // people wait for their deletion
	w.SetNow(w.Now.AddDate(0, 0, 31))
	r = w.Apply(reconcile.RunHeld) // needs approval, too
	w.undeclare(cue + approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	if n := len(w.Sim.State().Users); n != 1 {
		t.Errorf("%d users are left, want zoe alone", n)
	}
	removed(0)
	w.Commit("enabled: true", cue)
	w.Apply(reconcile.RunApplied)
	removed(0)
}

// TestAnUnknownRemovedProvisioner is reported, and does not affect others.
func TestAnUnknownRemovedProvisioner(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(3))
	w.Apply(reconcile.RunApplied)
	w.undeclare(people(3))
	now := w.Commits[1]
	w.Commits = nil // a force-push has lost what declared it
	list, err := w.Runner.Removed(t.Context(), now)
	if list == nil || len(list) > 0 || err == nil || !strings.Contains(err.Error(),
		"which last declared it, cannot be read") {
		t.Errorf("removed are %v, and the error is %v", list, err)
	}
}
