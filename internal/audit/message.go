package audit

import (
	"strings"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
)

// intentMessage returns the message of the commit that publishes an intent. In this message and the
// others, each value stays on its line, so that it is not read as another field.
func intentMessage(in *reconcile.Intent) string {
	return string(output.Sprintf("roster: %s begins a run with %s (%s)\n\nRun: %s\nTrigger: %s\nHost: %s\nPlan: %s\n",
		in.Provisioner, reconcile.CountChanges(in.ReleasedChanges), short(in.Commit.ID), in.Run,
		in.Trigger, in.Host, in.Digest))
}

func renewMessage(in *reconcile.Intent) string {
	return string(output.Sprintf("roster: %s renews its lease (%s)\n\nRun: %s\nHost: %s\n", in.Provisioner,
		short(in.Commit.ID), in.Run, in.Host))
}

func reportMessage(r *reconcile.Report, l reconcile.ReportLink) string {
	var out strings.Builder
	output.Fprintf(&out, "roster: %s %s, %s (%s)\n\nRun: %s\nTrigger: %s\n", r.Provisioner, r.Outcome,
		reconcile.CountChanges(r.ChangeCount()), short(r.Commit.ID), r.Run, r.Trigger)
	for _, n := range []struct {
		what  string
		count int
	}{{"Done", r.Counts.Done}, {"Held", r.Counts.Held}, {"Waiting", r.Counts.Waiting}, {"Skipped", r.Counts.Skipped},
		{"Failed", r.Counts.Failed}, {"Unknown", r.Counts.Unknown}} {
		if n.count > 0 {
			output.Fprintf(&out, "%s: %d\n", n.what, n.count)
		}
	}
	output.Fprintf(&out, "Report: %s\nSHA-256: %s\n", l.Path, l.SHA256)
	return out.String()
}
