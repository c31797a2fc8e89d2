package audit

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/seed-d64a251c/roster/reconcile"
)

func intentMessage(in *reconcile.Intent) string {
	return fmt.Sprintf("roster: %s intends %s (%s)\n\nRun: %s\nTrigger: %s\nHost: %s\nPlan: %s\n", in.Provisioner, changes(in.ReleasedChanges),
		short(in.Commit.ID), plain(in.Run), plain(in.Trigger), plain(in.Host), plain(in.Digest))
}

func renewMessage(in *reconcile.Intent) string {
	return fmt.Sprintf("roster: %s is still at work (%s)\n\nRun: %s\nHost: %s\n", in.Provisioner, short(in.Commit.ID), plain(in.Run), plain(in.Host))
}

func reportMessage(r *reconcile.Report, l reconcile.ReportLink) string {
	var out strings.Builder
	fmt.Fprintf(&out, "roster: %s %s, %s (%s)\n\nRun: %s\nTrigger: %s\n", r.Provisioner, r.Outcome, changes(len(r.Changes)), short(r.Commit.ID),
		plain(r.Run), plain(r.Trigger))
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

func changes(n int) string {
	if n == 1 {
		return "1 change"
	}
	return fmt.Sprintf("%d changes", n)
}

// plain keeps a value on its line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
