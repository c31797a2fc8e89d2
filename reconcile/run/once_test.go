package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestOneRunAppliesSeveralCommits checks that they become one plan, and that a reverted edit sends
// nothing.
func TestOneRunAppliesSeveralCommits(t *testing.T) {
	w := newEnv(t)
	cue := people(5) + group("g", "Group", 1, 5)
	w.Commit("enabled: true", cue)
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", strings.Replace(cue, `lastName: "Test"`, `lastName: "One"`, 1))
	w.Commit("enabled: true", strings.Replace(cue, `lastName: "Test"`, `lastName: "Two"`, 1))
	w.Sim.ResetCalls()
	w.Apply(reconcile.RunApplied)
	if n := w.Calls()["PatchUser"]; n != 1 {
		t.Errorf("%d users were patched, want 1", n)
	}
	w.Commit("enabled: true", people(1))
	w.Commit("enabled: true", strings.Replace(cue, `lastName: "Test"`, `lastName: "Two"`, 1))
	w.Apply(reconcile.RunInSync)
	if m := w.Sim.Calls().ByMethod; m["PATCH"]+m["POST"]+m["DELETE"]+m["PUT"] > 0 {
		t.Errorf("calls: %v", m)
	}
}

// TestPlansListUpcomingExpiries also checks the notice about an edited mapping.
func TestPlansListUpcomingExpiries(t *testing.T) {
	w := newEnv(t)
	cue := people(4) + group("g", "Group", 1, 2) +
		"groups: g: members: {u3: until: \"2026-12-20\", u4: until: \"2027-06-01\"}\n" +
		"users: u2: validUntil: \"2026-12-01\"\n"
	w.Commit("enabled: true", cue)
	w.Apply(reconcile.RunApplied)
	w.Declare(strings.Replace(reconciletest.BaseCUE, "displayName: user.userId", "displayName: user.userId + \"!\"", 1),
		cue, "enabled: true")
	result, err := w.Run(false)
	if err != nil {
		t.Fatal(err)
	}
	var ends []string
	for _, e := range result.Plan.Expiring {
		ends = append(ends, e.String())
	}
	if len(ends) != 2 || !strings.HasPrefix(ends[0], "2026-12-01  all access of name2@example.com; more.cue:") ||
		!strings.HasPrefix(ends[1], "2026-12-20  membership in \"g\" of name3@example.com; more.cue:") {
		t.Errorf("the forecast is %q", ends)
	}
	want := `mapping "m" (base.cue:2:11) was edited: it changes values for 4 of 4 users (displayName)`
	if !slices.Contains(result.Plan.Notices, want) {
		t.Errorf("the notices are %q, want %q", result.Plan.Notices, want)
	}
}

func ceil(n int) int { return (n + 99) / 100 }

func TestCallCounts(t *testing.T) {
	for _, tt := range []struct {
		name   string
		n      int
		groups []int // members of each
	}{
		{"a handful", 5, []int{3, 2}},
		{"exactly a page", 100, []int{100, 1}},
		{"one over a page", 101, []int{101, 100}},
		{"groups of several pages", 250, []int{250, 201, 200, 7}},
		{"one user in no group", 1, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			cue := people(tt.n)
			first, members := 2+tt.n+len(tt.groups), 0
			for i, m := range tt.groups {
				cue += group(fmt.Sprintf("g%d", i), fmt.Sprintf("Group %d", i), 1, m)
				first += max(0, ceil(m-100))
				members += max(1, ceil(m))
			}
			w.Commit("enabled: true", cue)
			w.Apply(reconcile.RunApplied)
			if got := w.Sim.Calls().Total; got != first {
				t.Errorf("first sync made %d calls, want %d: %v", got, first, w.Calls())
			}
			w.Sim.ResetCalls()
			w.Apply(reconcile.RunInSync)
			read := ceil(tt.n) + max(1, ceil(len(tt.groups))) + min(members, max(tt.n, 0))
			if got := w.Sim.Calls().Total; got != read {
				t.Errorf("a run that changes nothing made %d calls, want %d: %v", got, read, w.Calls())
			}
			w.Sim.ResetCalls()
			w.Commit("enabled: true", strings.Replace(cue, `lastName: "Test"`, `lastName: "Tested"`, 1))
			w.Apply(reconcile.RunApplied)
			if got := w.Sim.Calls().Total; got != read+1 {
				t.Errorf("one changed user cost %d calls over the read, want 1: %v", got-read, w.Calls())
			}
		})
	}
}

func TestMemberChangesOfAGroupShareRequests(t *testing.T) {
	w := newEnv(t)
	all := people(400)
	w.Commit("enabled: true\nlimits: memberRemovals: {off: true, reason: \"test\"}", all+group("g", "Group", 1, 150))
	w.Apply(reconcile.RunApplied)
	w.Sim.ResetCalls()
	// 120 members leave, 90 are new, and the group is renamed: 210 membership changes.
	w.Commit("enabled: true\nlimits: memberRemovals: {off: true, reason: \"test\"}",
		all+group("g", "Renamed", 121, 240))
	w.Apply(reconcile.RunApplied)
	if got := w.Calls()["PatchGroup"]; got != 3 {
		t.Errorf("%d PatchGroup calls, want max(1, ceil(210/100)) = 3", got)
	}
	names := w.Sim.State().MemberNames("Renamed")
	if len(names) != 120 {
		t.Errorf("%d members, want 120", len(names))
	}
}

