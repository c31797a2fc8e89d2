package run_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// slow is a provisioner whose rate allows almost no reads beyond those that changes require.
const slow = "enabled: true\nrate: perSecond: 0.01\n"

// newCachedEnv returns an environment with a cache, in sync with the declarations.
func newCachedEnv(t testing.TB, provisioner, cue string, files ...string) *env {
	w := newEnv(t)
	w.Runner.Cache = &reconciletest.Cache{}
	w.Commit(provisioner, cue, files...)
	w.Trigger = "command"
	w.Apply(reconcile.RunApplied)
	w.Trigger = "commit"
	w.Sim.ResetCalls()
	return w
}

func (w *env) member(group, name string, in bool) {
	w.T.Helper()
	st := w.Sim.State()
	g, _ := st.Group(group)
	u, _ := st.User(name + "@example.com")
	do := w.Sim.RemoveMember
	if in {
		do = w.Sim.AddMember
	}
	if err := do(g.ID, u.ID); err != nil {
		w.T.Fatal(err)
	}
}

func TestACommitCostsCallsOnlyForItsChanges(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(cue string) string
		calls  map[string]int
	}{
		{"nothing", func(cue string) string { return cue }, map[string]int{}},
		{"an attribute of one user", func(cue string) string {
			return strings.Replace(cue, `firstName: "name7"`, `firstName: "Changed"`, 1)
		}, map[string]int{"GetUser": 1, "PatchUser": 1}},
		{"a changed userName, which must be free", func(cue string) string {
			return strings.Replace(cue, "name7@example.com", "renamed7@example.com", 1)
		}, map[string]int{"GetUser": 1, "ListUsers": 1, "PatchUser": 1}},
		{"a new user, whose key and name must be free", func(cue string) string {
			return cue + user("new", "newcomer")
		}, map[string]int{"ListUsers": 2, "CreateUser": 1}},
		{"a member more: the group must be there, and the member not in it yet", func(cue string) string {
			return strings.Replace(cue, "members: {", "members: {u90: {}, ", 1)
		}, map[string]int{"GetGroup": 1, "ListUsers": 1, "PatchGroup": 1}},
		{"a member less: the rest is counted with the look", func(cue string) string {
			return strings.Replace(cue, "u5: {}, ", "", 1)
		}, map[string]int{"ListUsers": 1, "PatchGroup": 1}},
		{"a group's name, where all groups are one page", func(cue string) string {
			return strings.Replace(cue, `displayName: "Group 1"`, `displayName: "Renamed"`, 1)
		}, map[string]int{"ListGroups": 1, "PatchGroup": 1}},
		{"a group with members", func(cue string) string { return cue + group("new", "New", 1, 20) },
			map[string]int{"ListGroups": 1, "CreateGroup": 1}},
		{"an inactive user", func(cue string) string {
			return strings.Replace(cue, `"name7@example.com"`, `"name7@example.com", state: "INACTIVE"`, 1)
		}, map[string]int{"GetUser": 1, "PatchUser": 1}},
		{"a leaver with their two memberships", func(cue string) string {
			return strings.ReplaceAll(strings.Replace(cue, user("u5", "name5"), "", 1), "u5: {}, ", "")
		}, map[string]int{"GetUser": 1, "ListUsers": 2, "PatchUser": 1, "PatchGroup": 2}},
	} {
		for _, n := range []int{500, 1_000} {
			t.Run(fmt.Sprintf("%s, among %d", tt.name, n), func(t *testing.T) {
				cue := people(n) + group("g1", "Group 1", 1, 50) + group("g2", "Group 2", 1, 80)
				cue += group("all", "Everyone", 6, n) // costs nothing, whatever its size
				w := newCachedEnv(t, slow, cue)
				w.Commit(slow, tt.change(cue))
				want := reconcile.RunApplied
				if len(tt.calls) == 0 {
					want = reconcile.RunInSync
				}
				r := w.Apply(want)
				if r.CachedRead == nil {
					t.Error("the report has no cached read")
				}
				if diff := cmp.Diff(tt.calls, w.Calls()); diff != "" {
					t.Errorf("calls:\n%s", diff)
				}
				w.Trigger = "command" // and nothing was missed
				if r := w.Apply(reconcile.RunInSync); r.CachedRead != nil {
					t.Errorf("after a full read the report has %q", r.CachedRead)
				}
			})
		}
	}
}

func TestAMemberLeavesAHugeGroupWithoutAFullRead(t *testing.T) {
	cue := people(1_500) + group("all", "Everyone", 1, 1_500)
	w := newCachedEnv(t, slow, cue)
	w.Commit(slow, strings.Replace(cue, "u7: {}, ", "", 1))
	w.Apply(reconcile.RunApplied)
	// The groups of the user, and one of the fifteen pages: enough to know that the group is not
	// left empty.
	if diff := cmp.Diff(map[string]int{"ListGroups": 1, "ListUsers": 1, "PatchGroup": 1}, w.Calls()); diff != "" {
		t.Error(diff)
	}
	if n := len(w.Sim.State().MemberNames("Everyone")); n != 1_499 {
		t.Errorf("%d members", n)
	}
}

