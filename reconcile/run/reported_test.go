package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// reportedRun is a situation that people have reported for tools like roster: declarations are
// applied, then something happens, and a run follows.
type reportedRun struct {
	kind, name string
	// before are the declarations that are applied, after those of the next commit. It is "" if
	// there is none.
	before, after string
	// outside changes something in AWS.
	outside func(w *env)
	// days pass before the run.
	days int
	// want are the changes of the run: what is done or held by which gate, and why.
	want []string
}

// ending returns the declaration of the last day of some users, four days after the first run.
func ending(from, to int) (cue string) {
	for i := from; i <= to; i++ {
		cue += fmt.Sprintf("users: u%d: validUntil: \"2026-11-28\"\n", i)
	}
	return cue
}

// endingMembers returns the declaration of members of group a until the same day.
func endingMembers(from, to int) (cue string) {
	for i := from; i <= to; i++ {
		cue += fmt.Sprintf("groups: a: members: u%d: until: \"2026-11-28\"\n", i)
	}
	return cue
}

// removeMember removes a user from a group in AWS.
func (w *env) removeMember(group, userName string) {
	w.T.Helper()
	if err := w.Sim.RemoveMember(w.groupID(group), w.remoteUser(userName).ID); err != nil {
		w.T.Fatal(err)
	}
}

// changes returns one line for each of some users.
func changes(format string, from, to int) (lines []string) {
	for i := from; i <= to; i++ {
		lines = append(lines, fmt.Sprintf(format, i))
	}
	return lines
}

// states returns the declaration of the state of some users.
func states(state string, from, to int) (cue string) {
	for i := from; i <= to; i++ {
		cue += fmt.Sprintf("users: u%d: state: %q\n", i, state)
	}
	return cue
}