func TestPlanSendsOnlyGET(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(3)+group("g", "Group", 1, 3))
	result, err := w.Run(false)
	if err != nil {
		t.Fatal(err)
	}
	if n := result.Plan.Released(); n != 7 {
		t.Errorf("%d changes planned, want 3 users, 1 group, 3 memberships", n)
	}
	if diff := cmp.Diff(map[string]int{"GET": 2}, w.Sim.Calls().ByMethod); diff != "" {
		t.Error(diff)
	}
}

func TestLeaversAreDeactivatedAndLoseMemberships(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true\ngroups: [\"g\"]", people(10)+group("g", "Group", 1, 10))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true\ngroups: [\"g\"]", people(10)+group("g", "Group", 1, 9))
	w.Apply(reconcile.RunApplied)
	u, ok := w.Sim.State().User("name10@example.com")
	if !ok || u.Active {
		t.Errorf("the leaver is %+v, want an inactive user", u)
	}
	if n := len(w.Sim.State().MemberNames("Group")); n != 9 {
		t.Errorf("%d members, want 9", n)
	}
	w.Apply(reconcile.RunInSync)
	w.Commit("enabled: true\ngroups: [\"g\"]", people(10)+group("g", "Group", 1, 10))
	w.Apply(reconcile.RunApplied)
	back, _ := w.Sim.State().User("name10@example.com")
	if back.ID != u.ID || !back.Active {
		t.Errorf("the user who returned is %+v, want the same id %s and active", back, u.ID)
	}
}

func TestNoUserLosesAccessByAccident(t *testing.T) {
	const g = "enabled: true\ngroups: [\"g\", \"h\"]"
	start := people(40) + group("g", "Group", 1, 40) + group("h", "Half", 1, 20)
	for _, tt := range []struct {
		name, provisioner, cue, gate string
		fault                        awssim.FaultName
	}{
		{name: "the source is empty", provisioner: g,
			cue: people(40) + group("g", "Group", 1, 0) + group("h", "Half", 1, 0), gate: "emptySource"},
		{name: "less than half is left", provisioner: g,
			cue: people(40) + group("g", "Group", 1, 19) + group("h", "Half", 1, 19), gate: "emptySource"},
		{name: "more people leave than the limit", provisioner: g,
			cue: people(40) + group("g", "Group", 1, 32) + group("h", "Half", 1, 20), gate: "maxRemovals"},
		{name: "a group is left out of the selection", provisioner: "enabled: true\ngroups: [\"g\"]", cue: start,
			gate: "groupDeletes"},
		{name: "a group is emptied", provisioner: g,
			cue: people(40) + group("g", "Group", 1, 40) + group("h", "Half", 1, 0), gate: "memberRemovals"},
		{name: "the scope becomes all users", provisioner: "enabled: true", cue: start + user("u41", "name41"),
			gate: "scopeFlip"},
		{name: "the mapping changes for all users", provisioner: g,
			cue: strings.ReplaceAll(start, `lastName: "Test"`, `lastName: "Other"`), gate: "updates"},
		{name: "the userName of all users changes", provisioner: g,
			cue: strings.ReplaceAll(start, "@example.com", "@example.org"), gate: "signInNames"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(g, start)
			w.Apply(reconcile.RunApplied)
			before := w.Sim.State()
			w.Commit(tt.provisioner, tt.cue)
			r := w.Apply(reconcile.RunHeld)
			if diff := cmp.Diff(withoutAdditions(before), withoutAdditions(w.Sim.State())); diff != "" {
				t.Errorf("the directory changed:\n%s", diff)
			}
			found := false
			for _, c := range r.Changes {
				for _, h := range c.Held() {
					found = found || h.Gate == tt.gate
				}
			}
			if !found {
				t.Errorf("gate %s did not hold anything", tt.gate)
			}
			if r.HeldDigest == "" {
				t.Error("the report has no held digest")
			}
			// The approval with the digest of the report releases exactly these changes.
			w.Commit(tt.provisioner,
				tt.cue+fmt.Sprintf("approvals: %q: {reason: \"expected\", expires: \"2026-12-01\"}\n", r.HeldDigest))
			if r := w.Apply(reconcile.RunApplied); r.Counts.Done == 0 {
				t.Error("the approved changes were not made")
			}
		})
	}
}

// withoutAdditions leaves out the user that the declarations add.
func withoutAdditions(st awssim.State) awssim.State {
	out := awssim.State{Groups: st.Groups}
	for _, u := range st.Users {
		if u.UserName != "name41@example.com" {
			out.Users = append(out.Users, u)
		}
	}
	return out
}

func TestFailedReadsAreNeverAbsence(t *testing.T) {
	for _, fault := range []awssim.Fault{
		{Name: awssim.FaultError500, Operation: "ListUsers", Rate: 1},
		{Name: awssim.FaultError500, Operation: "ListGroups", Rate: 1},
		{Name: awssim.FaultTruncate, Operation: "ListUsers", Rate: 1},
		{Name: awssim.FaultRepeatPage, Operation: "ListUsers", Rate: 1},
	} {
		t.Run(string(fault.Name)+" on "+fault.Operation, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", people(250)+group("g", "Group", 1, 250))
			w.Apply(reconcile.RunApplied)
			before := w.Sim.State()
			w.Commit("enabled: true", people(250)+group("g", "Group", 1, 249))
			if err := w.Sim.Inject(fault); err != nil {
				t.Fatal(err)
			}
			result, err := w.Run(true)
			if err == nil {
				t.Fatalf("the run ended %q in spite of the fault", result.Report.Outcome)
			}
			if diff := cmp.Diff(before, w.Sim.State()); diff != "" {
				t.Errorf("the directory changed:\n%s", diff)
			}
			w.Sim.ClearFaults()
			w.Apply(reconcile.RunApplied)
		})
	}
}
