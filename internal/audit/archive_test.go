package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// reportHeld reports a run that held n removals.
func (r *runner) reportHeld(ctx context.Context, run, digest string, n int) (reconcile.Receipt, error) {
	state, err := r.recover(ctx)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	var changes []reconcile.Done
	for i := range n {
		changes = append(changes, reconcile.Done{Change: &reconcile.Change{Kind: reconcile.RemoveMember, Key: "g",
			Member: fmt.Sprintf("u-%06d", i)}, Result: reconcile.ResultHeld})
	}
	report := testReport(run, reconcile.RunHeld, changes)
	report.HeldDigest = digest
	return r.recorder.CommitReport(ctx, reconcile.RunRecord{Report: report, Ledger: state.Ledger,
		Status: statusOf(report, state.Status), Release: r.release})
}

// commitFile commits a file over the head of the branch.
func commitFile(t *testing.T, s *memStore, name string, content []byte) {
	t.Helper()
	if _, err := s.commit(s.head, map[string][]byte{name: content}, "tampered", time.Now()); err != nil {
		t.Fatal(err)
	}
}

type searchRow struct {
	name    string
	changes int // number of held changes
	then    func(t *testing.T, s *memStore, r *runner, held reconcile.Receipt)
	reason  string // why the report is not found; empty: it is found
}

func searchRows() []searchRow {
	return []searchRow{
		{"in the newest report", 3, nil, ""},
		{"in a report in parts", longReport, nil, ""},
		{"before later reports", 3, func(t *testing.T, _ *memStore, r *runner, _ reconcile.Receipt) {
			for i := range 3 {
				if _, err := r.run(t.Context(), fmt.Sprint("later-", i), fmt.Sprint("u-", i)); err != nil {
					t.Fatal(err)
				}
			}
		}, ""},
		{"while an intent is open", 3, func(t *testing.T, _ *memStore, r *runner, _ reconcile.Receipt) {
			if _, err := r.recover(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := r.recorder.BeginRun(t.Context(), intentOf("open", 1)); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"in a report that was changed", 3, func(t *testing.T, s *memStore, _ *runner, held reconcile.Receipt) {
			commitFile(t, s, held.Report.Path, append(s.files()[held.Report.Path].Data, '\n'))
		}, "its SHA-256"},
		{"before a report that was changed", 3, func(t *testing.T, s *memStore, r *runner, _ reconcile.Receipt) {
			middle, err := r.run(t.Context(), "middle", "u-1")
			if err == nil {
				_, err = r.run(t.Context(), "last", "u-2")
			}
			if err != nil {
				t.Fatal(err)
			}
			commitFile(t, s, middle.Report.Path, append(s.files()[middle.Report.Path].Data, '\n'))
		}, "its SHA-256"},
		{"in a report with a part that was changed", longReport,
			func(t *testing.T, s *memStore, _ *runner, held reconcile.Receipt) {
				part := strings.TrimSuffix(held.Report.Path, ".json") + ".part-0001.jsonl.gz"
				commitFile(t, s, part, append(s.files()[part].Data, '\n'))
			}, "part-0001.jsonl.gz"},
		{"on a broken branch", 3, func(t *testing.T, s *memStore, _ *runner, _ reconcile.Receipt) {
			forgeLedger(t, s)
		}, "the ledger was changed"},
		{"on a deleted branch", 3, func(_ *testing.T, s *memStore, _ *runner, _ reconcile.Receipt) { s.head = "" },
			"the branch is gone"},
	}
}

// printed returns a match for reports that printed a digest as held.
func printed(digest string) func(*reconcile.Report) (bool, error) {
	return func(r *reconcile.Report) (bool, error) { return r.Printed(digest), nil }
}

func TestSearchReports(t *testing.T) {
	const digest = "sha256:held"
	for _, row := range searchRows() {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &memStore{}
				r := &runner{recorder: newRecorder(t, store, stateDir(t)), aws: &directory{}}
				if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
					t.Fatal(err)
				}
				held, err := r.reportHeld(t.Context(), "held", digest, row.changes)
				if err != nil {
					t.Fatal(err)
				}
				if row.then != nil {
					row.then(t, store, r, held)
				}
				got, err := r.recorder.SearchReports(t.Context(), prov, printed(digest))
				if row.reason != "" {
					if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), row.reason) {
						t.Errorf("the report is %v, %v; want %q", got, err, row.reason)
					}
					return
				}
				if err != nil || got.Run != "held" || len(got.Changes) != row.changes ||
					got.Changes[row.changes-1].Member != fmt.Sprintf("u-%06d", row.changes-1) {
					t.Errorf("the report is %+v, %v", got, err)
				}
				_, err = r.recorder.SearchReports(t.Context(), prov, printed("sha256:other"))
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("another digest: %v", err)
				}
			})
		})
	}
}
