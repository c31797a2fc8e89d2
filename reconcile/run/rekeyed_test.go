package run_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestAUserWithAnotherKeyWithoutPreviouslyKeepsAccess declares a user under another key, and
// forgets `previously`. AWS must be as before, and the report must say what to declare.
func TestAUserWithAnotherKeyWithoutPreviouslyKeepsAccess(t *testing.T) {
	const before = "users: %q: {userId: \"ann\", firstName: \"ann\", lastName: \"Test\", email: \"ann@example.com\"}\n"
	for _, tt := range []struct{ name, key, email, policy string }{
		{"another number", "e4", "ann@example.com", ""},
		{"another number, with an address in another case", "e4", "Ann@Example.com", ""},
		{"another number, and leavers are deleted", "e4", "ann@example.com", ", deprovision: mode: \"delete\""},
		{"another number, and leavers are kept", "e4", "ann@example.com", ", deprovision: mode: \"keep\""},
		{"the key in another case", "U4", "ann@example.com", ""},
		{"the key in another case, with another address", "U4", "anna@example.com", ""},
		{"the key in another case, with another address, and leavers are deleted", "U4", "anna@example.com",
			", deprovision: mode: \"delete\""},
		{"another number, with the gates of names off", "e4", "ann@example.com",
			", limits: signInNames: {off: true, reason: \"test\"}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true"+tt.policy, fourInG(strings.Replace(before, "%q", "u4", 1), "u4"))
			w.Apply(reconcile.RunApplied)
			ann := w.remoteUser("ann@example.com")
			w.Calls()
			as := strings.NewReplacer("%q", tt.key, "ann@example.com", tt.email).Replace(before)
			w.Commit("enabled: true"+tt.policy, fourInG(as, tt.key))
			r := w.Apply(reconcile.RunHeld)
			for range 2 {
				w.Apply(reconcile.RunHeld)
			}
			state := w.Sim.State()
			if after := w.remoteUser("ann@example.com"); !reflect.DeepEqual(after, ann) ||
				len(state.MemberNames("Group")) != 4 || len(state.Users) != 4 {
				t.Errorf("the user is %+v, want %+v; the group has %v", after, ann, state.MemberNames("Group"))
			}
			w.wantOwned(ann.ID, "u4")
			if line := "users: \"" + tt.key + "\": previously: \"u4\": {}"; !strings.Contains(reportText(r), line) {
				t.Errorf("the report does not contain %q:\n%s", line, reportText(r))
			}
			declared := fourInG(as+"users: \""+tt.key+"\": previously: \"u4\": {}\n", tt.key)
			w.Commit("enabled: true"+tt.policy, declared)
			if r = w.applyOnce(); r.Outcome == reconcile.RunHeld { // the address changed with the key
				w.Commit("enabled: true"+tt.policy, declared+approve(r.HeldDigest))
				w.Apply(reconcile.RunApplied)
			}
			after, members := w.remoteUser(tt.email), w.Sim.State().MemberNames("Group")
			if after.ID != ann.ID || !after.Active || len(members) != 4 {
				t.Errorf("the user is %+v, want id %s; the group has %v", after, ann.ID, members)
			}
			w.wantOwned(ann.ID, tt.key)
			w.Apply(reconcile.RunInSync)
		})
	}
}

// TestAnotherPersonWithTheNameOfALeaver approves each of the steps: the leaver is deactivated, then
// deleted, and the new user has another id.
func TestAnotherPersonWithTheNameOfALeaver(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", fourInG(user("u4", "ann"), "u4"))
	w.Apply(reconcile.RunApplied)
	old := w.remoteUser("ann@example.com").ID
	cue := fourInG(user("e4", "ann"), "e4")
	w.Commit("enabled: true", cue)
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "create-user e4: held by nameTaken!", "add-member g e4: held by dependency!",
		"deactivate-user u4: held by nameTaken", "remove-member g u4: held by nameTaken")
	w.Commit("enabled: true", cue+approve(r.HeldDigest))
	w.Apply(reconcile.RunHeld)
	if w.remoteUser("ann@example.com").Active {
		t.Error("the leaver is still active")
	}
	r = w.Apply(reconcile.RunHeld)
	w.Commit("enabled: true", cue+approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	if id := w.remoteUser("ann@example.com").ID; id == old || len(w.Sim.State().MemberNames("Group")) != 4 {
		t.Errorf("the id is %s, that of the leaver was %s; the group has %v", id, old,
			w.Sim.State().MemberNames("Group"))
	}
	w.Apply(reconcile.RunInSync)
}

// TestAUserWithTwoEarlierKeysTakesAccessFromNobody declares one user instead of two.
func TestAUserWithTwoEarlierKeysTakesAccessFromNobody(t *testing.T) {
	for _, mode := range []string{"deactivate", "delete", "keep"} {
		t.Run(mode, func(t *testing.T) {
			p := "enabled: true, deprovision: mode: \"" + mode + "\""
			w := newEnv(t)
			w.Commit(p, people(4)+group("g", "Group", 1, 4))
			w.Apply(reconcile.RunApplied)
			before := w.Sim.State()
			w.Commit(p, people(2)+user("e3", "name3")+"users: e3: previously: {u3: {}, u4: {}}\n"+
				"groups: g: {displayName: \"Group\", members: {u1: {}, u2: {}, e3: {}}}\n")
			for range 2 {
				r := w.Apply(reconcile.RunHeld)
				if text := reportText(r); !strings.Contains(text, `"u4" is an earlier key of "e3"`) {
					t.Errorf("the report does not name the two keys:\n%s", text)
				}
			}
			for _, u := range before.Users {
				if after := w.remoteUser(u.UserName); !reflect.DeepEqual(after, u) {
					t.Errorf("%s is %+v, was %+v", u.UserName, after, u)
				}
			}
			if n := len(w.Sim.State().MemberNames("Group")); n != 4 {
				t.Errorf("the group has %d members, want 4", n)
			}
		})
	}
}

// TestAGroupWithAnotherKeyInAnotherCase declares a group under a key that differs in case only.
func TestAGroupWithAnotherKeyInAnotherCase(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(3)+group("g", "Group", 1, 3)+group("h", "Half", 1, 2))
	w.Apply(reconcile.RunApplied)
	id := w.groupID("Half")
	w.Commit("enabled: true", people(3)+group("g", "Group", 1, 3)+group("H", "Other", 1, 2))
	wantSummary(t, w.Apply(reconcile.RunHeld), "delete-group h: held by groupDeletes",
		"create-group H: held by dependency", "add-member H u1: held by dependency",
		"add-member H u2: held by dependency")
	if w.groupID("Half") != id {
		t.Error("the group has another id")
	}
}

// TestALeaverWhoIsStillDeclaredHasNoOtherKey gives the address of a user who leaves the scope, and
// is still declared, to a new user.
func TestALeaverWhoIsStillDeclaredHasNoOtherKey(t *testing.T) {
	const p = "enabled: true, groups: [\"g\"]"
	w := newEnv(t)
	w.Commit(p, fourInG(user("u4", "ann"), "u4"))
	w.Apply(reconcile.RunApplied)
	w.Commit(p, fourInG(user("e4", "ann"), "e4")+user("u4", "anna"))
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "create-user e4: held by nameTaken!", "add-member g e4: held by dependency!",
		"deactivate-user u4: done", "remove-member g u4: done")
	if strings.Contains(reportText(r), "previously") {
		t.Errorf("the report proposes what check refuses:\n%s", reportText(r))
	}
}
