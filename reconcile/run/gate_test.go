package run_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

const selectsGroups = "enabled: true, groups: [\"g\", \"h\"]"

// twoGroups declares 120 users, and groups of the first g and h of them.
func twoGroups(g, h int) string {
	return people(120) + group("g", "Group", 1, g) + group("h", "Half", 1, h)
}

// gateRuns are the cases of TestGatesInWholeRuns.
var gateRuns = []struct {
	gates       []string // all that hold changes
	provisioner string
	start       string
	change      func(w *env) string // changes AWS, returns the next declarations
}{
	{[]string{"maxRemovals"}, selectsGroups, twoGroups(100, 2), func(*env) string { return twoGroups(89, 2) }},
	{[]string{"emptySource", "maxRemovals", "memberRemovals"}, selectsGroups, twoGroups(40, 2),
		func(*env) string { return twoGroups(19, 2) }},
	{[]string{"vanished"}, selectsGroups, twoGroups(40, 2), func(w *env) string {
		w.deleteGroup("Half")
		return twoGroups(40, 2)
	}},
	{[]string{"firstContact"}, selectsGroups + ", adopt: \"match\"", "", func(w *env) string {
		w.makeUser("name1", "", func(u *awssim.User) { u.DisplayName = "Else" })
		return twoGroups(3, 2)
	}},
	{[]string{"foreignExternalId"}, selectsGroups + ", adopt: \"take-over\"", twoGroups(2, 1), func(w *env) string {
		w.makeUser("name3", "theirs")
		return twoGroups(3, 1)
	}},
	{[]string{"history"}, selectsGroups, twoGroups(10, 2), func(w *env) string {
		w.Commits = nil
		return twoGroups(10, 3)
	}},
}

// TestGatesInWholeRuns has some gates in whole runs: the changes that a gate holds are approved
// with the digest of the report, or the gate is turned off. Package reconcile tests the rows of
// each gate.
func TestGatesInWholeRuns(t *testing.T) {
	for _, tt := range gateRuns {
		begin := func(t *testing.T, limits string) (*env, string) {
			w := newEnv(t)
			if tt.start != "" {
				for range 5 { // for history: the last of them are lost
					w.Commit(tt.provisioner+limits, tt.start)
				}
				w.Apply(reconcile.RunApplied)
			}
			return w, tt.change(w)
		}
		t.Run(tt.gates[0]+" holds changes until they are approved", func(t *testing.T) {
			w, cue := begin(t, "")
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
		switch tt.gates[0] {
		case "history", "firstContact": // without a last applied commit the default rules count
			continue
		}
		t.Run(tt.gates[0]+" is turned off with a reason", func(t *testing.T) {
			off := strings.Join(tt.gates, ": {off: true, reason: \"we know\"}, ") + ": {off: true, reason: \"we know\"}"
			limits := ", limits: {" + off + "}"
			w, cue := begin(t, limits)
			w.Commit(tt.provisioner+limits, cue)
			r := w.Apply(reconcile.RunApplied)
			if !slices.Contains(r.Warnings, "gate "+tt.gates[0]+" is off: we know") {
				t.Error(reportText(r))
			}
		})
	}
	t.Run("maxRemovals with a declared limit", func(t *testing.T) {
		w := newEnv(t)
		const limits = ", limits: maxRemovals: {max: 13, percent: 20}"
		w.Commit(selectsGroups+limits, twoGroups(100, 2))
		w.Apply(reconcile.RunApplied)
		w.Commit(selectsGroups+limits, twoGroups(89, 2))
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

// TestAFirstCommitKeepsTheGateOfItsInitialAdoption checks that the commit which declares a
// provisioner does not turn off the gate that holds its adoptions: an unmanaged group gets no
// member and loses none.
func TestAFirstCommitKeepsTheGateOfItsInitialAdoption(t *testing.T) {
	const off = ": {off: true, reason: \"quick\"}"
	const hostile = "enabled: true, adopt: \"take-over\", limits: {firstContact" + off + ", memberRemovals" + off + "}"
	w := newEnv(t)
	chief := w.makeUser("chief", "")
	w.makeGroup("Group", chief)
	before := w.Sim.State().MemberNames("Group")
	for range 2 {
		w.Commit(hostile, people(1)+group("g", "Group", 1, 1))
		for range 2 {
			r := w.Apply(reconcile.RunHeld)
			if got := w.Sim.State().MemberNames("Group"); !slices.Equal(got, before) {
				t.Fatalf("the members are %v, want %v\n%s", got, before, reportText(r))
			}
			if len(r.Loosened) != 1 || r.Loosened[0].Field != "limits.firstContact" {
				t.Errorf("the report names the loosened rules %v", r.Loosened)
			}
		}
	}
	w.Commit(hostile, people(1)+group("g", "Group", 1, 1)+approve(w.Apply(reconcile.RunHeld).HeldDigest))
	w.Apply(reconcile.RunApplied)
	w.Apply(reconcile.RunInSync)
	if got := w.Sim.State().MemberNames("Group"); slices.Equal(got, before) {
		t.Errorf("after the approval the members are still %v", got)
	}
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
	w.SetNow(w.Now.Add(24 * time.Hour))
	w.Apply(reconcile.RunApplied)
}
