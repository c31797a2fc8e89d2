package run_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// allChanges are the changes of an enabled provisioner in TestModes, sorted.
var allChanges = []string{"add-member g u6", "create-user u6", "deactivate-user u3", "deactivate-user u5",
	"delete-group k", "remove-member g u5", "remove-member h u2", "rename-user u1"}

// modeCases are the cases of TestModes.
var modeCases = []struct {
	name, fields string
	fresh        bool // never applied before
	mode         reconcile.Mode
	sends        []string
}{
	{"enabled sends everything", "enabled: true", false, reconcile.ModeEnabled, allChanges},
	{"disabled only deprovisions users who left or became inactive", "enabled: false", false,
		reconcile.ModeDisabled, []string{"deactivate-user u3", "deactivate-user u5", "remove-member g u5"}},
	{"paused sends nothing", "enabled: true, paused: {reason: \"a move\", until: \"2026-11-30\"}", false,
		reconcile.ModePaused, nil},
	{"a pause that has ended sends everything",
		"enabled: true, paused: {reason: \"a move\", until: \"2026-11-20\"}", false, reconcile.ModeEnabled, allChanges},
	{"never enabled sends nothing", "enabled: false", true, reconcile.ModeNeverEnabled, nil},
	{"outside of its windows nothing is sent", "enabled: true, windows: night: {from: \"22:00\", to: \"04:00\"}",
		false, reconcile.ModeEnabled, nil},
	{"inside of its windows everything is", "enabled: true, windows: day: {from: \"08:00\", to: \"18:00\"}",
		false, reconcile.ModeEnabled, allChanges},
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
	for _, tt := range modeCases {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			const deletes = ", limits: groupDeletes: {off: true, reason: \"test\"}"
			w.Commit("enabled: true, groups: [\"g\", \"h\", \"k\"]"+deletes, start)
			if !tt.fresh {
				w.Apply(reconcile.RunApplied)
			}
			before := w.Sim.State()
			w.Commit(tt.fields+", groups: [\"g\", \"h\"]"+deletes, next)
			result, err := w.Run(true)
			if err != nil {
				t.Fatal(err)
			}
			if result.Plan.Mode != tt.mode {
				t.Errorf("the mode is %q, want %q", result.Plan.Mode, tt.mode)
			}
			outcome := reconcile.RunWaiting
			if len(tt.sends) == len(allChanges) {
				outcome = reconcile.RunApplied
			}
			if result.Report.Outcome != outcome {
				t.Errorf("the outcome is %q, want %q", result.Report.Outcome, outcome)
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
