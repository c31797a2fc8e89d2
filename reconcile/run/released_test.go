package run_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// A user who leaves with deprovision "keep" stays managed while the removal of a membership is
// held. Otherwise the next run would remove an unmanaged member, which gate protected ignores.
func TestAHeldRemovalKeepsAUserManaged(t *testing.T) {
	w := newEnv(t)
	const keep = `enabled: true, deprovision: mode: "keep", `
	w.Commit(keep+`protect: users: u2: {}`, people(2)+group("g", "Group", 1, 2))
	w.Apply(reconcile.RunApplied)
	w.Commit(keep, people(1)+group("g", "Group", 1, 1))
	for range 2 {
		wantSummary(t, w.Apply(reconcile.RunHeld), "remove-member g u2: held by protected")
	}
}

// TestReleasedObjectsAreNamed releases groups and users. AWS stays as it is, and the plan, the
// report and the preview name them in every format.
func TestReleasedObjectsAreNamed(t *testing.T) {
	cue := people(2) + group("g", "Group", 1, 2) + group("h", "Half", 1, 1)
	for _, tt := range []struct{ name, before, provisioner, cue, want string }{
		{"groups that are no longer pushed", "enabled: true", "enabled: true, pushGroups: false", cue,
			"2 groups stay in AWS as they are, and roster no longer manages them: Group (g), Half (h)"},
		{"a user who is kept", `enabled: true, deprovision: mode: "keep"`, `enabled: true, deprovision: mode: "keep"`,
			people(1) + group("g", "Group", 1, 1) + group("h", "Half", 1, 1),
			"1 user stays in AWS as it is, and roster no longer manages it: name2@example.com (u2)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(tt.before, cue)
			w.Apply(reconcile.RunApplied)
			before := w.Sim.State()
			w.Commit(tt.provisioner, tt.cue)
			result, err := w.Run(false)
			if err != nil {
				t.Fatal(err)
			}
			preview := w.Preview(1, 2, false)
			var planText, previewText strings.Builder
			_, _ = render.PlanText(&planText, result.Plan, nil), render.PreviewText(&previewText, preview, nil)
			r := w.applyOnce()
			planJSON, _ := json.Marshal(result.Plan)
			reportJSON, _ := json.Marshal(r)
			for what, text := range map[string]string{
				"text of the plan": planText.String(), "text of the preview": previewText.String(),
				"text of the report": reportText(r), "Markdown of the plan": render.PlanMarkdown(result.Plan),
				"Markdown of the report":  render.ReportMarkdown(r),
				"Markdown of the preview": render.PreviewsMarkdown([]*reconcile.Preview{preview}),
			} {
				if !strings.Contains(strings.ReplaceAll(text, "&#64;", "@"), tt.want) {
					t.Errorf("the %s does not say %q:\n%s", what, tt.want, text)
				}
			}
			for what, text := range map[string][]byte{"plan": planJSON, "report": reportJSON} {
				if !strings.Contains(string(text), `"releases":[{"kind":"`) {
					t.Errorf("the JSON of the %s does not have the released objects:\n%s", what, text)
				}
			}
			after := w.Sim.State()
			if len(r.Changes) == 0 && !reflect.DeepEqual(after, before) {
				t.Errorf("AWS has %+v, had %+v", after, before)
			}
			result, err = w.Run(false)
			if err != nil || len(result.Plan.Releases) > 0 {
				t.Errorf("the next plan releases %v, %v", result.Plan.Releases, err)
			}
		})
	}
}
