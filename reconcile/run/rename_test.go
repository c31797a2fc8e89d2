package run_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// renumbered declares a user under another key, with an earlier one.
func renumbered(key, previously, name string) string {
	return user(key, name) + fmt.Sprintf("users: %q: previously: %q: {}\n", key, previously)
}

// fourInG has users u1 to u3 and one more user in group g.
func fourInG(fourth, key string) string {
	return people(3) + fourth + fmt.Sprintf("groups: g: {displayName: \"Group\", members: "+
		"{u1: {}, u2: {}, u3: {}, %q: {}}}\n", key)
}

// remoteUser returns a user of the simulator, who must exist.
func (w *env) remoteUser(userName string) awssim.User {
	w.T.Helper()
	u, ok := w.Sim.State().User(userName)
	if !ok {
		w.T.Fatalf("AWS has no user %s", userName)
	}
	return u
}

// wantOwned checks that the ledger has the user with an id under one key only.
func (w *env) wantOwned(id, key string) {
	w.T.Helper()
	for k, owned := range w.past("aws").Ledger.Users {
		if (owned.ID == id) != (k == key) {
			w.T.Errorf("the ledger has %s under %q; want %s under %q only", owned.ID, k, id, key)
		}
	}
}

func TestARenumberedUserKeepsIdAndMemberships(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", fourInG(user("u4", "ann"), "u4"))
	w.Apply(reconcile.RunApplied)
	before := w.remoteUser("ann@example.com")
	w.Calls()
	w.Commit("enabled: true", fourInG(renumbered("e4", "u4", "ann"), "e4"))
	w.Apply(reconcile.RunApplied)
	if calls := w.Calls(); calls["CreateUser"]+calls["DeleteUser"]+calls["PatchGroup"] > 0 {
		t.Errorf("calls %v, want an update of the user only", calls)
	}
	after := w.remoteUser("ann@example.com")
	if after.ID != before.ID || after.ExternalID != "e4" || !after.Active {
		t.Errorf("the user is %+v, want id %s and externalId e4", after, before.ID)
	}
	if n := len(w.Sim.State().MemberNames("Group")); n != 4 {
		t.Errorf("the group has %d members, want 4", n)
	}
	w.wantOwned(before.ID, "e4")
	w.Apply(reconcile.RunInSync)
}

func TestAUserReturnsUnderAnotherNumberWithTheSameId(t *testing.T) {
	const deleted = "enabled: true, deprovision: {mode: \"deactivate\", deleteAfterDays: 30}"
	w := newEnv(t)
	w.Commit(deleted, fourInG(user("u4", "ann"), "u4"))
	w.Apply(reconcile.RunApplied)
	before := w.remoteUser("ann@example.com")
	w.Commit(deleted, people(3)+group("g", "Group", 1, 3))
	w.Apply(reconcile.RunApplied)
	w.Commit(deleted, fourInG(renumbered("e4", "u4", "ann"), "e4"))
	w.Apply(reconcile.RunApplied)
	after := w.remoteUser("ann@example.com")
	if after.ID != before.ID || !after.Active || after.ExternalID != "e4" {
		t.Errorf("the user is %+v, want an active one with id %s", after, before.ID)
	}
	if owned := w.past("aws").Ledger.Users["e4"]; owned.LeftScopeAt != nil {
		t.Errorf("the user still waits for deletion since %v", owned.LeftScopeAt)
	}
	w.SetNow(w.Now.AddDate(0, 0, 60))
	w.Apply(reconcile.RunInSync)
}

// TestAnotherPersonDoesNotTakeAnId deletes a user in the commit that gives the user's id to another
// person, with other memberships.
func TestAnotherPersonDoesNotTakeAnId(t *testing.T) {
	w := newEnv(t)
	const admins = "groups: admins: {displayName: \"Admins\", members: u1: {}}\n"
	w.Commit("enabled: true", fourInG(user("u4", "ann"), "u4")+admins)
	w.Apply(reconcile.RunApplied)
	before := w.remoteUser("ann@example.com")
	w.Commit("enabled: true", people(3)+renumbered("b1", "u4", "bob")+group("g", "Group", 1, 3)+
		"groups: admins: {displayName: \"Admins\", members: {u1: {}, b1: {}}}\n")
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "rename-user b1: held by signInNames", "add-member admins b1: held by dependency",
		"remove-member g b1: held by dependency")
	after := w.remoteUser("ann@example.com")
	if after.ID != before.ID || after.ExternalID != "u4" || len(w.Sim.State().MemberNames("Admins")) != 1 {
		t.Errorf("the user is %+v, and the group has %v", after, w.Sim.State().MemberNames("Admins"))
	}
	w.wantOwned(before.ID, "u4")
	w.Commit("enabled: true", fourInG(user("u4", "ann"), "u4")+admins)
	w.Apply(reconcile.RunInSync) // the revert changes nobody
}

