package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// selectsG is the provisioner of the tests of approvals.
const selectsG = "enabled: true, groups: [\"g\"], limits: activations: min: 40"

// membersOfG declares 40 users, and group g with the first n of them.
func membersOfG(n int) string { return people(40) + group("g", "Group", 1, n) }

// heldRemovals returns an environment in which a gate holds that eight users leave, and the held
// digest.
func heldRemovals(t *testing.T) (*env, string) {
	w := newEnv(t)
	w.Commit(selectsG, membersOfG(40))
	w.Apply(reconcile.RunApplied)
	w.Commit(selectsG, membersOfG(32))
	return w, w.Apply(reconcile.RunHeld).HeldDigest
}

// approveBecause declares an approval without an end.
func approveBecause(digest, reason string) string {
	return fmt.Sprintf("approvals: %q: reason: %q\n", digest, reason)
}

// wantWarning checks that a report has a warning.
func wantWarning(t *testing.T, r *reconcile.Report, part string) {
	t.Helper()
	if !slices.ContainsFunc(r.Warnings, func(s string) bool { return strings.Contains(s, part) }) {
		t.Errorf("no warning has %q: %q", part, r.Warnings)
	}
}

// activeUsers counts the active users of the simulator.
func (w *env) activeUsers() int {
	n := 0
	for _, u := range w.Sim.State().Users {
		if u.Active {
			n++
		}
	}
	return n
}

// TestApprovals checks what an approval releases.
func TestApprovals(t *testing.T) {
	t.Run("a part of the set that was printed passes", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(34)+approve(digest)) // two have come back since
		r := w.Apply(reconcile.RunApplied)
		if r.Counts.Done != 12 {
			t.Errorf("%d changes were made, want 6 users and their memberships\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("more than what was printed stays held", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(31)+approve(digest))
		r := w.Apply(reconcile.RunHeld)
		if r.Counts.Done != 16 || r.Counts.Held != 2 {
			t.Errorf("%d done and %d held, want 16 and 2\n%s", r.Counts.Done, r.Counts.Held, reportText(r))
		}
	})
	t.Run("changes merged since the digest was printed do not invalidate it", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+user("u41", "name41"))
		w.Apply(reconcile.RunHeld)
		w.Commit(selectsG, membersOfG(31)+approve(digest))
		if r := w.applyOnce(); r.Counts.Done != 16 {
			t.Errorf("%d done, want the eight users and their memberships\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("an approval without an end passes", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approveBecause(digest, "they left"))
		r := w.Apply(reconcile.RunApplied)
		if len(r.Approvals) != 1 || r.Approvals[0].Commit != "commit-3" {
			t.Errorf("the report names the approvals %+v", r.Approvals)
		}
	})
	t.Run("an approval that matches nothing is named with the nearest digest", func(t *testing.T) {
		w, digest := heldRemovals(t)
		mistyped := digest[:70] + map[bool]string{true: "1", false: "0"}[digest[70] == '0']
		w.Commit(selectsG, membersOfG(32)+approveBecause(mistyped, "they left"))
		r := w.Apply(reconcile.RunHeld)
		wantWarning(t, r, "more.cue:")
		wantWarning(t, r, "no report has printed its digest as held; the nearest digest that is held is "+digest)
	})
}

// TestAnApprovalNeedsAnEarlierReport checks that no change carries its own approval.
func TestAnApprovalNeedsAnEarlierReport(t *testing.T) {
	t.Run("no report printed the digest", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Audit.LoseReports = true
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		r := w.Apply(reconcile.RunHeld)
		if r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
		wantWarning(t, r, "no report has printed its digest as held")
	})
	t.Run("a report on a broken branch does not count", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Audit.Trust = brokenAt("1111111")
		w.Commit(selectsG, membersOfG(34)+approve(digest))
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
	})
	for _, tt := range []struct {
		name string
		date time.Duration // of the commit, from now
	}{
		{"one commit changes and approves (F4)", 0},
		{"the commit has a date in the future", 1000 * time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(selectsG, membersOfG(40))
			w.Apply(reconcile.RunApplied)
			w.Commit(selectsG, membersOfG(32))
			plan, err := w.Run(false)
			if err != nil {
				t.Fatal(err)
			}
			digest := plan.Plan.HeldDigest // of a plan, or of a preview, without a report
			w.Commits = w.Commits[:1]
			w.Commit(selectsG, membersOfG(32)+approve(digest))
			if tt.date != 0 {
				w.Dates = map[int]time.Time{2: w.Now.Add(tt.date)}
			}
			first := w.Apply(reconcile.RunHeld)
			if first.HeldDigest != digest {
				t.Fatalf("the digest is %s, not %s", first.HeldDigest, digest)
			}
			for range 3 { // now a report has printed it, but for the commit of the approval
				r := w.Apply(reconcile.RunHeld)
				wantWarning(t, r, "a commit cannot approve its own changes")
			}
			if n := w.activeUsers(); n != 40 {
				t.Errorf("%d users are active", n)
			}
			w.Commit(selectsG, membersOfG(32)+approveBecause(digest, "Bob looked at it"))
			w.Apply(reconcile.RunApplied)
		})
	}
	t.Run("another provisioner printed the digest", func(t *testing.T) {
		w, digest := heldRemovals(t)
		for _, r := range w.Audit.Reports {
			r.Identity = "us-east-1/another"
		}
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 0 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("the approval is not committed", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		changed := w.Commits[len(w.Commits)-1]
		w.Commits = w.Commits[:len(w.Commits)-1]
		w.Uncommitted = changed
		result, err := w.Run(false)
		if err != nil || result.Plan.Counts.Held != 16 {
			t.Fatalf("%+v, %v", result.Plan.Counts, err)
		}
		if !strings.Contains(strings.Join(result.Plan.Notices, "\n"), "does not count: it is not committed") {
			t.Errorf("notices: %q", result.Plan.Notices)
		}
	})
}

