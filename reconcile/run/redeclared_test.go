package run_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// redeclaredCases are the cases of TestWhatACommitTakesBackIsNotDrift. The second commit changes
// something, which is applied. The third takes it back.
var redeclaredCases = []struct {
	name          string
	first, second string // the declarations
	want          string // the change of the third commit
}{
	{"a member is removed again", people(4) + group("g", "Group", 1, 2), people(4) + group("g", "Group", 1, 3),
		"remove-member g u3"},
	{"a member is added again", people(4) + group("g", "Group", 1, 3), people(4) + group("g", "Group", 1, 2),
		"add-member g u3"},
	{"a user has the earlier name again", people(4) + group("g", "Group", 1, 2),
		renamed(4, `"name1"`, `"new1"`) + group("g", "Group", 1, 2), "update-user u1"},
	{"a group has the earlier name again", people(4) + group("g", "Group", 1, 2),
		people(4) + group("g", "Other", 1, 2), "rename-group g"},
}

// TestWhatACommitTakesBackIsNotDrift holds a deletion, so that the last applied commit does not
// advance. What a later commit takes back is that commit's change, in each run.
func TestWhatACommitTakesBackIsNotDrift(t *testing.T) {
	for _, tt := range redeclaredCases {
		for _, reviewed := range []bool{false, true} {
			name := tt.name
			if reviewed {
				name += ", and nobody reviews it"
			}
			t.Run(name, func(t *testing.T) {
				w := newEnv(t)
				h := group("h", "Half", 4, 4)
				setting := "enabled: true"
				if reviewed {
					setting = requiresReview
				}
				w.Commit(setting, tt.first+h)
				w.Commit(setting, tt.second) // the deletion of group h is held
				w.Commit(setting, tt.first)
				all := w.Commits
				w.Commits = all[:1]
				if w.applyFirst(t); reviewed {
					w.Runner.Review = &reviewForge{merges: []reconcile.ReviewedMerge{mergeOf(all, 1, 2)}}
				}
				w.Commits = all[:2]
				if r := w.Apply(reconcile.RunHeld); r.Counts.Done != 1 {
					t.Fatalf("%d changes are done\n%s", r.Counts.Done, reportText(r))
				}
				w.Commits = all
				for range 2 {
					r := w.Apply(reconcile.RunHeld)
					i := slices.IndexFunc(r.Changes, func(d reconcile.Done) bool { return d.Ref().String() == tt.want })
					if i < 0 {
						t.Fatalf("%s is not in the report\n%s", tt.want, reportText(r))
					}
					d := r.Changes[i]
					if d.Origin != reconcile.Intended || d.Cause.Commit != "commit-3" {
						t.Errorf("it is %s, and %+v brought it", d.Origin, d.Cause)
					}
					if !reviewed {
						break
					}
					if !slices.ContainsFunc(d.Held(), func(h reconcile.Hold) bool { return h.Gate == "unreviewed" }) {
						t.Errorf("it is not held as unreviewed\n%s", reportText(r))
					}
				}
			})
		}
	}
}

// mergeOf returns the reviewed merge of one of some commits on another.
func mergeOf(all []*schema.Declarations, base, approved int) reconcile.ReviewedMerge {
	return reconcile.ReviewedMerge{Name: "pull request 7", Base: all[base-1], Merged: all[approved-1],
		Review: reviewBy("bob")}
}

// TestDriftIsStillDriftWhileChangesAreHeld has real drift after the same commits.
func TestDriftIsStillDriftWhileChangesAreHeld(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(4)+group("g", "Group", 1, 2)+group("h", "Half", 4, 4))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", people(4)+group("g", "Group", 1, 2))
	w.Apply(reconcile.RunHeld)
	w.Commit("enabled: true", strings.Replace(people(4), `"name4"`, `"new4"`, 1)+group("g", "Group", 1, 2))
	if err := w.Sim.AddMember(w.groupID("Group"), ids(w.Sim.State())["user u3"]); err != nil {
		t.Fatal(err)
	}
	for i, d := range w.Apply(reconcile.RunHeld).Changes {
		drift := d.Origin == reconcile.Drift && d.Cause.Kind == reconcile.CauseDrift
		if d.Ref().String() == "remove-member g u3" && !drift {
			t.Errorf("change %d is %s, and %+v brought it", i, d.Origin, d.Cause)
		}
	}
}
