package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// until returns the field of an end date, after a duration from now.
func (w *env) until(d time.Duration) string {
	return fmt.Sprintf("until: %q", w.Now.Add(d).Format(time.RFC3339))
}

// members returns the number of members of a group in the directory.
func (w *env) members(displayName string) int {
	for _, g := range w.Sim.State().Groups {
		if g.DisplayName == displayName {
			return len(g.Members)
		}
	}
	return 0
}

func TestTemporaryAccessEndsByItself(t *testing.T) {
	const p = `enabled: true, groups: ["g", "h"]`
	start := people(20) + group("g", "Group", 1, 20) + "groups: h: displayName: \"Half\"\n"
	t.Run("the only member of a group", func(t *testing.T) {
		w := newEnv(t)
		w.Commit(p, start)
		w.Apply(reconcile.RunApplied)
		w.Commit(p, start+"groups: h: members: u1: {"+w.until(2*time.Hour)+"}\n")
		w.Apply(reconcile.RunApplied)
		if n := w.members("Half"); n != 1 {
			t.Fatalf("the group has %d members", n)
		}
		w.SetNow(w.Now.Add(time.Hour))
		w.Apply(reconcile.RunInSync)
		w.SetNow(w.Now.Add(time.Hour))
		wantSummary(t, w.Apply(reconcile.RunApplied), "remove-member h u1: done")
		if n := w.members("Half"); n != 0 {
			t.Errorf("the group has %d members", n)
		}
		w.Apply(reconcile.RunInSync)
	})
	t.Run("ten contracts that end on one day, then five leavers", func(t *testing.T) {
		w := newEnv(t)
		ending := start
		for i := 1; i <= 10; i++ {
			ending += fmt.Sprintf("users: u%d: validUntil: \"2026-11-30\"\n", i)
		}
		w.Commit(p, ending)
		w.Apply(reconcile.RunApplied)
		w.SetNow(w.Now.AddDate(0, 0, 10))
		r := w.Apply(reconcile.RunApplied)
		if r.Counts.Done != 10 || r.Changes[0].Reason.Text != "valid until 2026-11-30" {
			t.Error(reportText(r))
		}
		ending = strings.Replace(ending, "{u1: {}, u2: {}, u3: {}, u4: {}, ", "{", 1)
		w.Commit(p, ending) // four inactive users leave
		w.Apply(reconcile.RunApplied)
		w.Commit(p, ending+"users: {u15: state: \"LOCKED\", u16: state: \"LOCKED\", u17: state: \"LOCKED\"}\n"+
			"users: {u18: state: \"LOCKED\", u19: state: \"LOCKED\"}\n")
		if r := w.Apply(reconcile.RunApplied); r.Counts.Done != 5 {
			t.Error(reportText(r))
		}
	})
	t.Run("all members of the only group of the provisioner", func(t *testing.T) {
		w := newEnv(t)
		const p = `enabled: true, groups: ["t"]`
		cue := people(20) + "groups: t: displayName: \"Contractors\"\n"
		for i := 1; i <= 20; i++ {
			cue += fmt.Sprintf("groups: t: members: u%d: until: \"2026-11-30\"\n", i)
		}
		w.Commit(p, cue)
		w.Apply(reconcile.RunApplied)
		w.SetNow(w.Now.AddDate(0, 0, 10))
		if r := w.Apply(reconcile.RunApplied); r.Counts.Done != 40 {
			t.Error(reportText(r))
		}
		for _, u := range w.Sim.State().Users {
			if u.Active {
				t.Errorf("%s is active", u.UserName)
			}
		}
		w.Apply(reconcile.RunInSync)
	})
}

// TestLateEndsAreEdits checks that a limit counts an end that a commit added less than 24 hours
// before it passed, also if that commit was applied before.
func TestLateEndsAreEdits(t *testing.T) {
	const p = `enabled: true, groups: ["g"]`
	start := people(20) + group("g", "Group", 1, 20)
	for _, tt := range []struct {
		name   string
		notice time.Duration
		runs   int // between the commit and its end
		held   []string
	}{
		{"24 hours before", 24 * time.Hour, 1, nil},
		{"23 hours before", 23 * time.Hour, 1, []string{"maxRemovals"}},
		{"23 hours before, with many runs", 23 * time.Hour, 20, []string{"maxRemovals"}},
		{"an hour ago", -time.Hour, 0, []string{"maxRemovals"}},
		{"a week before, but no run saw it in time", 7 * 24 * time.Hour, 0, []string{"maxRemovals"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(p, start)
			w.Apply(reconcile.RunApplied)
			end := w.Now.Add(time.Minute + tt.notice) // Run advances the clock by a minute
			cue := start
			for i := 1; i <= 6; i++ {
				cue += fmt.Sprintf("users: u%d: validUntil: %q\n", i, end.Format(time.RFC3339))
			}
			w.Commit(p, cue)
			for range tt.runs {
				w.Apply(reconcile.RunInSync)
			}
			if end.After(w.Now) {
				w.SetNow(end)
			}
			r := w.applyOnce()
			if !slices.Equal(heldBy(r), tt.held) {
				t.Fatalf("held by %q, want %q\n%s", heldBy(r), tt.held, reportText(r))
			}
			if len(tt.held) == 0 {
				return
			}
			w.SetNow(w.Now.AddDate(0, 0, 3))
			if r := w.applyOnce(); !slices.Equal(heldBy(r), tt.held) {
				t.Errorf("three days later it is held by %q\n%s", heldBy(r), reportText(r))
			}
			w.Commit(p, cue+approve(r.HeldDigest))
			w.Apply(reconcile.RunApplied)
			w.Apply(reconcile.RunInSync)
		})
	}
}
