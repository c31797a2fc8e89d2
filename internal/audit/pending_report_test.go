package audit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestAPendingReportIsPublishedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memStore{}
		m := &machine{t: t, store: store, dir: stateDir(t), aws: &directory{}}
		_, err := m.runProcess(0, func(r *runner) error {
			if err := beginRun(t, r.recorder, "run-1"); err != nil {
				return err
			}
			if err := beginWrite(r.recorder, "run-1", 1); err != nil {
				return err
			}
			store.setFault(func(string, bool) error { return errDown })
			report := testReport("run-1", reconcile.RunPartial, nil)
			_, err := r.recorder.CommitReport(t.Context(), reconcile.RunRecord{Report: report,
				Ledger: reconcile.NewLedger(), Status: statusOf(report, nil)})
			if !errors.Is(err, errDown) {
				t.Errorf("CommitReport: %v", err)
			}
			if err := beginWrite(r.recorder, "run-1", 2); err == nil {
				t.Error("a write began after CommitReport")
			}
			if _, err := r.recorder.LoadState(t.Context(), prov); !errors.Is(err, errDown) {
				t.Errorf("state while the store is down: %v", err)
			}
			store.setFault(func(op string, _ bool) error {
				if op == "commit" {
					return errRefused
				}
				return nil
			})
			if _, err := r.recorder.LoadState(t.Context(), prov); !errors.Is(err, errRefused) ||
				!strings.Contains(err.Error(), "run-1") {
				t.Errorf("state while the store refuses: %v", err)
			}
			if err := r.recorder.BeginRun(t.Context(), intentOf("run-2", 1)); err == nil {
				t.Error("a new run began before the report of the last one was published")
			}
			state, err := r.recorder.Reader().LoadState(t.Context(), prov) // who only looks sees what will be
			if err != nil || state.Status == nil || state.Status.Run != "run-1" || len(state.OpenIntents) != 0 ||
				state.Interrupted != nil {
				t.Errorf("a reader loads %+v, %v", state, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		store.setFault(nil)
		state, err := m.loadState()
		if err != nil || state.Status.Run != "run-1" || state.Interrupted != nil || len(state.OpenIntents) != 0 {
			t.Errorf("state is %+v, %v", state, err)
		}
		checkChain(t, store, "run-1")
	})
}

func TestAReportThatCannotBeStoredIsCompletedFromTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
		blocked := filepath.Join(m.dir, "pending")
		if err := os.WriteFile(blocked, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := m.runProcess(0, m.secondRun); err == nil {
			t.Error("the report was stored, although the path is a directory")
		}
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		if _, err := m.runProcess(0, m.thirdRun); err != nil {
			t.Fatal(err)
		}
		m.checkConverged()
	})
}

func TestAnInterruptedRunIsReportedBeforeTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &machine{t: t, store: &memStore{}, dir: stateDir(t), aws: &directory{}}
		if _, err := m.runProcess(0, func(r *runner) error { return beginRun(t, r.recorder, "run-1") }); err != nil {
			t.Fatal(err)
		}
		_, err := m.runProcess(0, func(r *runner) error {
			state, err := r.recorder.LoadState(t.Context(), prov)
			if err != nil || state.Interrupted == nil || len(state.OpenIntents) != 0 {
				t.Fatalf("state is %+v, %v", state, err)
			}
			if err := r.recorder.BeginRun(t.Context(), intentOf("run-2", 1)); err == nil ||
				!strings.Contains(err.Error(), "reported first") {
				t.Errorf("a new run: %v", err)
			}
			report := testReport("run-2", reconcile.RunHeld, nil)
			_, err = r.recorder.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: state.Ledger,
				Status: statusOf(report, nil)})
			if err == nil || !strings.Contains(err.Error(), "run-1") {
				t.Errorf("another report: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// failedReport returns the report of a run that could not read AWS.
func failedReport(run, reason string) *reconcile.Report {
	report := testReport(run, reconcile.RunFailed, nil)
	report.Digest, report.Errors = "", []string{reason}
	return report
}

// commitFailed loads the state and publishes a failed report.
func commitFailed(t *testing.T, b *Recorder, run, reason string) error {
	t.Helper()
	state, err := b.LoadState(t.Context(), prov)
	if err != nil {
		t.Fatal(err)
	}
	report := failedReport(run, reason)
	_, err = b.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: state.Ledger,
		Status: statusOf(report, state.Status)})
	return err
}

// A run without writes has no journal from which its report could be made again.
func TestAReportWithoutWritesThatCouldNotBePublishedIsPublishedByTheNextProcess(t *testing.T) {
	for _, crash := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			store := &memStore{}
			m := &machine{t: t, store: store, dir: stateDir(t), aws: &directory{}}
			if _, err := m.runProcess(0, m.firstRun); err != nil {
				t.Fatal(err)
			}
			_, err := m.runProcess(0, func(r *runner) error {
				if crash {
					r.recorder.crash = func(at string) {
						if at == "before the report is committed" {
							panic(crashed{at})
						}
					}
				} else {
					store.setFault(func(op string, _ bool) error {
						if op == "commit" {
							return errDown
						}
						return nil
					})
				}
				if err := commitFailed(t, r.recorder, "run-2", "AWS answered 503"); !errors.Is(err, errDown) {
					t.Errorf("CommitReport: %v", err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			store.setFault(nil)
			state, err := m.loadState()
			if err != nil || state.Status.Run != "run-2" {
				t.Fatalf("state is %+v, %v", state, err)
			}
			checkChain(t, store, "run-1", "run-2")
			report, _, err := readReport(store.files(), state.Status.Report.Path)
			if err != nil || len(report.Errors) != 1 || report.Errors[0] != "AWS answered 503" {
				t.Errorf("after a crash (%v), the report has %+v, %v", crash, report, err)
			}
			m.checkConverged()
		})
	}
}

// The other process loaded the state before, so LoadState did not publish the pending report.
func TestAReportDoesNotReplaceThePendingReportOfAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		other := newRecorder(t, store, dir)
		state, err := other.LoadState(t.Context(), prov)
		if err != nil {
			t.Fatal(err)
		}
		store.setFault(func(op string, _ bool) error {
			if op == "commit" {
				return errDown
			}
			return nil
		})
		if err := commitFailed(t, newRecorder(t, store, dir), "run-1", "AWS answered 503"); !errors.Is(err, errDown) {
			t.Errorf("CommitReport of run-1: %v", err)
		}
		report := failedReport("run-2", "the token has ended")
		record := reconcile.RunRecord{Report: report, Ledger: state.Ledger, Status: statusOf(report, nil)}
		if _, err := other.CommitReport(t.Context(), record); !errors.Is(err, errDown) {
			t.Errorf("CommitReport of run-2 while the store is down: %v", err)
		}
		store.setFault(nil)
		if _, err := other.CommitReport(t.Context(), record); !errors.Is(err, reconcile.ErrLeased) ||
			!strings.Contains(err.Error(), "run-1 was reported since") {
			t.Errorf("CommitReport of run-2: %v", err)
		}
		checkChain(t, store, "run-1")
		if err := commitFailed(t, other, "run-2", "the token has ended"); err != nil {
			t.Error(err)
		}
		checkChain(t, store, "run-1", "run-2")
	})
}
