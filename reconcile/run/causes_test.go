package run_test

import (
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// titles returns the titles of the held groups of a report.
func titles(r *reconcile.Report) []string {
	var out []string
	for _, g := range r.HeldGroups {
		out = append(out, g.Title())
	}
	return out
}

func wantTitles(t *testing.T, r *reconcile.Report, want ...string) {
	t.Helper()
	if got := titles(r); !slices.Equal(got, want) {
		t.Fatalf("the groups are %q, want %q\n%s", got, want, reportText(r))
	}
}

// twoCauses returns an environment in which commit 2 removes six users from group g, and commit 4
// six from group h.
func twoCauses(t *testing.T) *env {
	const selects = "enabled: true, groups: [\"g\", \"h\"]"
	org := func(g, h int) string { return people(80) + group("g", "Group", 1, g) + group("h", "Half", 41, h) }
	w := newEnv(t)
	w.Commit(selects, org(40, 80))
	w.Apply(reconcile.RunApplied)
	w.Commit(selects, org(34, 80))
	w.Commit(selects, org(34, 80)+"timezone: \"Europe/Paris\"\n")
	w.Commit(selects, org(34, 74))
	return w
}

// TestHeldChangesAreGroupedByCause checks that the changes of each commit, those of dates and drift
// have digests of their own.
func TestHeldChangesAreGroupedByCause(t *testing.T) {
	const selects = "enabled: true, groups: [\"g\", \"h\"]"
	org := func(g, h int) string { return people(80) + group("g", "Group", 1, g) + group("h", "Half", 41, h) }
	t.Run("two commits", func(t *testing.T) {
		w := twoCauses(t)
		r := w.Apply(reconcile.RunHeld)
		wantTitles(t, r, "commit commit-", "commit commit-")
		first, second := r.HeldGroups[0], r.HeldGroups[1]
		if first.Cause.Commit != "commit-2" || second.Cause.Commit != "commit-4" || first.Users != 6 ||
			first.Changes+second.Changes != r.Counts.Held {
			t.Fatalf("the groups are %+v", r.HeldGroups)
		}
		w.Commit(selects, org(34, 74)+approve(second.Digest))
		r = w.Apply(reconcile.RunHeld)
		if r.Counts.Done != 12 || r.Counts.Held != 12 || r.HeldDigest != first.Digest {
			t.Errorf("%d done, %d held\n%s", r.Counts.Done, r.Counts.Held, reportText(r))
		}
		wantTitles(t, r, "commit commit-")
	})
	t.Run("the digest of all changes releases all groups", func(t *testing.T) {
		w := twoCauses(t)
		r := w.Apply(reconcile.RunHeld)
		w.Commit(selects, org(34, 74)+approve(r.HeldDigest))
		w.Apply(reconcile.RunApplied)
	})
	t.Run("a merge since the digest was printed does not invalidate a group", func(t *testing.T) {
		w := twoCauses(t)
		r := w.Apply(reconcile.RunHeld)
		w.Commit(selects, org(34, 73))
		w.Apply(reconcile.RunHeld)
		w.Commit(selects, org(34, 73)+approve(r.HeldGroups[0].Digest))
		if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 12 {
			t.Errorf("%d done\n%s", r.Counts.Done, reportText(r))
		}
	})
	t.Run("causes are kept in the status", func(t *testing.T) {
		w := twoCauses(t)
		r := w.Apply(reconcile.RunHeld)
		w.Commit(selects, org(34, 74)+user("u99", "name99"))
		loads := w.Loads
		next := w.Apply(reconcile.RunHeld)
		if next.HeldDigest != r.HeldDigest || !slices.EqualFunc(r.HeldGroups, next.HeldGroups,
			func(a, b reconcile.HeldGroup) bool { return a.Digest == b.Digest }) {
			t.Errorf("the groups are %+v, then %+v", r.HeldGroups, next.HeldGroups)
		}
		if n := w.Loads - loads; n > 2 {
			t.Errorf("%d commits were loaded", n)
		}
	})
	t.Run("a change that comes back has a new cause", func(t *testing.T) {
		w := twoCauses(t)
		w.Apply(reconcile.RunHeld)
		w.Commit(selects, org(40, 71))
		wantTitles(t, w.Apply(reconcile.RunHeld), "commit commit-", "commit commit-")
		w.Commit(selects, org(34, 71))
		r := w.Apply(reconcile.RunHeld)
		if len(r.HeldGroups) != 3 || r.HeldGroups[2].Cause.Commit != "commit-6" || r.HeldGroups[2].Users != 6 {
			t.Errorf("the groups are %+v", r.HeldGroups)
		}
	})
	t.Run("drift", func(t *testing.T) {
		w := newEnv(t)
		w.Commit("enabled: true", people(20)+group("g", "Group", 1, 10))
		w.Apply(reconcile.RunApplied)
		var ids []string
		for _, u := range w.Sim.State().Users {
			if u.ExternalID > "u19" || u.ExternalID == "u2" {
				ids = append(ids, u.ID)
			}
		}
		for _, u := range w.Sim.State().Users {
			if !slices.Contains(ids, u.ID) && u.ExternalID >= "u11" && u.ExternalID <= "u19" {
				ids = append(ids, u.ID)
			}
		}
		if err := w.Sim.AddMember(w.groupID("Group"), ids...); err != nil {
			t.Fatal(err)
		}
		wantTitles(t, w.Apply(reconcile.RunHeld), "changed outside roster")
	})
	t.Run("more commits than are evaluated", func(t *testing.T) {
		w := newEnv(t)
		w.Commit(selects, org(40, 80))
		w.Apply(reconcile.RunApplied)
		w.Commit(selects, org(34, 80))
		for range reconcile.MaxCauseCommits {
			w.Commit(selects, org(34, 80))
		}
		w.Commit(selects, org(34, 74))
		r := w.Apply(reconcile.RunHeld)
		if len(r.HeldGroups) != 2 || r.HeldGroups[0].Cause.Kind != reconcile.CauseBefore ||
			r.HeldGroups[1].Cause.Kind != reconcile.CauseCommit {
			t.Errorf("the groups are %+v", r.HeldGroups)
		}
	})
}
