package audit

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// reportInParts reports a run with so many held changes that its report has parts. It returns the
// path of the first part.
func reportInParts(t *testing.T, store *memStore, r *runner) string {
	t.Helper()
	if _, err := r.reportHeld(t.Context(), "long", "digest", longReport); err != nil {
		t.Fatal(err)
	}
	report, _, err := readReport(store.files(), newestReport(t, store))
	if err != nil || len(report.Parts) == 0 {
		t.Fatalf("the report has %d parts, %v", len(report.Parts), err)
	}
	return report.Parts[0].Path
}

// A part or a report of the branch that was changed or removed breaks it, however old it is.
func TestAChangedOrRemovedFileOfAReportBreaksTheBranch(t *testing.T) {
	for _, test := range []struct {
		name  string
		runs  int // after the report
		fresh bool
		edit  func(part string) (name string, content []byte)
	}{
		{"a part of the newest report was removed", 0, false, func(part string) (string, []byte) { return part, nil }},
		{"a part of the newest report was changed", 0, false,
			func(part string) (string, []byte) { return part, []byte("{}") }},
		{"a part of an older report was removed", maxCheckedReports + 1, false,
			func(part string) (string, []byte) { return part, nil }},
		{"a part of the newest report was removed before this machine read it", 0, true,
			func(part string) (string, []byte) { return part, nil }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, stateDir(t)
				here := filepath.Join(dir, "here")
				r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}}
				part := reportInParts(t, store, r)
				for i := range test.runs {
					name := "run-" + strings.Repeat("i", i+1)
					if _, err := r.run(t.Context(), name, "u-"+name); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				if test.fresh {
					here = filepath.Join(dir, "new")
				}
				name, content := test.edit(part)
				commitFile(t, store, name, content)
				state := loadTrust(t, store, here)
				if !state.Trust.Broken() || !strings.Contains(state.Trust.Reason, part) {
					t.Fatalf("trust is %+v, want a reason with %s", state.Trust, part)
				}
				if test.fresh {
					return
				}
				r.release = &reconcile.Approved{Digest: state.Trust.Release()}
				if _, err := r.run(t.Context(), "released", "u-9"); err != nil {
					t.Fatal(err)
				}
				if state = loadTrust(t, store, here); state.Trust.Level != reconcile.TrustProved {
					t.Errorf("after the release, trust is %+v", state.Trust)
				}
			})
		})
	}
}

// The status of a forged run between the intent and the report of a run enters the status of that
// report only as far as it is not looser than what this machine knew.
func TestAStatusForgedDuringARunLoosensNoGate(t *testing.T) {
	for name, known := range map[string]bool{"after an earlier run": true, "during the first run": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, dir := &memStore{}, stateDir(t)
				here := filepath.Join(dir, "here")
				r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}}
				r.editStatus = func(s *reconcile.Status) {
					s.PolicyCommit, s.Review = "applied", []reconcile.ReviewRule{{Approvals: 1}}
				}
				if known {
					if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
						t.Fatal(err)
					}
				} else { // another provisioner has reported
					commitFile(t, store, "status/other.json", []byte("{}"))
				}
				state, err := r.recover(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				forger := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "other")), aws: r.aws}
				forger.editStatus = func(s *reconcile.Status) {
					s.Finished = s.Finished.AddDate(1, 0, 0)
					s.LastApplied = &reconcile.AppliedAt{Commit: "loosening", Time: s.Finished}
					s.PolicyCommit, s.AdoptionDecided, s.Review = "loosening", true, nil
					s.Loosened = []reconcile.Loosening{{Field: "review", ReportedAt: "c"}}
					s.Causes = []reconcile.CauseOfChanges{{Changes: []string{"x"}}}
				}
				if _, err := forger.run(t.Context(), "forged", "mallory"); err != nil {
					t.Fatal(err)
				}
				report := testReport("run-2", reconcile.RunHeld, nil)
				if _, err := r.recorder.CommitReport(t.Context(), reconcile.RunRecord{Report: report,
					Ledger: state.Ledger, Status: r.status(report, state.Status)}); err != nil {
					t.Fatal(err)
				}
				got := loadTrust(t, store, here).Status
				if got.AdoptionDecided && !got.AdoptionUnconfirmed || len(got.Loosened)+len(got.Causes) > 0 {
					t.Errorf("the status is %+v", got)
				}
				if known && (got.PolicyCommit != "applied" || len(got.Review) != 1) {
					t.Errorf("the policy in force is that of %q, the review rules are %v", got.PolicyCommit, got.Review)
				}
			})
		})
	}
}

// A status of another tenant breaks the branch: the run says so and does not fail.
func TestAStatusOfAnotherTenantBreaksTheBranch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, dir := &memStore{}, stateDir(t)
		here := filepath.Join(dir, "here")
		r := &runner{recorder: newRecorder(t, store, here), aws: &directory{}}
		if _, err := r.run(t.Context(), "run-1", "u-1"); err != nil {
			t.Fatal(err)
		}
		known := loadTrust(t, store, here).Status.Identity
		forger := &runner{recorder: newRecorder(t, store, filepath.Join(dir, "other")), aws: r.aws}
		forger.editStatus = func(s *reconcile.Status) { s.Identity = "elsewhere" }
		if _, err := forger.run(t.Context(), "forged", "u-2"); err != nil {
			t.Fatal(err)
		}
		state := loadTrust(t, store, here)
		if !state.Trust.Broken() || !strings.Contains(state.Trust.Reason, `of tenant elsewhere`) ||
			state.Status.Identity != known {
			t.Errorf("trust is %+v, the tenant %q", state.Trust, state.Status.Identity)
		}
	})
}
