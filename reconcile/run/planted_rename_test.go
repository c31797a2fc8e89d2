package run_test

import (
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
)

// TestAStatusPlantedUnderTheNewKeyOfAProvisionerLoosensNoGate renames a provisioner, turns a gate
// off and removes 8 of 20 people in one commit. A status under the new key, planted on the audit
// branch, says that this commit was applied before. The machine knows the status under the earlier
// key.
func TestAStatusPlantedUnderTheNewKeyOfAProvisionerLoosensNoGate(t *testing.T) {
	r := newRenaming(t)
	r.want(reconcile.RunApplied, "aws", "", 20, "")
	state, err := r.recorder.LoadState(t.Context(), "aws")
	if err != nil {
		t.Fatal(err)
	}
	forger := &audit.Recorder{Store: r.branch, StateDir: t.TempDir(), Host: "forger",
		Now: func() time.Time { return r.Now }}
	defer func() { _ = forger.Close() }()
	if _, err := forger.LoadState(t.Context(), "prod"); err != nil {
		t.Fatal(err)
	}
	planted := *state.Status
	planted.Provisioner, planted.Run, planted.Report = "prod", "planted", reconcile.ReportLink{}
	planted.Commit = reconcile.CommitRef{ID: commitID(2)}
	planted.LastApplied = &reconcile.AppliedAt{Commit: commitID(2), Time: r.Now}
	planted.PolicyCommit = commitID(2)
	planted.Finished = r.Now.Add(time.Minute)
	report := &reconcile.Report{Version: 1, Run: "planted", Provisioner: "prod", Identity: planted.Identity,
		Outcome: reconcile.RunInSync, Trigger: "schedule", Commit: planted.Commit, Started: r.Now,
		Finished: planted.Finished, Changes: []reconcile.Done{}, RosterVersion: "test"}
	if _, err := forger.CommitReport(t.Context(),
		reconcile.RunRecord{Report: report, Ledger: state.Ledger.Clone(), Status: &planted}); err != nil {
		t.Fatal(err)
	}
	found, err := r.recorder.Reader().LoadState(t.Context(), "prod")
	if err != nil || found.ReviewedFrom == nil || found.ReviewedFrom.Commit != commitID(1) {
		t.Errorf("reviews are needed since %+v (%v), want %s", found.ReviewedFrom, err, commitID(1))
	}
	before := r.Sim.State()
	for range 2 {
		result, err := r.runAs("prod",
			`, previously: aws: {}, limits: maxRemovals: {off: true, reason: "test"}`, 12, "")
		if facts := factsOf(before, r.Sim.State()); len(facts) > 0 {
			t.Fatalf("sent: %v (%v)\n%s", facts, err, reportText(result.Report))
		}
	}
}
