package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// heldBy returns the gates that hold changes, without dependencies.
func heldBy(r *reconcile.Report) []string {
	var out []string
	for i := range r.Changes {
		for _, h := range r.Changes[i].Held {
			if h.Gate != "dependency" {
				out = append(out, h.Gate)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestGatesInWholeRuns has some gates in whole runs: the changes that a gate holds are approved
// with the digest of the report, or the gate is turned off. Package reconcile tests the rows of
// each gate.
func TestGatesInWholeRuns(t *testing.T) {
	const selected = "enabled: true, groups: [\"g\", \"h\"]"
	org := func(g, h int) string {
		return people(120) + group("g", "Group", 1, g) +
			group("h", "Half", 1, h)
	}
	for _, tt := range []struct {
		gates       []string // all that hold changes
		provisioner string
		start       string
		change      func(w *env) string // changes AWS, returns the next declarations
	}{
		{[]string{"maxRemovals"}, selected, org(100, 2), func(*env) string { return org(89, 2) }},
		{[]string{"emptySource", "maxRemovals", "memberRemovals"}, selected, org(40, 2),
			func(*env) string { return org(19, 2) }},
		{[]string{"vanished"}, selected, org(40, 2), func(w *env) string {
			w.deleteGroup("Half")
			return org(40, 2)
		}},
		{[]string{"firstContact"}, selected + ", adopt: \"match\"", "", func(w *env) string {
			w.makeUser("name1", "", func(u *awssim.User) { u.DisplayName = "Else" })
			return org(3, 2)
		}},
		{[]string{"foreignExternalId"}, selected + ", adopt: \"take-over\"", org(2, 1), func(w *env) string {
			w.makeUser("name3", "theirs")
			return org(3, 1)
		}},
		{[]string{"history"}, selected, org(10, 2), func(w *env) string {
			w.Commits = nil
			return org(10, 3)
		}},
		{[]string{"audit"}, selected, org(10, 2), func(w *env) string {
			w.Audit.DistrustReason = "the status was changed"
			return org(9, 2)
		}},
	} {
		begin := func(t *testing.T) (*env, string) {
			w := newEnv(t)
			if tt.start != "" {
				for range 5 { // for history: the last of them are lost
					w.Commit(tt.provisioner, tt.start)
				}
				w.Apply(reconcile.RunApplied)
			}
			return w, tt.change(w)
		}
		t.Run(tt.gates[0]+" holds changes until they are approved", func(t *testing.T) {
			w, cue := begin(t)
			w.Commit(tt.provisioner, cue)
			r := w.applyOnce()
			if !slices.Equal(heldBy(r), tt.gates) {
				t.Fatalf("held by %v, want %v\n%s", heldBy(r), tt.gates, reportText(r))
			}
			w.Commit(tt.provisioner, cue+approve(r.HeldDigest))
			if r := w.applyOnce(); r.Outcome != reconcile.RunApplied || len(r.Approvals) != 1 {
				t.Errorf("after the approval the outcome is %q\n%s", r.Outcome, reportText(r))
			}
			if r := w.applyOnce(); r.Outcome != reconcile.RunInSync {
				t.Errorf("after that the outcome is %q\n%s", r.Outcome, reportText(r))
			}
		})
		t.Run(tt.gates[0]+" is turned off with a reason", func(t *testing.T) {
			w, cue := begin(t)
			off := strings.Join(tt.gates, ": {off: true, reason: \"we know\"}, ") + ": {off: true, reason: \"we know\"}"
			w.Commit(tt.provisioner+", limits: {"+off+"}", cue)
			r := w.Apply(reconcile.RunApplied)
			if !slices.Contains(r.Warnings, "gate "+tt.gates[0]+" is off: we know") {
				t.Error(reportText(r))
			}
		})
	}
	t.Run("maxRemovals with a declared limit", func(t *testing.T) {
		w := newEnv(t)
		w.Commit(selected, org(100, 2))
		w.Apply(reconcile.RunApplied)
		w.Commit(selected+", limits: maxRemovals: {max: 13, percent: 20}", org(89, 2))
		w.Apply(reconcile.RunApplied)
	})
}

// TestTheInitialAdoptionIsHeldUntilApproval checks that gate firstContact also holds after reported
// runs.
func TestTheInitialAdoptionIsHeldUntilApproval(t *testing.T) {
	w := newEnv(t)
	w.makeUser("name1", "")
	w.Commit("enabled: true, adopt: \"match\"", people(2))
	wantSummary(t, w.applyOnce(), "adopt-user u1: held by firstContact", "create-user u2: done")
	for range 2 {
		wantSummary(t, w.applyOnce(), "adopt-user u1: held by firstContact")
	}
	w.Commit("enabled: true, adopt: \"match\"", people(2)+approve(w.applyOnce().HeldDigest))
	wantSummary(t, w.applyOnce(), "adopt-user u1: done")
	w.makeUser("name3", "")
	w.Commit("enabled: true, adopt: \"match\"", people(3))
	wantSummary(t, w.applyOnce(), "adopt-user u3: done")
}

// TestRemovalsOfADayAddUp checks that a limit is for 24 hours, not for each run, and that approved
// removals do not count.
func TestRemovalsOfADayAddUp(t *testing.T) {
	const p = "enabled: true, groups: [\"g\"]"
	org := func(n int) string { return people(40) + group("g", "Group", 1, n) }
	w := newEnv(t)
	w.Commit(p, org(40))
	w.Apply(reconcile.RunApplied)
	w.Commit(p, org(37))
	w.Apply(reconcile.RunApplied) // three
	w.Commit(p, org(34))
	r := w.Apply(reconcile.RunHeld) // three more are six, and five may
	if !slices.Equal(heldBy(r), []string{"maxRemovals"}) {
		t.Errorf("held by %v", heldBy(r))
	}
	w.Commit(p, org(34)+approve(r.HeldDigest))
	w.Apply(reconcile.RunApplied)
	w.Commit(p, org(32))
	w.Apply(reconcile.RunApplied) // five in all without approval
	w.Commit(p, org(31))
	w.Apply(reconcile.RunHeld)
	w.Now = w.Now.Add(24 * time.Hour)
	w.Apply(reconcile.RunApplied)
}

// TestApprovals checks what an approval releases, and for how long.
func TestApprovals(t *testing.T) {
	const p = "enabled: true, groups: [\"g\"]"
	org := func(n int) string { return people(40) + group("g", "Group", 1, n) }
	start := func(t *testing.T) (*env, string) {
		w := newEnv(t)
		w.Commit(p, org(40))
		w.Apply(reconcile.RunApplied)
		w.Commit(p, org(32))
		return w, w.Apply(reconcile.RunHeld).HeldDigest
	}
	t.Run("a part of the set that was printed passes", func(t *testing.T) {
		w, digest := start(t)
		w.Commit(p, org(34)+approve(digest)) // two have come back since
		r := w.Apply(reconcile.RunApplied)
		if r.Counts.Done != 12 {
			t.Errorf("%d changes were made, want 6 users and their memberships\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("more than what was printed stays held", func(t *testing.T) {
		w, digest := start(t)
		w.Commit(p, org(31)+approve(digest))
		r := w.Apply(reconcile.RunHeld)
		if r.Counts.Done != 16 || r.Counts.Held != 2 {
			t.Errorf("%d done and %d held, want 16 and 2\n%s", r.Counts.Done, r.Counts.Held, reportText(r))
		}
	})
	t.Run("without the report only the exact set passes", func(t *testing.T) {
		w, digest := start(t)
		w.Audit.LoseHeldReports = true
		w.Commit(p, org(34)+approve(digest))
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
		w.Commit(p, org(32)+approve(digest))
		w.Apply(reconcile.RunApplied)
	})
	t.Run("a report on a branch that cannot be trusted does not count", func(t *testing.T) {
		w, digest := start(t)
		w.Audit.DistrustReason = "the status was changed"
		w.Commit(p, org(34)+approve(digest))
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("it passes once", func(t *testing.T) {
		w, digest := start(t)
		w.Commit(p, org(32)+approve(digest))
		w.Apply(reconcile.RunApplied)
		w.Now = w.Now.Add(48 * time.Hour)
		w.Commit(p, org(40)+approve(digest))
		w.Apply(reconcile.RunApplied)
		w.Commit(p, org(32)+approve(digest))
		if r := w.Apply(reconcile.RunHeld); !slices.ContainsFunc(r.Warnings,
			func(s string) bool { return strings.Contains(s, "was used at") }) {
			t.Errorf("no warning that the approval was used: %q", r.Warnings)
		}
	})
	t.Run("it is over on its last day", func(t *testing.T) {
		w, digest := start(t)
		w.Commit(p, org(32)+fmt.Sprintf("approvals: %q: {reason: \"expected\", expires: \"2026-11-23\"}\n", digest))
		w.Apply(reconcile.RunHeld)
	})
	t.Run("a long approval counts for 24 hours after it was first seen", func(t *testing.T) {
		w, digest := start(t)
		w.Commit(p+", paused: {reason: \"a move\", until: \"2026-11-25\"}", org(32)+approve(digest))
		r := w.applyOnce()
		if !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, "counts only until") }) {
			t.Errorf("nothing warns: %q", r.Warnings)
		}
		w.Now = w.Now.Add(40 * time.Hour)
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("what an interrupted run left of it may still be done", func(t *testing.T) {
		w, digest := start(t)
		w.Commit(p, org(32)+approve(digest))
		w.Audit.FailAfterEntries = 4
		if _, err := w.Run(true); err == nil {
			t.Fatal("the run did not notice")
		}
		w.Audit.FailAfterEntries = 0
		w.Apply(reconcile.RunApplied)
		w.Apply(reconcile.RunInSync)
	})
}

// TestModes has a row for each mode of a provisioner: which changes of one plan it sends.
func TestModes(t *testing.T) {
	start := people(6) + group("g", "Group", 1, 5) + group("h", "Half", 1, 2) +
		"groups: k: displayName: \"Kin\"\ngroups: k: members: {u1: {}, u2: {}}\n"
	// u5 leaves, u3 becomes inactive, u6 is new, u1 is renamed, u2 leaves h, and k is no longer
	// selected.
	next := strings.NewReplacer("\"name1@", "\"renamed1@").Replace(people(6)) + group("g", "Group", 1, 4) +
		"groups: g: members: u6: {}\n" + group("h", "Half", 1, 1) +
		"users: u3: state: \"INACTIVE\"\ngroups: k: displayName: \"Kin\"\n"
	all := []string{"rename-user u1", "deactivate-user u3", "deactivate-user u5", "create-user u6", "add-member g u6",
		"remove-member g u5", "remove-member h u2", "delete-group k"}
	slices.Sort(all)
	for _, tt := range []struct {
		name, fields string
		fresh        bool // never applied before
		mode         reconcile.Mode
		sends        []string
	}{
		{"enabled sends everything", "enabled: true", false, reconcile.ModeEnabled, all},
		{"disabled only deprovisions users who left or became inactive", "enabled: false", false,
			reconcile.ModeDisabled, []string{"deactivate-user u3", "deactivate-user u5", "remove-member g u5"}},
		{"paused sends nothing", "enabled: true, paused: {reason: \"a move\", until: \"2026-11-30\"}", false,
			reconcile.ModePaused, nil},
		{"a pause that has ended sends everything",
			"enabled: true, paused: {reason: \"a move\", until: \"2026-11-20\"}", false, reconcile.ModeEnabled, all},
		{"never enabled sends nothing", "enabled: false", true, reconcile.ModeNeverEnabled, nil},
		{"outside of its windows nothing is sent", "enabled: true, windows: night: {from: \"22:00\", to: \"04:00\"}",
			false, reconcile.ModeEnabled, nil},
		{"inside of its windows everything is", "enabled: true, windows: day: {from: \"08:00\", to: \"18:00\"}",
			false, reconcile.ModeEnabled, all},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true, groups: [\"g\", \"h\", \"k\"]", start)
			if !tt.fresh {
				w.Apply(reconcile.RunApplied)
			}
			before := w.Sim.State()
			w.Commit(tt.fields+", groups: [\"g\", \"h\"], limits: groupDeletes: {off: true, reason: \"test\"}", next)
			result, err := w.Run(true)
			if err != nil {
				t.Fatal(err)
			}
			if result.Plan.Mode != tt.mode {
				t.Errorf("the mode is %q, want %q", result.Plan.Mode, tt.mode)
			}
			var sent []string
			for i := range result.Report.Changes {
				if d := &result.Report.Changes[i]; d.Result == reconcile.ResultDone {
					sent = append(sent, d.Ref().String())
				} else if d.Result != reconcile.ResultWaiting {
					t.Errorf("%s is %s", d.Ref(), d.Result)
				}
			}
			slices.Sort(sent)
			if !slices.Equal(sent, tt.sends) {
				t.Errorf("sent %q, want %q", sent, tt.sends)
			}
			if facts := factsOf(before, w.Sim.State()); len(tt.sends) == 0 && len(facts) > 0 {
				t.Errorf("the directory changed: %v", facts)
			}
			if u, _ := w.Sim.State().User("name1@example.com"); tt.mode == reconcile.ModeDisabled && u.ID == "" {
				t.Error("u1 was renamed")
			}
		})
	}
}

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
	w.Now = w.Now.AddDate(0, 0, 31)
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

// TestARenamedProvisioner continues with the ledger and status of its earlier key if `previously`
// names it.
func TestARenamedProvisioner(t *testing.T) {
	cue := people(3) + group("g", "Group", 1, 3)
	start := func(t *testing.T, fields string) *env {
		w := newEnv(t)
		w.Commit("enabled: true", cue)
		w.Apply(reconcile.RunApplied)
		w.Declare(strings.ReplaceAll(reconciletest.BaseCUE, "provisioners: aws:", "provisioners: prod:"), cue,
			"enabled: true"+fields)
		return w
	}
	run := func(w *env) (*run.Result, error) {
		return w.Runner.Once(t.Context(),
			run.Request{Provisioner: "prod", Declarations: w.Commits[1], Trigger: "test", Apply: true,
				Commit: reconcile.CommitRef{ID: "commit-2"}})
	}
	t.Run("with previously nothing is sent and nothing is adopted", func(t *testing.T) {
		w := start(t, ", previously: aws: {}")
		before := w.Sim.State()
		result, err := run(w)
		if err != nil || result.Report.Outcome != reconcile.RunInSync {
			t.Fatalf("%v\n%s", err, reportText(result.Report))
		}
		if facts := factsOf(before, w.Sim.State()); len(facts) > 0 {
			t.Errorf("the directory changed: %v", facts)
		}
		if past, _ := w.Audit.LoadState(t.Context(), "prod"); len(past.Ledger.Users) != 3 || !past.Status.EverEnabled {
			t.Errorf("the ledger under the new name has %d users", len(past.Ledger.Users))
		}
		if list, err := w.Runner.Removed(t.Context(), w.Commits[1]); err != nil || len(list) > 0 {
			t.Errorf("removed are %v (%v)", list, err)
		}
	})
	t.Run("without previously it is refused with the line to declare", func(t *testing.T) {
		w := start(t, "")
		_, err := run(w)
		if err == nil || !strings.Contains(err.Error(),
			`previously: "aws": {}`) || !strings.HasPrefix(err.Error(), "base.cue:") {
			t.Errorf("the error is %v", err)
		}
	})
}

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