func TestManyLookupsBecomeOneListing(t *testing.T) {
	cue := people(300)
	w := newCachedEnv(t, slow, cue)
	for i := range 40 {
		cue = strings.Replace(cue, fmt.Sprintf(`firstName: "name%d"`, i+1), `firstName: "Changed"`, 1)
	}
	w.Commit(slow, cue)
	w.Apply(reconcile.RunApplied)
	if diff := cmp.Diff(map[string]int{"ListUsers": 3, "PatchUser": 40}, w.Calls()); diff != "" {
		t.Error(diff)
	}
}

// outsideChanges are the cases of TestOutsideChangesAreReadBeforeAWrite.
var outsideChanges = []struct {
	name    string
	outside func(w *env)
	change  string // old text|new text
	outcome reconcile.Outcome
	gate    string
}{
	{"a group that was deleted outside is held, not created again or written to", func(w *env) {
		g, _ := w.Sim.State().Group("Group")
		_ = w.Sim.DeleteGroup(g.ID)
	}, `members: {u1: {}|members: {u30: {}, u1: {}`, reconcile.RunHeld, "vanished"},
	{"a group that lost its members outside is not emptied", func(w *env) {
		for i := 2; i <= 10; i++ {
			w.member("Group", fmt.Sprintf("name%d", i), false)
		}
	}, `members: {u1: {}, |members: {`, reconcile.RunApplied, ""},
	{"a name that was taken outside", func(w *env) {
		if _, err := w.Sim.PutUser(awssim.User{UserName: "fresh@example.com", DisplayName: "x",
			Name: &awssim.Name{GivenName: "F", FamilyName: "F"}}); err != nil {
			w.T.Fatal(err)
		}
	}, `name7@example.com|fresh@example.com`, reconcile.RunHeld, "nameTaken"},
	{"a new user that was created outside is adopted, not created", func(w *env) {
		if _, err := w.Sim.PutUser(awssim.User{UserName: "fresh@example.com", DisplayName: "x",
			Name: &awssim.Name{GivenName: "F", FamilyName: "F"}}); err != nil {
			w.T.Fatal(err)
		}
	}, `users: "u40"|` + user("new", "fresh") + `users: "u40"`, reconcile.RunHeld, "adopt"},
	{"a group name that was taken outside", func(w *env) {
		if _, err := w.Sim.PutGroup(awssim.Group{DisplayName: "Fresh"}); err != nil {
			w.T.Fatal(err)
		}
	}, `displayName: "Group"|displayName: "Fresh"`, reconcile.RunHeld, "nameTaken"},
	{"a user that was deleted outside is held, not created again or written to", func(w *env) {
		u, _ := w.Sim.State().User("name7@example.com")
		_ = w.Sim.DeleteUser(u.ID)
	}, `firstName: "name7"|firstName: "Changed"`, reconcile.RunHeld, "vanished"},
}

// TestOutsideChangesAreReadBeforeAWrite has a cache that is out of date exactly where a commit
// changes the directory.
func TestOutsideChangesAreReadBeforeAWrite(t *testing.T) {
	cue := people(40) + group("g", "Group", 1, 10) + group("h", "Half", 1, 20)
	for _, tt := range outsideChanges {
		t.Run(tt.name, func(t *testing.T) {
			w := newCachedEnv(t, slow, cue)
			tt.outside(w)
			old, changed, _ := strings.Cut(tt.change, "|")
			if !strings.Contains(cue, old) {
				t.Fatalf("there is no %q", old)
			}
			w.Commit(slow, strings.Replace(cue, old, changed, 1))
			r := w.Apply(tt.outcome)
			held := ""
			for _, c := range r.Changes {
				for _, h := range c.Held() {
					if h.Gate != "dependency" {
						held = h.Gate
					}
				}
			}
			if held != tt.gate {
				t.Errorf("held by %q, want %q", held, tt.gate)
			}
			if tt.outcome == reconcile.RunApplied && len(w.Sim.State().MemberNames("Group")) == 0 {
				t.Error("the group is empty")
			}
		})
	}
}

