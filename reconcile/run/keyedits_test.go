package run_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestEditsOfKeysAndSelectionsTakeNoAccess edits the keys and the selection of groups, which takes
// no access without an approval, and then takes the edit back. A swap of keys by `previously` is
// not valid: R2013.
func TestEditsOfKeysAndSelectionsTakeNoAccess(t *testing.T) {
	const selects = `enabled: true, groups: ["g", "h"]`
	cue := people(8) + group("g", "Group", 1, 8) + group("h", "Half", 3, 8)
	for _, tt := range []struct {
		name, provisioner, cue string
		outcome                reconcile.Outcome
	}{
		{"the key of a group in another case", `enabled: true, groups: ["G", "h"]`,
			people(8) + group("G", "Group", 1, 8) + group("h", "Half", 3, 8), reconcile.RunHeld},
		{"a selection without one of the groups", `enabled: true, groups: ["g"]`, cue, reconcile.RunHeld},
		{"groups that are not pushed", selects + ", pushGroups: false", cue, reconcile.RunApplied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(selects, cue)
			w.Apply(reconcile.RunApplied)
			before := w.Sim.State()
			w.Commit(tt.provisioner, tt.cue)
			for _, outcome := range []reconcile.Outcome{tt.outcome, ""} {
				if r := w.applyOnce(); outcome != "" && r.Outcome != outcome {
					t.Errorf("the outcome is %s\n%s", r.Outcome, reportText(r))
				}
				if facts := factsOf(before, w.Sim.State()); len(facts) > 0 {
					t.Errorf("the directory changed: %v", facts)
				}
			}
			w.Commit(selects, cue)
			w.Apply(reconcile.RunInSync)
			if facts := factsOf(before, w.Sim.State()); len(facts) > 0 {
				t.Errorf("after the edit was taken back, the directory changed: %v", facts)
			}
		})
	}
}
