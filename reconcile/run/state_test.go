package run_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// TestAPlantedStatusDecidesNoAdoption plants a status under the key of a provisioner that a later
// commit declares with adopt: "match". The directory has an unmanaged user with a declared name.
func TestAPlantedStatusDecidesNoAdoption(t *testing.T) {
	for _, tt := range []struct {
		name     string
		enabled  string // in the commit that the status names
		level    reconcile.TrustLevel
		wantHeld bool
	}{
		{"whose commit does not declare the tenant", "", reconcile.TrustUnproved, true},
		{"whose commit declares the tenant without enabling it", "enabled: false", reconcile.TrustUnproved, true},
		{"whose commit declares the tenant, by another machine", "enabled: true", reconcile.TrustUnproved, false},
		{"that this machine wrote", "", reconcile.TrustProved, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			if tt.enabled == "" {
				w.Declare(strings.Split(reconciletest.BaseCUE, "provisioners:")[0], people(1))
			} else {
				w.Commit(tt.enabled, people(1))
			}
			w.Commit(`enabled: true, adopt: "match"`, people(1))
			w.makeUser("name1", "")
			before := w.Sim.State()
			planted := &reconcile.Status{Version: 1, Provisioner: "aws", Run: "planted", Outcome: reconcile.RunInSync,
				Identity: w.Commits[1].Provisioners["aws"].Identity(), Commit: reconcile.CommitRef{ID: "commit-1"},
				LastApplied: &reconcile.AppliedAt{Commit: "commit-1", Time: w.Now}, EverEnabled: true,
				AdoptionDecided: true}
			if _, err := w.Audit.CommitReport(t.Context(), reconcile.RunRecord{Status: planted,
				Report: &reconcile.Report{Provisioner: "aws", Run: "planted", Outcome: reconcile.RunInSync},
				Ledger: reconcile.NewLedger()}); err != nil {
				t.Fatal(err)
			}
			w.Audit.Trust.Level = tt.level
			for range 2 {
				r := w.applyOnce()
				if held := slices.Contains(heldBy(r), "firstContact"); held != tt.wantHeld {
					t.Fatalf("held is %v\n%s", held, reportText(r))
				}
				if !tt.wantHeld {
					break
				}
				if facts := factsOf(before, w.Sim.State()); len(facts) > 0 {
					t.Errorf("the directory changed: %v", facts)
				}
			}
		})
	}
}

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