// TestAnApprovalIsUsedOnce checks that neither the people who come back, nor a crash, nor a lost
// status makes an approval usable again.
func TestAnApprovalIsUsedOnce(t *testing.T) {
	// again brings the eight people back, and removes them again by mistake.
	again := func(t *testing.T, w *env, approval string) {
		t.Helper()
		w.Commit(selectsG, membersOfG(40)+approval)
		w.applyOnce()
		if n := w.activeUsers(); n != 40 {
			t.Fatalf("%d users are active after they came back", n)
		}
		w.Commit(selectsG, membersOfG(32)+approval)
		r := w.Apply(reconcile.RunHeld)
		wantWarning(t, r, "was used at")
		if n := w.activeUsers(); n != 40 {
			t.Errorf("%d users are active", n)
		}
	}
	t.Run("after a run", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Apply(reconcile.RunApplied)
		again(t, w, approve(digest))
	})
	t.Run("a crash after the writes and before the report (F8)", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Audit.LoseReport = true
		if _, err := w.Run(true); err == nil {
			t.Fatal("the report was not lost")
		}
		if n := w.activeUsers(); n != 32 {
			t.Fatalf("%d users are active after the approved run", n)
		}
		again(t, w, approve(digest))
	})
	t.Run("a crash on another machine", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Audit.OpenIntent = &reconcile.Intent{Run: "elsewhere",
			UsedApprovals: []reconcile.ApprovalUse{{Digest: digest, Commit: "commit-3", Time: w.Now}}}
		r := w.Apply(reconcile.RunHeld)
		if r.Counts.Done != 0 {
			t.Errorf("%d done", r.Counts.Done)
		}
		w.Audit.OpenIntent = nil
		wantWarning(t, w.Apply(reconcile.RunHeld), "was used at")
	})
	t.Run("a status without the use", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Apply(reconcile.RunApplied)
		w.past("aws").Status.UsedApprovals = nil // forged
		again(t, w, approve(digest))
	})
	t.Run("a run that was cut off uses it", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Audit.FailAfterEntries = 2
		if _, err := w.Run(true); err == nil {
			t.Fatal("the run did not notice")
		}
		w.Audit.FailAfterEntries = 0
		wantWarning(t, w.Apply(reconcile.RunHeld), "was used at")
	})
	t.Run("an edited approval is another one, and counts after a report", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Apply(reconcile.RunApplied)
		again(t, w, approve(digest))
		w.Commit(selectsG, membersOfG(32)+approveBecause(digest, "again"))
		w.Apply(reconcile.RunApplied)
	})
	t.Run("a pause does not use it", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG+", paused: {reason: \"a move\", until: \"2026-11-30\"}", membersOfG(32)+approve(digest))
		w.applyOnce()
		if s := w.past("aws").Status; len(s.UsedApprovals) != 0 {
			t.Errorf("used: %+v", s.UsedApprovals)
		}
	})
}

// TestAnApprovalThatMatchesNothingIsNamedOnce checks the report of a run that plans twice, to find
// the causes of its held changes.
func TestAnApprovalThatMatchesNothingIsNamedOnce(t *testing.T) {
	w, _ := heldRemovals(t)
	w.Commit(selectsG, membersOfG(32)+approve("sha256:"+strings.Repeat("0", 64)))
	for range 2 {
		r := w.Apply(reconcile.RunHeld)
		n := 0
		for _, warning := range r.Warnings {
			if strings.Contains(warning, "no report has printed its digest") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d warnings name it: %q", n, r.Warnings)
		}
	}
}

