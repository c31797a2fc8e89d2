package run_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// editUser changes a user in AWS, as an administrator does.
func (w *env) editUser(userName string, edit func(*awssim.User)) {
	w.T.Helper()
	u := w.remoteUser(userName)
	edit(&u)
	if _, err := w.Sim.PutUser(u); err != nil {
		w.T.Fatal(err)
	}
}

func (w *env) renameGroup(from, to string) {
	w.T.Helper()
	g, _ := w.Sim.State().Group(from)
	g.DisplayName = to
	if _, err := w.Sim.PutGroup(g); err != nil {
		w.T.Fatal(err)
	}
}

// Each row is something that a person did in AWS by hand, and what the plan makes of it: its
// changes and the notices that name it. u1 to u6 are active members of group g, u7 is declared
// inactive, and u8 has left the scope and is inactive.
func TestManualChangesInAWSAreNamed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		do      func(*env)
		outcome reconcile.Outcome
		changes []string
		notices []string // without "outside roster, "
	}{
		{
			"a user is deleted", func(w *env) { w.deleteUser("name3@example.com") }, reconcile.RunHeld,
			[]string{"create-user u3: held by vanished", "add-member g u3: held by dependency"},
			[]string{
				`user u3 was deleted in AWS, with its memberships and account assignments: ` +
					"roster will create a new user with another id only with an approval (gate vanished)",
			},
		},
		{
			"a user is deactivated", func(w *env) { w.switchOff("name3@example.com") }, reconcile.RunHeld,
			[]string{"activate-user u3: held by switchedOff"},
			[]string{`user u3 was deactivated in AWS: ` +
				"roster will activate the user again only with an approval (gate switchedOff)"},
		},
		{
			"a sign-in name is changed", func(w *env) {
				w.editUser("name3@example.com", func(u *awssim.User) { u.UserName = "other@example.com" })
			}, reconcile.RunApplied,
			[]string{"rename-user u3: done"},
			[]string{`the sign-in name of user u3 was changed in AWS: ` +
				"roster will restore the declared name"},
		},
		{
			"another value is changed", func(w *env) {
				w.editUser("name3@example.com", func(u *awssim.User) { u.DisplayName = "Another Name" })
			}, reconcile.RunApplied,
			[]string{"update-user u3: done"},
			[]string{`user u3 was changed in AWS: roster will restore the declared values`},
		},
		{
			"an inactive user is activated", func(w *env) {
				w.editUser("name7@example.com", func(u *awssim.User) { u.Active = true })
			}, reconcile.RunApplied,
			[]string{"deactivate-user u7: done"},
			[]string{`user u7 was activated in AWS: roster will deactivate the user again`},
		},
		{
			"an inactive user is deleted", func(w *env) { w.deleteUser("name7@example.com") },
			reconcile.RunInSync,
			nil, nil,
		},
		{
			"a user who left is activated", func(w *env) {
				w.editUser("name8@example.com", func(u *awssim.User) { u.Active = true })
			}, reconcile.RunApplied,
			[]string{"deactivate-user u8: done"},
			[]string{`user u8 was activated in AWS: roster will deactivate the user again`},
		},
		{
			"a user who left is added to a group", func(w *env) { w.member("Group", "name8", true) },
			reconcile.RunApplied,
			[]string{"remove-member g u8: done"},
			[]string{`u8 in group g was added in AWS: roster will remove the member`},
		},
		{
			"a user who left is deleted", func(w *env) { w.deleteUser("name8@example.com") },
			reconcile.RunWaiting,
			nil, nil,
		},
		{
			"a group is deleted", func(w *env) { w.deleteGroup("Group") }, reconcile.RunHeld,
			[]string{
				"create-group g: held by vanished", "add-member g u1: held by dependency",
				"add-member g u2: held by dependency", "add-member g u3: held by dependency",
				"add-member g u4: held by dependency", "add-member g u5: held by dependency",
				"add-member g u6: held by dependency",
			},
			[]string{`group g was deleted in AWS, with its account assignments: ` +
				"roster will create a new group without the assignments only with an approval (gate vanished)"},
		},
		{
			"a group is renamed", func(w *env) { w.renameGroup("Group", "Other") }, reconcile.RunApplied,
			[]string{"rename-group g: done"},
			[]string{`group g was renamed in AWS: roster will restore the declared name`},
		},
		{
			"a member is removed", func(w *env) { w.member("Group", "name3", false) }, reconcile.RunApplied,
			[]string{"add-member g u3: done"},
			[]string{`u3 in group g was removed in AWS: roster will add the member again`},
		},
		{
			"a member is added", func(w *env) {
				w.makeUser("guest", "")
				w.member("Group", "guest", true)
			}, reconcile.RunApplied,
			[]string{"remove-member g #ID: done"},
			[]string{`an unmanaged user in group g was added in AWS: roster will remove the member`},
		},
		{
			"a member is moved to another group", func(w *env) {
				w.member("Group", "name3", false)
				w.member("Helpers", "name3", true)
			}, reconcile.RunApplied,
			[]string{"add-member g u3: done", "remove-member h u3: done"},
			[]string{
				`u3 in group g was removed in AWS: roster will add the member again`,
				`u3 in group h was added in AWS: roster will remove the member`,
			},
		},
		{
			"an unmanaged user is deactivated", func(w *env) {
				w.makeUser("guest", "", func(u *awssim.User) { u.Active = false })
			}, reconcile.RunInSync,
			nil, nil,
		},
		{
			"four users are deactivated", func(w *env) {
				for _, name := range []string{"name1", "name2", "name3", "name4"} {
					w.switchOff(name + "@example.com")
				}
			}, reconcile.RunHeld,
			[]string{
				"activate-user u1: held by switchedOff", "activate-user u2: held by switchedOff",
				"activate-user u3: held by switchedOff", "activate-user u4: held by switchedOff",
			},
			[]string{`users u1, u2, u3 and 1 more ` +
				"were deactivated in AWS: " +
				"roster will activate the user again only with an approval (gate switchedOff)"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			groups := group("g", "Group", 1, 6) + group("h", "Helpers", 1, 2)
			w.Commit("enabled: true", people(8)+groups)
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", people(7)+"users: u7: state: \"INACTIVE\"\n"+groups)
			w.Apply(reconcile.RunApplied)
			tt.do(w)
			r := w.applyOnce()
			if r.Outcome != tt.outcome {
				t.Errorf("the run is %s, want %s", r.Outcome, tt.outcome)
			}
			var changes, notices []string
			for _, line := range summary(r) {
				if before, rest, unmanaged := strings.Cut(line, "#"); unmanaged {
					_, result, _ := strings.Cut(rest, ":")
					line = before + "#ID:" + result
				}
				changes = append(changes, line)
			}
			for _, n := range r.Warnings {
				if text, ok := strings.CutPrefix(n, "outside roster, "); ok {
					notices = append(notices, text)
				}
			}
			if !slices.Equal(changes, tt.changes) {
				t.Errorf("the changes are\n  %s\nwant\n  %s", strings.Join(changes, "\n  "),
					strings.Join(tt.changes, "\n  "))
			}
			if !slices.Equal(notices, tt.notices) {
				t.Errorf("the notices are\n  %s\nwant\n  %s", strings.Join(notices, "\n  "),
					strings.Join(tt.notices, "\n  "))
			}
		})
	}
}
