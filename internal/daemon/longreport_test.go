package daemon

import (
	"log/slog"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

func TestTheChangesOfALongReportDoNotStayInMemory(t *testing.T) {
	held := []reconcile.HeldGroup{{Digest: "sha256:1", Changes: 3}}
	manifest := &reconcile.Report{Run: "run-1", Parts: []reconcile.ReportPart{{Changes: maxKeptChanges + 1}},
		HeldGroups: held}
	for _, tt := range []struct {
		name    string
		changes int
		commit  string
		newest  *reconcile.Report
		parts   bool
	}{
		{"a long report on the branch", maxKeptChanges + 1, "c1", manifest, true},
		{"a short report", maxKeptChanges, "c1", manifest, false},
		{"a report that waits on this machine", maxKeptChanges + 1, "", manifest, false},
		{"another run has ended meanwhile", maxKeptChanges + 1, "c1", &reconcile.Report{Run: "run-2"}, false},
		{"the branch cannot be read", maxKeptChanges + 1, "c1", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := &Daemon{Log: slog.New(slog.DiscardHandler), lastRuns: map[string]LastRun{},
				Runner: &run.Runner{Archive: &fakeAudit{newest: tt.newest}}}
			report := &reconcile.Report{Run: "run-1", HeldGroups: held}
			for range tt.changes {
				report.Changes = append(report.Changes, reconcile.Done{Result: reconcile.ResultHeld,
					Change: &reconcile.Change{
						Decision: &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxRemovals"}}}}})
			}
			result := &run.Result{Report: report, Receipt: reconcile.Receipt{Commit: tt.commit}}
			d.finished(t.Context(), "aws", result, nil)
			last := d.lastRuns["aws"]
			inParts := len(last.Report.Parts) > 0
			if inParts != tt.parts || inParts != (len(last.Report.Changes) == 0) {
				t.Errorf("the report in memory has %d changes and %d parts", len(last.Report.Changes),
					len(last.Report.Parts))
			}
			if len(last.Held) != 1 || last.Held[0].Digest != "sha256:1" {
				t.Errorf("the state has the held groups %+v", last.Held)
			}
		})
	}
}