// TestAnApprovalIsNotForLaterChanges checks that an approval which released nothing, because its
// changes were reverted, does not release them for a later commit.
func TestAnApprovalIsNotForLaterChanges(t *testing.T) {
	t.Run("a commit removes the users again and has the approval of their first removal", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(40))
		w.Apply(reconcile.RunInSync)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		r := w.Apply(reconcile.RunHeld)
		wantWarning(t, r, "does not count for the changes that commit commit- brought")
		if n := w.activeUsers(); n != 40 {
			t.Errorf("%d users are active, want 40", n)
		}
		w.Commit(selectsG, membersOfG(32)+approveBecause(digest, "they left again"))
		w.Apply(reconcile.RunApplied)
	})
	t.Run("a commit removes the users again after the approval was merged with the revert", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(40)+approve(digest))
		w.Apply(reconcile.RunInSync)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Apply(reconcile.RunHeld)
		if n := w.activeUsers(); n != 40 {
			t.Errorf("%d users are active, want 40", n)
		}
	})
	t.Run("a commit removes the members again while the return of the users is held", func(t *testing.T) {
		w := newEnv(t)
		const p = "enabled: true, groups: [\"g\"]"
		w.Commit(p, membersOfG(40))
		w.Apply(reconcile.RunApplied)
		w.Commit(p, membersOfG(22))
		digest := w.Apply(reconcile.RunHeld).HeldDigest
		w.Commit(p, membersOfG(22)+approve(digest))
		w.Apply(reconcile.RunApplied)
		w.Commit(p, membersOfG(40))
		w.Apply(reconcile.RunHeld) // by gate activations; the memberships are back
		w.Commit(p, membersOfG(22)+approveBecause(digest, "again"))
		r := w.Apply(reconcile.RunHeld)
		wantWarning(t, r, "does not count for the changes that commit commit- brought")
		if n := len(w.Sim.State().MemberNames("Group")); n != 40 {
			t.Errorf("%d members, want 40", n)
		}
		w.Commit(p, membersOfG(22)+approve(r.HeldDigest))
		w.Apply(reconcile.RunApplied)
	})
	t.Run("the members come back outside", func(t *testing.T) {
		w := newEnv(t)
		const p = "enabled: true, groups: [\"g\"]"
		w.Commit(p, membersOfG(40))
		w.Apply(reconcile.RunApplied)
		w.Commit(p, membersOfG(22))
		digest := w.Apply(reconcile.RunHeld).HeldDigest
		w.Commit(p, membersOfG(22)+approve(digest))
		w.Apply(reconcile.RunApplied)
		for n := 23; n <= 40; n++ {
			u := ids(w.Sim.State())[fmt.Sprintf("user u%d", n)]
			if err := w.Sim.AddMember(w.groupID("Group"), u); err != nil {
				t.Fatal(err)
			}
		}
		w.Commit(p, membersOfG(22)+approveBecause(digest, "again"))
		wantWarning(t, w.Apply(reconcile.RunHeld), "a report printed them as a change of a commit")
	})
	t.Run("both are merged before a run sees the revert", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(40))
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Apply(reconcile.RunApplied) // the report looked at these changes, and they are still the same
	})
}

// TestApprovalsEnd checks for how long an approval counts.
func TestApprovalsEnd(t *testing.T) {
	t.Run("it is over on its last day", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG,
			membersOfG(32)+fmt.Sprintf("approvals: %q: {reason: \"expected\", expires: \"2026-11-23\"}\n", digest))
		w.Apply(reconcile.RunHeld)
	})
	t.Run("an approval without a record is as old as its commit", func(t *testing.T) {
		w, digest := heldRemovals(t)
		w.Commit(selectsG, membersOfG(32)+approve(digest))
		w.Dates = map[int]time.Time{3: w.Now.Add(-25 * time.Hour)}
		r := w.Apply(reconcile.RunHeld)
		wantWarning(t, r, "has expired: it counts for 24 hours")
	})
	for _, tt := range []struct {
		name    string
		pause   time.Duration // after the commit of the approval
		wait    time.Duration // after the pause
		outcome reconcile.Outcome
	}{
		{"a pause does not count", 40 * time.Hour, time.Hour, reconcile.RunApplied},
		{"the time after a pause counts", 40 * time.Hour, 25 * time.Hour, reconcile.RunHeld},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, digest := heldRemovals(t)
			w.Commit(selectsG+", paused: {reason: \"a move\", until: \"2026-11-30\"}", membersOfG(32)+approve(digest))
			wantWarning(t, w.applyOnce(), "counts only until")
			w.SetNow(w.Now.Add(tt.pause))
			w.applyOnce()
			w.Commit(selectsG, membersOfG(32)+approve(digest))
			if tt.outcome == reconcile.RunHeld { // a run without a pause that cannot use it
				w.Audit.LoseReports = true
				w.Apply(reconcile.RunHeld)
				w.Audit.LoseReports = false
				w.SetNow(w.Now.Add(tt.wait))
			}
			w.Apply(tt.outcome)
		})
	}
}
