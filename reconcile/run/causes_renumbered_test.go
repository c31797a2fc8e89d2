package run_test

import (
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestACauseFollowsThePersonAndNotTheKey checks that another key for a person does not make the
// removals of an earlier commit those of a later one, which a looser policy would judge.
func TestACauseFollowsThePersonAndNotTheKey(t *testing.T) {
	const protected, loose = "enabled: true, protect: users: u4: {}", "enabled: true"
	start := func(t *testing.T) (w *env, id string) {
		w = synced(t, protected, fourInG(user("u4", "ann"), "u4"))
		return w, w.remoteUser("ann@example.com").ID
	}
	wantCause := func(t *testing.T, r *reconcile.Report, commit string) {
		t.Helper()
		for i := range r.Changes {
			if c := &r.Changes[i]; c.Kind == reconcile.RemoveMember && len(c.Held()) > 0 && c.Cause.Commit == commit {
				return
			}
		}
		t.Errorf("no removal is held with the cause %s\n%s", commit, reportText(r))
	}
	isMember := func(w *env, id string) bool {
		return slices.Contains(w.Sim.State().Groups[0].Members, id)
	}
	const without3 = "groups: g: {displayName: \"Group\", members: {u1: {}, u2: {}, u3: {}}}\n"

	t.Run("a removal under a new key that is held keeps its cause under the earlier key", func(t *testing.T) {
		w, id := start(t)
		w.Commit(loose, people(3)+renumbered("k4", "u4", "ann")+without3)
		wantTitles(t, w.Apply(reconcile.RunHeld), "commit commit-")
		w.Commit(loose, people(3)+user("u4", "ann")+without3)
		for range 2 {
			wantCause(t, w.Apply(reconcile.RunHeld), "commit-2")
		}
		if !isMember(w, id) {
			t.Error("the person lost the group")
		}
	})
	t.Run("a removal under the earlier key that is held keeps its cause under a new key", func(t *testing.T) {
		w, id := start(t)
		w.Commit(loose, people(3)+user("u4", "ann")+without3)
		w.Apply(reconcile.RunHeld)
		w.Commit(loose, people(3)+renumbered("k4", "u4", "ann")+without3)
		for range 2 {
			wantCause(t, w.Apply(reconcile.RunHeld), "commit-2")
		}
		if !isMember(w, id) {
			t.Error("the person lost the group")
		}
	})
	t.Run("a removal that only a later commit brings is of that commit", func(t *testing.T) {
		w, id := start(t)
		w.Commit(loose, fourInG(renumbered("k4", "u4", "new"), "k4"))
		r := w.Apply(reconcile.RunHeld)
		if !slices.Equal(heldBy(r), []string{"protected", "signInNames"}) || !isMember(w, id) {
			t.Errorf("held by %q; is a member: %v", heldBy(r), isMember(w, id))
		}
		w.Commit(loose, fourInG(user("k4", "new"), "k4")+user("u4", "ann2"))
		w.Apply(reconcile.RunApplied)
		if isMember(w, id) || w.remoteUser("ann2@example.com").ID != id {
			t.Error("the person still has the group or another id")
		}
	})
	t.Run("a removal that was reverted and is made again is of the newer commit", func(t *testing.T) {
		w, id := start(t)
		w.Commit(loose, people(3)+user("u4", "ann")+without3)
		w.Apply(reconcile.RunHeld)
		w.Commit(protected, fourInG(user("u4", "ann"), "u4"))
		w.Apply(reconcile.RunInSync)
		w.Commit(loose, people(3)+user("u4", "ann")+without3)
		wantCause(t, w.Apply(reconcile.RunHeld), "commit-4")
		if !isMember(w, id) {
			t.Error("the person lost the group")
		}
	})
}
