package run_test

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

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
	t.Run("with previously the reports under the earlier key are evidence", func(t *testing.T) {
		w := start(t, ", previously: aws: {}")
		w.Audit.ForgetProofs("aws")
		if _, err := run(w); err != nil {
			t.Fatal(err)
		}
		w.Audit.ForgetProofs("prod")
		w.Declare(strings.ReplaceAll(reconciletest.BaseCUE, "provisioners: aws:", "provisioners: prod:"),
			people(4)+group("g", "Group", 1, 4), "enabled: true, previously: aws: {}")
		w.Commits[1] = w.Commits[2]
		result, err := run(w)
		if err != nil || result.Report.Outcome != reconcile.RunApplied {
			t.Fatalf("%v\n%s", err, reportText(result.Report))
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
