package audit

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/seed-d64a251c/roster/reconcile"
)

func intentMessage(in *reconcile.Intent) string {
	return fmt.Sprintf("roster: %s begins a run with %s (%s)\n\nRun: %s\nTrigger: %s\nHost: %s\nPlan: %s\n",
		in.Provisioner, reconcile.CountChanges(in.ReleasedChanges), short(in.Commit.ID), singleLine(in.Run),
		singleLine(in.Trigger), singleLine(in.Host), singleLine(in.Digest))
}

func renewMessage(in *reconcile.Intent) string {
	return fmt.Sprintf("roster: %s renews its lease (%s)\n\nRun: %s\nHost: %s\n", in.Provisioner, short(in.Commit.ID),
		singleLine(in.Run), singleLine(in.Host))
}

func reportMessage(r *reconcile.Report, l reconcile.ReportLink) string {
	var out strings.Builder
	fmt.Fprintf(&out, "roster: %s %s, %s (%s)\n\nRun: %s\nTrigger: %s\n", r.Provisioner, r.Outcome,
		reconcile.CountChanges(len(r.Changes)), short(r.Commit.ID), singleLine(r.Run), singleLine(r.Trigger))
	for _, n := range []struct {
		what  string
		count int
	}{{"Done", r.Counts.Done}, {"Held", r.Counts.Held}, {"Waiting", r.Counts.Waiting}, {"Skipped", r.Counts.Skipped},
		{"Failed", r.Counts.Failed}, {"Unknown", r.Counts.Unknown}} {
		if n.count > 0 {
			fmt.Fprintf(&out, "%s: %d\n", n.what, n.count)
		}
	}
	fmt.Fprintf(&out, "Report: %s\nSHA-256: %s\n", l.Path, l.SHA256)
	return out.String()
}

// singleLine replaces control characters, so that a value stays on its line.
func singleLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
