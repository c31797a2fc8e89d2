package audit

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// runOf returns the run of the newest provenance of an id; "" if there is none.
func runOf(t *testing.T, r *Recorder, id string) string {
	t.Helper()
	found, err := r.Provenance(t.Context(), []string{"nobody", prov}, reconcile.ProvenanceQuery{IDs: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	if len(found[id]) == 0 {
		return ""
	}
	return found[id][0].Run
}

func TestProvenanceFollowsTheChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, paths := fiveRuns(t)
		r := newRecorder(t, store, stateDir(t)).Reader()
		state, err := r.LoadState(t.Context(), prov)
		if err != nil {
			t.Fatal(err)
		}
		first, last := state.Ledger.Users["u-1"].ID, state.Ledger.Users["u-5"].ID
		if got := runOf(t, r, first); got != "run-1" {
			t.Errorf("the creation in the oldest report: %q", got)
		}
		if got := runOf(t, r, "another"); got != "" {
			t.Errorf("an object that no report has: %q", got)
		}
		commitFile(t, store, paths[2], []byte(`{"version": 1}`))
		if got := runOf(t, r, first); got != "" {
			t.Errorf("before a report that was changed: %q", got)
		}
		if got := runOf(t, r, last); got != "run-5" {
			t.Errorf("after a report that was changed: %q", got)
		}
	})
}

func TestProvenanceReadsReportsInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		r := &runner{recorder: newRecorder(t, store, stateDir(t)), aws: &directory{}}
		state, err := r.recover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var changes []reconcile.Done
		for i := range longReport {
			key := fmt.Sprint("u-", i)
			changes = append(changes, reconcile.Done{
				Change: &reconcile.Change{Kind: reconcile.CreateUser, Key: key, ID: "id-" + key},
				Result: reconcile.ResultDone,
			})
		}
		report := testReport("run-1", reconcile.RunApplied, changes)
		record := reconcile.RunRecord{Report: report, Ledger: state.Ledger, Status: statusOf(report, nil)}
		if _, err := r.recorder.CommitReport(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if _, err := r.run(t.Context(), "run-2", "u-x"); err != nil {
			t.Fatal(err)
		}
		if got := runOf(t, r.recorder, fmt.Sprint("id-u-", longReport-1)); got != "run-1" {
			t.Errorf("an object in the last part: %q", got)
		}
	})
}

func TestProvenanceGoesOnBeforeARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := runThrice(t, store, dir)
		first := loadTrust(t, store, dir).Ledger.Users["u-run-1"].ID
		rewind(store, 2)
		r.release = approvalOf(loadTrust(t, store, dir).Trust)
		if _, err := r.run(t.Context(), "released", "u-4"); err != nil {
			t.Fatal(err)
		}
		if got := runOf(t, r.recorder, first); got != "run-1" {
			t.Errorf("an object that was created before the break: %q", got)
		}
	})
}

// TestARenamedProvisionerProvesNoEntry takes over a ledger with an unproved entry from another key
// of the provisioner.
func TestARenamedProvisionerProvesNoEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		r := &runner{recorder: newRecorder(t, store, dir), aws: &directory{}}
		if _, err := r.recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		ledger := reconcile.NewLedger()
		ledger.Users["u-1"], ledger.Users["u-2"] = reconcile.Owned{ID: "id-1"}, reconcile.Owned{ID: "id-2"}
		report := testReport("run-1", reconcile.RunApplied, nil)
		unproved := reconcile.UnprovedEntries{Users: map[string]bool{"u-1": true, "u-2": true, "u-3": true}}
		_, err := r.recorder.CommitReport(t.Context(), reconcile.RunRecord{
			Report: report, Ledger: ledger, Status: statusOf(report, nil), Unproved: unproved,
			Verified: reconcile.UnprovedEntries{Users: map[string]bool{"u-2": true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := loadTrust(t, store, dir).Unproved; !got.Users["u-1"] || got.Count() != 1 {
			t.Errorf("unproved are %+v, want u-1", got)
		}
	})
}