// reportedRuns has each reported situation first, and then its neighbors.
func reportedRuns() []reportedRun {
	all := people(40) + group("g", "Group", 1, 40)
	admins := all + "groups: a: displayName: \"Admins\"\n"
	const reason, together, only = "the reason of an end", "contracts that end together", "the only temporary member"
	const console, number = "deleted in the console", "another number"
	return []reportedRun{
		{reason, "a contract has ended, and the state is ACTIVE", all + ending(1, 1), "", nil, 5, []string{
			"deactivate-user u1: done (valid until 2026-11-28)",
		}},
		{reason, "the state is INACTIVE", all, all + states("INACTIVE", 1, 1), nil, 0, []string{
			"deactivate-user u1: done (declared inactive)",
		}},
		{reason, "the state is LOCKED", all, all + states("LOCKED", 1, 1), nil, 0, []string{
			"deactivate-user u1: done (declared LOCKED)",
		}},
		{reason, "the first day is still to come", all, all + "users: u1: validFrom: \"2027-03-01\"\n", nil, 0,
			[]string{"deactivate-user u1: done (valid from 2027-03-01)"}},
		{reason, "the state is LOCKED, and the first day is still to come", all,
			all + "users: u1: validFrom: \"2027-03-01\"\n" + states("LOCKED", 1, 1), nil, 0,
			[]string{"deactivate-user u1: done (declared LOCKED)"}},
		{reason, "a contract has ended, and the state is LOCKED", all, all + ending(1, 1) + states("LOCKED", 1, 1),
			nil, 5, []string{"deactivate-user u1: done (valid until 2026-11-28)"}},
		{reason, "it is the last day", all + ending(1, 1), "", nil, 4, nil},
		{reason, "a membership has ended", admins + endingMembers(1, 1), "", nil, 5, []string{
			"remove-member a u1: done (member until 2026-11-28)",
		}},

		{together, "ten contracts", all + ending(1, 10), "", nil, 5,
			changes("deactivate-user u%d: done (valid until 2026-11-28)", 1, 10)},
		{together, "ten memberships", admins + endingMembers(1, 10), "", nil, 5,
			changes("remove-member a u%d: done (member until 2026-11-28)", 1, 10)},
		{together, "ten states that become INACTIVE are no dates", all, all + states("INACTIVE", 1, 10), nil, 0,
			changes("deactivate-user u%d: held by maxRemovals (declared inactive)", 1, 10)},
		{together, "ten contracts end, and ten people leave", all + ending(1, 10),
			all + ending(1, 10) + states("INACTIVE", 11, 20), nil, 5,
			append(changes("deactivate-user u%d: done (valid until 2026-11-28)", 1, 10),
				changes("deactivate-user u%d: held by maxRemovals (declared inactive)", 11, 20)...)},

		{only, "one member", admins + endingMembers(1, 1), "", nil, 5, []string{
			"remove-member a u1: done (member until 2026-11-28)",
		}},
		{only, "two members", admins + endingMembers(1, 2), "", nil, 5, []string{
			"remove-member a u1: done (member until 2026-11-28)",
			"remove-member a u2: done (member until 2026-11-28)",
		}},
		{only, "a member of an included group", admins + endingMembers(1, 1) +
			"groups: b: {displayName: \"Both\", include: a: {}}\n", "", nil, 5, []string{
			"remove-member a u1: done (member until 2026-11-28)",
			"remove-member b u1: done (member until 2026-11-28)",
		}},
		{only, "a member whose contract ends", admins + "groups: a: members: u1: {}\n" +
			ending(1, 1), "", nil, 5, []string{
			"deactivate-user u1: done (valid until 2026-11-28)",
		}},
		{only, "a member whom a commit removes", admins + "groups: a: members: u1: {}\n", admins, nil, 0, []string{
			"remove-member a u1: held by memberRemovals (no longer a member)",
		}},

		{console, "a user", all, "", func(w *env) { w.deleteUser("name3@example.com") }, 0, []string{
			"create-user u3: held by vanished (deleted outside)",
			"add-member g u3: held by dependency (removed outside)",
		}},
		{console, "a user who has left", all, all + states("INACTIVE", 3, 3),
			func(w *env) { w.deleteUser("name3@example.com") }, 0, nil},
		{console, "a group", admins, "", func(w *env) { w.deleteGroup("Admins") }, 0, []string{
			"create-group a: held by vanished (deleted outside)",
		}},
		{console, "a membership", all, "", func(w *env) { w.removeMember("Group", "name3@example.com") }, 0, []string{
			"add-member g u3: done (removed outside)",
		}},

		{number, "a user with the earlier one", fourInG(user("u4", "ann"), "u4"),
			fourInG(renumbered("e4", "u4", "ann"), "e4"), nil, 0, []string{
				`update-user e4: done (key was "u4")`,
			}},
		{number, "a user without the earlier one", fourInG(user("u4", "ann"), "u4"),
			fourInG(user("e4", "ann"), "e4"), nil, 0, []string{
				"create-user e4: held by nameTaken! (in scope)",
				"add-member g e4: held by dependency! (declared member)",
				"deactivate-user u4: held by nameTaken (left the scope)",
				"remove-member g u4: held by nameTaken (left the scope)",
			}},
		{number, "another person takes the number", fourInG(user("u4", "ann"), "u4"),
			fourInG(renumbered("e4", "u4", "bob"), "e4"), nil, 0, []string{
				`rename-user e4: held by signInNames (key was "u4")`,
			}},
		{number, "a group with the earlier one", admins,
			all + "groups: ops: {displayName: \"Admins\", previously: a: {}}\n", nil, 0, []string{
				`update-group ops: done (key was "a")`,
			}},
	}
}

// reasons returns the changes of a report with their reasons.
func reasons(r *reconcile.Report) []string {
	lines := summary(r)
	for i := range r.Changes {
		lines[i] += " (" + r.Changes[i].Reason.Text + ")"
	}
	return lines
}

func TestReportedRuns(t *testing.T) {
	for _, row := range reportedRuns() {
		t.Run(row.kind+": "+row.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", row.before)
			w.Apply(reconcile.RunApplied)
			if row.after != "" {
				w.Commit("enabled: true", row.after)
			}
			if row.outside != nil {
				row.outside(w)
			}
			if row.days > 0 {
				w.SetNow(w.Now.AddDate(0, 0, row.days))
			}
			have, want := reasons(w.applyOnce()), row.want
			slices.Sort(have)
			slices.Sort(want)
			if !slices.Equal(have, want) {
				t.Errorf("the run did:\n  %s\nwant:\n  %s", strings.Join(have, "\n  "), strings.Join(want, "\n  "))
			}
		})
	}
}
