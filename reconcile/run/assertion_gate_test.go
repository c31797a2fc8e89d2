package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

const (
	assertsGK     = "enabled: true, groups: [\"g\", \"k\"]"
	exclusive     = "assertions: sod: {disjoint: [\"g\", \"k\"], reason: \"duties\"}\n"
	atLeastTwo    = "assertions: two: atLeast: {group: \"g\", active: 2}\n"
	onlyNameThree = "assertions: admins: only: " +
		"{attribute: \"userName\", pattern: \"^admin\", where: userId: \"name3\"}\n"
)

// gk declares four users; u1 to u3 are in group g, u4 is in group k.
func gk() string { return people(4) + group("g", "Group", 1, 3) + group("k", "Kin", 4, 4) }

// rekeyed gives user u1 the key u9.
func rekeyed(cue string) string {
	return strings.NewReplacer(`users: "u1": {`, `users: u9: {previously: "u1": {}, `, `u1: {}`, `u9: {}`).Replace(cue)
}

// activeMembers returns the userNames of the active members of a group in AWS, without the domain.
func (w *env) activeMembers(displayName string) []string {
	w.T.Helper()
	state := w.Sim.State()
	var out []string
	g, _ := state.Group(displayName)
	for _, id := range g.Members {
		for _, u := range state.Users {
			if u.ID == id && u.Active {
				out = append(out, strings.TrimSuffix(u.UserName, "@example.com"))
			}
		}
	}
	slices.Sort(out)
	return out
}

func (w *env) wantMembers(displayName string, want ...string) {
	w.T.Helper()
	if have := w.activeMembers(displayName); !slices.Equal(have, want) {
		w.T.Errorf("the active members of %q in AWS are %q, want %q", displayName, have, want)
	}
}

func TestACommitThatRemovesAnAssertionAndViolatesItIsHeld(t *testing.T) {
	w := synced(t, assertsGK, gk()+exclusive)
	w.Commit(assertsGK, gk()+"groups: k: members: u1: {}\n")
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "add-member k u1: held by assertions")
	if !slices.Equal(loosened(r), []string{"assertions.sod"}) || len(r.Violations) != 1 || !r.Violations[0].Loosened {
		t.Errorf("loosened are %q, violations %v", loosened(r), r.Violations)
	}
	if text := fmt.Sprint(r.Violations); !strings.Contains(text, "before the commit loosened it") {
		t.Errorf("the violation is %s", text)
	}
	w.Apply(reconcile.RunHeld)
	w.wantMembers("Kin", "name4")
	w.Commit(assertsGK, gk()+"groups: k: members: u1: {}\n"+approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	w.wantMembers("Kin", "name1", "name4")
}

func TestAViolationAfterAReportNamedTheRemovedAssertionIsApplied(t *testing.T) {
	w := synced(t, assertsGK, gk()+exclusive)
	w.Commit(assertsGK, gk())
	w.Apply(reconcile.RunInSync)
	w.Commit(assertsGK, gk()+"groups: k: members: u1: {}\n")
	w.Apply(reconcile.RunApplied)
	w.wantMembers("Kin", "name1", "name4")
}

// TestWhatViolatesAnAssertionIsHeld checks commits after gk with all assertions. Each removes
// people from a minimum or gives access that an assertion forbids.
func TestWhatViolatesAnAssertionIsHeld(t *testing.T) {
	all := exclusive + atLeastTwo + onlyNameThree
	fewer := people(4) + group("g", "Group", 3, 3) + group("k", "Kin", 4, 4)
	leaversOfG := []string{"deactivate-user u1", "deactivate-user u2", "remove-member g u1", "remove-member g u2"}
	for _, tt := range []struct {
		name, provisioner, cue string
		holds                  []string // all other changes are done
	}{
		{"a membership violates a declared assertion", assertsGK, gk() + all + "groups: k: members: u1: {}\n",
			[]string{"add-member k u1"}},
		{"an assertion is removed, and its group gets another key", "enabled: true, groups: [\"g\", \"l\"]",
			people(4) + group("g", "Group", 1, 3) +
				"groups: l: {displayName: \"Kin\", previously: k: {}, members: {u1: {}, u4: {}}}\n",
			[]string{"add-member l u1"}},
		{"an assertion is removed, and its user gets another key", assertsGK,
			rekeyed(gk() + "groups: k: members: u1: {}\n"), []string{"add-member k u9"}},
		{"a user gets a forbidden name", assertsGK, strings.Replace(gk(), `email: "name1@`, `email: "admin1@`, 1),
			[]string{"rename-user u1"}},
		{"the members of a minimum are removed", assertsGK, fewer, leaversOfG},
		{"the members of a minimum are locked", assertsGK,
			gk() + "users: u1: state: \"LOCKED\"\nusers: u2: state: \"INACTIVE\"\n",
			[]string{"deactivate-user u1", "deactivate-user u2"}},
		{"the memberships of a minimum ended yesterday", assertsGK,
			gk() + "groups: g: members: {u1: until: \"2026-11-23\", u2: until: \"2026-11-23\"}\n" + all,
			leaversOfG},
		{"the validity of the members of a minimum ended yesterday", assertsGK,
			gk() + "users: {u1: validUntil: \"2026-11-23\", u2: validUntil: \"2026-11-23\"}\n" + all,
			[]string{"deactivate-user u1", "deactivate-user u2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := synced(t, assertsGK, gk()+all)
			w.Commit(tt.provisioner, tt.cue)
			r := w.Apply(reconcile.RunHeld)
			var held []string
			for i := range r.Changes {
				c := &r.Changes[i]
				if slices.ContainsFunc(c.Held(), func(h reconcile.Hold) bool { return h.Gate == "assertions" }) {
					held = append(held, c.Ref().String())
				}
			}
			slices.Sort(held)
			if !slices.Equal(held, tt.holds) {
				t.Errorf("gate assertions holds %q, want %q\n%s", held, tt.holds, reportText(r))
			}
			w.wantMembers("Kin", "name4")
			w.wantMembers("Group", "name1", "name2", "name3")
		})
	}
}

func TestAProtectedUserWithAnotherKeyIsProtected(t *testing.T) {
	const protects = ", protect: users: "
	for _, tt := range []struct {
		name, protect string
		loosened      []string
	}{
		{"protect names the new key", protects + "u9: {}", nil},
		{"protect names nobody", "", []string{"protect.users.u1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := synced(t, assertsGK+protects+"u1: {}", gk())
			before, _ := w.Sim.State().User("name1@example.com")
			w.Commit(assertsGK+tt.protect, rekeyed(gk()))
			r := w.Apply(reconcile.RunHeld)
			wantSummary(t, r, "update-user u9: held by protected")
			if !slices.Equal(loosened(r), tt.loosened) {
				t.Errorf("loosened are %q, want %q", loosened(r), tt.loosened)
			}
			if now, _ := w.Sim.State().User("name1@example.com"); now.ExternalID != before.ExternalID {
				t.Errorf("the externalId in AWS is %q", now.ExternalID)
			}
		})
	}
}