func TestAnApprovedRenameUpdatesTheLedger(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", fourInG(user("u4", "ann"), "u4"))
	w.Apply(reconcile.RunApplied)
	id := w.remoteUser("ann@example.com").ID
	cue := fourInG(renumbered("e4", "u4", "anna"), "e4")
	w.Commit("enabled: true", cue)
	digest := w.Apply(reconcile.RunHeld).HeldDigest
	w.Commit("enabled: true", cue+approve(digest))
	w.Apply(reconcile.RunApplied)
	if have := w.remoteUser("anna@example.com").ID; have != id {
		t.Errorf("the id is %s, want %s", have, id)
	}
	w.wantOwned(id, "e4")
	w.Apply(reconcile.RunInSync)
}

// TestAnEarlierKeyTakesOnlyOwnUsers names the keys of users who are unmanaged.
func TestAnEarlierKeyTakesOnlyOwnUsers(t *testing.T) {
	for _, adopt := range []string{"never", "match", "take-over"} {
		t.Run("adopt "+adopt, func(t *testing.T) {
			p := fmt.Sprintf("enabled: true, adopt: %q", adopt)
			w := newEnv(t)
			w.Commit(p, people(3))
			w.Apply(reconcile.RunApplied)
			chief := w.makeUser("chief", "x-1")
			w.Commit(p, people(3)+renumbered("e4", "x-1", "eve"))
			w.Apply(reconcile.RunApplied)
			if after := w.remoteUser("chief@example.com"); after.ID != chief || after.ExternalID != "x-1" {
				t.Errorf("the unmanaged user is %+v", after)
			}
			if w.remoteUser("eve@example.com").ID == chief {
				t.Error("the user took the id of an unmanaged one")
			}
		})
	}
}

// TestAnInterruptedRenameIsCompleted cuts the journal at each entry of a run that renames users and
// a group, with and without a report.
func TestAnInterruptedRenameIsCompleted(t *testing.T) {
	for n := 1; n < 8; n++ {
		for _, lost := range []bool{false, true} {
			t.Run(fmt.Sprintf("cut at journal entry %d, report lost is %v", n, lost), func(t *testing.T) {
				w := newEnv(t)
				w.Commit("enabled: true", fourInG(user("u4", "ann"), "u4"))
				w.Apply(reconcile.RunApplied)
				id, groupID := w.remoteUser("ann@example.com").ID, w.groupID("Group")
				cue := strings.Replace(fourInG(renumbered("e4", "u4", "ann"), "e4"), "groups: g: {",
					"groups: h: {previously: g: {}, ", 1)
				w.Commit("enabled: true", cue)
				w.Audit.FailAfterEntries, w.Audit.LoseReport = n, lost
				_, _ = w.Run(true)
				w.Audit.FailAfterEntries, w.Audit.LoseReport = 0, false
				for range 2 {
					w.applyOnce()
				}
				w.Apply(reconcile.RunInSync)
				u := w.remoteUser("ann@example.com")
				if u.ID != id || u.ExternalID != "e4" || w.groupID("Group") != groupID {
					t.Errorf("the user is %+v, want id %s and externalId e4; the group is %s, want %s",
						u, id, w.groupID("Group"), groupID)
				}
				w.wantOwned(id, "e4")
				if owned := w.past("aws").Ledger.Groups; len(owned) != 1 || owned["h"].ID != groupID {
					t.Errorf("the ledger has the groups %v", owned)
				}
			})
		}
	}
}

// TestARenameThatIsNotSentCanBeReverted reverts a commit that renames a user and a group while it
// is held.
func TestARenameThatIsNotSentCanBeReverted(t *testing.T) {
	const protect = "enabled: true, protect: {users: %s: {}, groups: %s: {}}"
	w := newEnv(t)
	before := fourInG(user("u4", "ann"), "u4")
	w.Commit(fmt.Sprintf(protect, "u4", "g"), before)
	w.Apply(reconcile.RunApplied)
	cue := strings.Replace(fourInG(renumbered("e4", "u4", "ann"), "e4"), "groups: g: {",
		"groups: h: {previously: g: {}, ", 1)
	w.Commit(fmt.Sprintf(protect, "e4", "h"), cue)
	w.Apply(reconcile.RunHeld)
	w.Commit(fmt.Sprintf(protect, "u4", "g"), before)
	w.Apply(reconcile.RunInSync)
}
