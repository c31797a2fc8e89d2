package run_test

import (
	"encoding/json"
	"reflect"
	"slices"
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
		wantSummary(t, w.Apply(reconcile.RunHeld), "remove-member g u2: held by protected",
			"release-user u2: held by protected")
	}
}

// TestReleasesAreHeldLikeChanges releases objects in a commit that a gate of the whole plan, the
// mode or a missing review stops. They stay managed.
func TestReleasesAreHeldLikeChanges(t *testing.T) {
	cue := people(8) + group("g", "Group", 1, 2)
	keep := `enabled: true, deprovision: mode: "keep"`
	for _, tt := range []struct {
		name                           string
		before, provisioner, after, by string
		prepare                        func(*env)
	}{
		{"groups in a forced push", "enabled: true", "enabled: true, pushGroups: false", cue,
			"release-group g: held by history", func(w *env) {
				w.Audit.Forge("aws", func(s *reconcile.AuditState) { s.Status.LastApplied.Commit = "commit-9" })
			}},
		{"groups while the audit branch is broken", "enabled: true", "enabled: true, pushGroups: false", cue,
			"release-group g: held by audit!", func(w *env) {
				w.Audit.Trust = reconcile.AuditTrust{Level: reconcile.TrustBroken, Reason: "forged", Break: "f"}
			}},
		{"groups of a merge that nobody reviewed", "enabled: true, review: \"required\"",
			"enabled: true, review: \"required\", pushGroups: false", cue,
			"release-group g: held by unreviewed", nil},
		{"most of the users", keep, keep, people(3), "release-user u4: held by emptySource", nil},
		{"groups of a paused provisioner", "enabled: true",
			`enabled: true, pushGroups: false, paused: {reason: "maintenance", until: "2026-12-31"}`, cue,
			"release-group g: waiting paused", nil},
		{"groups of a disabled provisioner", "enabled: true", "enabled: false, pushGroups: false", cue,
			"release-group g: waiting waiting for enable", nil},
		{"groups outside the windows", "enabled: true",
			`enabled: true, pushGroups: false, windows: night: {days: ["saturday"], from: "01:00", to: "02:00"}`, cue,
			"release-group g: waiting outside the windows", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(strings.ReplaceAll(tt.before, `, review: "required"`, ""), cue)
			w.Apply(reconcile.RunApplied)
			ledger, before := w.past("aws").Ledger, w.Sim.State()
			if tt.prepare != nil {
				tt.prepare(w)
			}
			w.Commit(tt.provisioner, tt.after)
			for range 2 {
				r := w.applyOnce()
				if lines := summary(r); !slices.Contains(lines, tt.by) {
					t.Fatalf("the run did:\n  %s\nwant %s", strings.Join(lines, "\n  "), tt.by)
				}
				if len(r.Releases) > 0 {
					t.Errorf("the report says that %v are released", r.Releases)
				}
				if now := w.past("aws"); !reflect.DeepEqual(now.Ledger, ledger) {
					t.Errorf("the ledger has %+v, had %+v", now.Ledger, ledger)
				}
				if after := w.Sim.State(); !reflect.DeepEqual(after, before) {
					t.Errorf("AWS has %+v, had %+v", after, before)
				}
			}
		})
	}
}

// TestAnApprovalReleasesHeldReleases approves the release of most users, which nothing else shows.
func TestAnApprovalReleasesHeldReleases(t *testing.T) {
	w := newEnv(t)
	const keep = `enabled: true, deprovision: mode: "keep"`
	w.Commit(keep, people(8))
	w.Apply(reconcile.RunApplied)
	before := w.Sim.State()
	w.Commit(keep, people(3))
	digest := w.Apply(reconcile.RunHeld).HeldDigest
	w.Commit(keep, people(3)+approve(digest))
	w.Apply(reconcile.RunApplied)
	if past := w.past("aws"); len(past.Ledger.Users) != 3 || past.Status.LastApplied.Commit != "commit-3" {
		t.Errorf("the ledger has %v, last applied is %v", past.Ledger.Users, past.Status.LastApplied)
	}
	if after := w.Sim.State(); !reflect.DeepEqual(after, before) {
		t.Errorf("AWS has %+v, had %+v", after, before)
	}
	w.Apply(reconcile.RunInSync)
}

// TestAForgedEntryOfAReleasedObjectIsNotOwned puts a released group back into the ledger.
func TestAForgedEntryOfAReleasedObjectIsNotOwned(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(2)+group("g", "Group", 1, 2))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true, pushGroups: false", people(2)+group("g", "Group", 1, 2))
	w.Apply(reconcile.RunApplied)
	id := w.groupID("Group")
	w.Audit.Forge("aws", func(s *reconcile.AuditState) { s.Ledger.Groups["g"] = reconcile.Owned{ID: id} })
	w.Commit("enabled: true", people(2)+group("g", "Group", 1, 1))
	wantSummary(t, w.Apply(reconcile.RunHeld), "remove-member g u2: held by contradicted!")
	if g, _ := w.Sim.State().Group("Group"); len(g.Members) != 2 {
		t.Errorf("the group has the members %v", g.Members)
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
				"Markdown of the preview": render.PreviewsMarkdown([]*reconcile.Preview{preview}, nil),
			} {
				if !strings.Contains(strings.ReplaceAll(text, "`", ""), tt.want) {
					t.Errorf("the %s does not say %q:\n%s", what, tt.want, text)
				}
			}
			for what, text := range map[string][]byte{"plan": planJSON, "report": reportJSON} {
				if !strings.Contains(string(text), `"releases":[{"kind":"`) {
					t.Errorf("the JSON of the %s does not have the released objects:\n%s", what, text)
				}
			}
			after := w.Sim.State()
			if tt.name == "groups that are no longer pushed" && !reflect.DeepEqual(after, before) {
				t.Errorf("AWS has %+v, had %+v", after, before)
			}
			result, err = w.Run(false)
			if err != nil || len(result.Plan.Releases) > 0 {
				t.Errorf("the next plan releases %v, %v", result.Plan.Releases, err)
			}
		})
	}
}