func TestTheCacheIsNotUsedIfItMayBeWrong(t *testing.T) {
	cue := people(20) + group("g", "Group", 1, 10)
	for _, tt := range []struct {
		name   string
		upset  func(w *env)
		reason string // in the report
	}{
		{"the cache is empty", func(w *env) { w.Runner.Cache = &reconciletest.Cache{} },
			"its state directory is new"},
		{"another process has run since", func(w *env) {
			mine := w.Runner.Cache
			w.Runner.Cache = nil
			w.member("Group", "name1", false)
			w.Apply(reconcile.RunApplied)
			w.Runner.Cache = mine
		}, "another process has run since: the last run is run-2, and the copy of the directory is of run-1"},
		{"another version of roster has written it", func(w *env) {
			r := w.Runner.Cache.Load("aws")
			r.Version++
			w.Runner.Cache.Store("aws", r)
		}, "the format version is 2, but this roster reads only version 1"},
		{"it is of another directory", func(w *env) {
			r := w.Runner.Cache.Load("aws")
			r.Identity = "elsewhere"
			w.Runner.Cache.Store("aws", r)
		}, "the copy of the directory is of elsewhere"},
		{"a run's journal is lost", func(w *env) { w.Audit.OpenIntent = &reconcile.Intent{Run: "lost"} },
			"run lost of another process did not end"},
		{"everything is older than the drift bound", func(w *env) { w.SetNow(w.Now.Add(24 * time.Hour)) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newCachedEnv(t, slow, cue)
			tt.upset(w)
			w.Sim.ResetCalls()
			checkFullRead(t, w.Apply(reconcile.RunInSync), tt.reason)
			if diff := cmp.Diff(map[string]int{"ListUsers": 2, "ListGroups": 1}, w.Calls()); diff != "" {
				t.Errorf("calls of a full read:\n%s", diff)
			}
			w.Sim.ResetCalls()
			w.Apply(reconcile.RunInSync)
			if n := w.Sim.Calls().Total; n > 0 && w.Audit.OpenIntent == nil {
				t.Errorf("%d calls of the next run; want none", n)
			}
		})
	}
}

// checkFullRead checks why a report says that everything was read; "" if it does not say.
func checkFullRead(t *testing.T, r *reconcile.Report, reason string) {
	t.Helper()
	switch full := r.FullRead; {
	case reason == "" && full != nil:
		t.Errorf("the report has a full read: %s", full)
	case reason != "" && full == nil:
		t.Error("the report does not say why everything was read")
	case reason != "" && (!strings.Contains(full.Reason, reason) || full.Calls != 3 ||
		!strings.Contains(reportText(r), full.String())):
		t.Errorf("the report says %q; want %q and 3 calls", full, reason)
	}
}

// TestAWriteWithoutAnAnswerIsLookedUp loses the reply of a change, and reverts the commit with the
// change.
func TestAWriteWithoutAnAnswerIsLookedUp(t *testing.T) {
	cue := people(200)
	w := newCachedEnv(t, slow, cue)
	if err := w.Sim.Inject(awssim.Fault{Name: awssim.FaultReplyLost, Operation: "PatchUser", Nth: 1,
		Times: 100}); err != nil {
		t.Fatal(err)
	}
	w.Commit(slow, strings.Replace(cue, `firstName: "name7"`, `firstName: "Changed"`, 1))
	w.Apply(reconcile.RunPartial)
	w.Sim.ClearFaults()
	w.Commit(slow, cue)
	w.Apply(reconcile.RunApplied)
	if u, _ := w.Sim.State().User("name7@example.com"); u.Name.GivenName != "name7" {
		t.Errorf("the user is called %q: the write without an answer was taken for failed", u.Name.GivenName)
	}
}

func TestAfterAFailedLookupNothingIsSent(t *testing.T) {
	cue := people(200)
	w := newCachedEnv(t, slow, cue)
	before := w.Sim.State()
	if err := w.Sim.Inject(awssim.Fault{Name: awssim.FaultError500, Operation: "GetUser", Nth: 1,
		Times: 100}); err != nil {
		t.Fatal(err)
	}
	w.Commit(slow, strings.Replace(cue, `firstName: "name7"`, `firstName: "Changed"`, 1))
	if result, err := w.Run(true); err == nil || result.Report.Outcome != reconcile.RunFailed {
		t.Errorf("the run ended with %v", err)
	}
	if diff := cmp.Diff(before, w.Sim.State()); diff != "" {
		t.Error(diff)
	}
	w.Sim.ClearFaults()
	w.Sim.ResetCalls()
	w.Apply(reconcile.RunApplied)
	if diff := cmp.Diff(map[string]int{"GetUser": 1, "PatchUser": 1}, w.Calls()); diff != "" {
		t.Errorf("after a failed lookup the cache is lost:\n%s", diff)
	}
}

