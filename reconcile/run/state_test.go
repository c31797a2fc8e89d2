package run_test

import (
	"fmt"
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
		{"whose commit declares the tenant, without an object in AWS", "enabled: true", reconcile.TrustUnproved, true},
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

// TestTheInitialAdoptionCountsOnAnotherMachine adopts another user on a machine without a record of
// the branch. Objects in AWS confirm that the initial adoption was decided.
func TestTheInitialAdoptionCountsOnAnotherMachine(t *testing.T) {
	const match = `enabled: true, adopt: "match"`
	for name, start := range map[string]func(w *env){
		"after the creation of a user": func(w *env) {
			w.Commit(match, people(1))
			w.Apply(reconcile.RunApplied)
		},
		"after an adoption that was approved": func(w *env) {
			w.makeUser("name1", "")
			w.Commit(match, people(1))
			w.Commit(match, people(1)+approve(w.Apply(reconcile.RunHeld).HeldDigest))
			w.Apply(reconcile.RunApplied)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			start(w)
			w.Audit.ForgetProofs("aws")
			w.Audit.Trust.Level = reconcile.TrustUnproved
			w.makeUser("name2", "")
			w.Commit(match, people(2))
			wantSummary(t, w.Apply(reconcile.RunApplied), "adopt-user u2: done")
		})
	}
}

// TestAPlantedStatusIsNotConfirmedByAnAdoption plants a status with a ledger and a report that says
// that an unmanaged user was adopted.
func TestAPlantedStatusIsNotConfirmedByAnAdoption(t *testing.T) {
	for name, more := range map[string]string{
		"with the gate on":  "",
		"with the gate off": `, limits: firstContact: {off: true, reason: "quick"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(`enabled: true, adopt: "match"`+more, people(2))
			admin := w.makeUser("name1", "u1") // another tool set the externalId
			w.makeUser("name2", "")
			w.plant("aws", func(s *reconcile.Status, l *reconcile.Ledger) {
				l.Users["u1"] = reconcile.Owned{ID: admin}
				s.PolicyCommit = "commit-1"
			})
			w.Audit.Reports = append(w.Audit.Reports, w.forgedReport(reconcile.AdoptUser, "u1", admin, w.Now))
			w.Audit.ForgetProofs("aws")
			for range 3 {
				r := w.applyOnce()
				if !slices.Contains(summary(r), "adopt-user u2: held by firstContact") {
					t.Fatalf("the adoption is not held\n%s", reportText(r))
				}
				w.Audit.Trust = reconcile.AuditTrust{} // this machine wrote the newest status
				w.Audit.Unproved = reconcile.UnprovedEntries{}
			}
		})
	}
}

// plant publishes a status for the tenant of provisioner aws under a key, as a writer of the audit
// branch may. Its commit is commit-1.
func (w *env) plant(key string, change func(*reconcile.Status, *reconcile.Ledger)) {
	w.T.Helper()
	s := &reconcile.Status{Version: 1, Provisioner: key, Run: "planted", Outcome: reconcile.RunInSync,
		Identity: w.Commits[len(w.Commits)-1].Provisioners["aws"].Identity(),
		Commit:   reconcile.CommitRef{ID: "commit-1"}, EverEnabled: true, AdoptionDecided: true,
		LastApplied: &reconcile.AppliedAt{Commit: "commit-1", Time: w.Now}, Finished: w.Now.AddDate(1, 0, 0)}
	ledger := reconcile.NewLedger()
	change(s, ledger)
	report := &reconcile.Report{Provisioner: key, Run: "planted", Outcome: reconcile.RunInSync}
	record := reconcile.RunRecord{Status: s, Report: report, Ledger: ledger}
	if _, err := w.Audit.CommitReport(w.T.Context(), record); err != nil {
		w.T.Fatal(err)
	}
	w.Audit.Trust.Level = reconcile.TrustUnproved
}

// TestAPlantedStatusUnderAnotherKeyStopsNoRun plants a later status of the tenant under a key that
// no commit declares for it since then. It must not move the ledger, the status or the review
// rules.
func TestAPlantedStatusUnderAnotherKeyStopsNoRun(t *testing.T) {
	entry := func(s *reconcile.Status, l *reconcile.Ledger) {
		l.Users["x"] = reconcile.Owned{ID: "x"}
		s.Review = []reconcile.ReviewRule{{Approvals: 99}}
	}
	renamed := strings.ReplaceAll(reconciletest.BaseCUE, "provisioners: aws:", "provisioners: old:")
	for _, tt := range []struct {
		name  string
		start func(w *env)
		key   string
	}{
		{"beside a status of the provisioner", func(w *env) {
			w.Commit("enabled: true", people(1))
			w.Apply(reconcile.RunApplied)
		}, "evil"},
		{"before the first run of the provisioner", func(w *env) { w.Commit("enabled: true", people(1)) }, "evil"},
		{"under an earlier key of the provisioner", func(w *env) {
			w.Declare(renamed, people(1), "enabled: true")
			w.Commit("enabled: true, previously: old: {}", people(1))
			w.Apply(reconcile.RunApplied)
		}, "old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			tt.start(w)
			w.plant(tt.key, entry)
			w.Commit("enabled: true, previously: old: {}", people(2))
			r := w.Apply(reconcile.RunApplied)
			want := fmt.Sprintf("has a status of provisioner %q for the tenant of \"aws\"", tt.key)
			if !strings.Contains(strings.Join(r.Warnings, "\n"), want) {
				t.Errorf("no warning says that it %s:\n%s", want, reportText(r))
			}
			if past := w.past("aws"); len(past.Ledger.Users) != 2 || len(past.Status.Review) != 0 {
				t.Errorf("the ledger has %d users, and the status has the rules %v", len(past.Ledger.Users),
					past.Status.Review)
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