// TestOutsideChangesAreFoundWithinTheDriftBound runs every ten minutes, at a rate that allows only
// a few calls each time.
func TestOutsideChangesAreFoundWithinTheDriftBound(t *testing.T) {
	cue := people(150)
	for i := range 30 {
		cue += group(fmt.Sprintf("g%d", i), fmt.Sprintf("Group %d", i), 1, 10)
	}
	const provisioner = slow + "driftBound: \"6h\"\nfullRead: \"0 0 1 1 *\"\n" // of whole reads there are none
	w := newCachedEnv(t, provisioner, cue)
	w.Trigger = "schedule"
	most := 0
	round := func() {
		w.SetNow(w.Now.Add(9 * time.Minute)) // and the minute of a run
		w.Sim.ResetCalls()
		result, err := w.Run(true)
		if err != nil {
			t.Fatal(err)
		}
		if result.Report.Outcome == reconcile.RunInSync {
			most = max(most, w.Sim.Calls().Total)
		}
	}
	for _, tt := range []struct {
		name    string
		outside func()
		mended  func(awssim.State) bool
	}{
		{"a member too many", func() { w.member("Group 17", "name99", true) },
			func(s awssim.State) bool { return len(s.MemberNames("Group 17")) == 10 }},
		{"a member too few", func() { w.member("Group 3", "name2", false) },
			func(s awssim.State) bool { return len(s.MemberNames("Group 3")) == 10 }},
		{"another name", func() {
			u, _ := w.Sim.State().User("name50@example.com")
			u.DisplayName = "Sam"
			_, _ = w.Sim.PutUser(u)
		}, func(s awssim.State) bool { u, _ := s.User("name50@example.com"); return u.DisplayName == "name50" }},
		{"a group renamed", func() {
			g, _ := w.Sim.State().Group("Group 9")
			g.DisplayName = "Stolen"
			_, _ = w.Sim.PutGroup(g)
		}, func(s awssim.State) bool { _, ok := s.Group("Group 9"); return ok }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 5 {
				round()
			}
			tt.outside()
			for begin := w.Now; w.Now.Sub(begin) <= 6*time.Hour; {
				if round(); tt.mended(w.Sim.State()) {
					return
				}
			}
			t.Error("not found within six hours")
		})
	}
	if most == 0 || most > 5 {
		t.Errorf("a run that finds nothing made up to %d calls; want a share of the 33 that reading everything takes",
			most)
	}
}

func TestFullReadsHaveTheirOwnSchedule(t *testing.T) {
	const provisioner = slow + "fullRead: \"0 3 * * *\"\n"
	w := newCachedEnv(t, provisioner, people(250)+group("g", "Group", 1, 10)+group("h", "Half", 1, 20)) // at 9:01
	full := 3 + 1 + 2
	w.Trigger = "schedule"
	at := func(day, hour, minute int) int {
		w.SetNow(time.Date(2026, 11, day, hour, minute-1, 0, 0, time.UTC))
		w.Sim.ResetCalls()
		w.Apply(reconcile.RunInSync)
		return w.Sim.Calls().Total
	}
	if n := at(25, 2, 59); n >= full {
		t.Errorf("%d calls before three", n)
	}
	if n := at(25, 3, 1); n != full {
		t.Errorf("%d calls after three, want %d", n, full)
	}
	if n := at(25, 3, 11); n >= full {
		t.Errorf("%d calls ten minutes later", n)
	}
}

func TestScheduledRunsReadEverythingIfTheRateAllows(t *testing.T) {
	w := newCachedEnv(t, "enabled: true\n", people(250)+group("g", "Group", 1, 10))
	w.Trigger = "schedule"
	w.member("Group", "name77", true)
	w.Apply(reconcile.RunApplied) // at once, whatever the drift bound
	if n := len(w.Sim.State().MemberNames("Group")); n != 10 {
		t.Errorf("%d members", n)
	}
}

func TestPreviewsUseTheCache(t *testing.T) {
	cue := people(250) + group("g", "Group", 1, 10)
	w := newCachedEnv(t, slow, cue)
	foreign, err := w.Sim.PutGroup(awssim.Group{DisplayName: "Foreign"})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := w.Sim.State().User("name9@example.com")
	if err := w.Sim.AddMember(foreign, u.ID); err != nil {
		t.Fatal(err)
	}
	w.Trigger = "command"
	w.Apply(reconcile.RunInSync)
	w.Trigger = "commit"
	w.Commit(slow, strings.Replace(cue, "u5: {}, ", "", 1))
	w.Apply(reconcile.RunApplied)
	w.Sim.ResetCalls()
	p := w.Commits[0].Provisioners["aws"]
	have, err := w.Runner.Snapshot(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"ListUsers": 1}, w.Calls()); diff != "" { // of the unmanaged group
		t.Errorf("calls:\n%s", diff)
	}
	w.Runner.Cache = nil
	want, err := w.Runner.Snapshot(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if !have.Observed.ReadAt.Before(want.Observed.ReadAt) {
		t.Errorf("it was read at %v", have.Observed.ReadAt)
	}
	want.Observed.ReadAt = have.Observed.ReadAt
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}
