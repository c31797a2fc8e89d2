package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
)

func (c *cli) auditLogCommand() *cobra.Command {
	var config app.EvidenceConfig
	var limit int
	cmd := &cobra.Command{
		Use:   "log [P]",
		Short: "List the reports, the newest first",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usageErrorf("--limit %d: want 1 or more, or 0 for all", limit)
			}
			return c.auditLog(cmd.Context(), config, firstOf(args), limit)
		},
	}
	addEvidenceFlags(cmd.Flags(), &config.Repository)
	cmd.Flags().IntVar(&limit, "limit", 20, "maximum reports of each provisioner; 0 for all")
	return cmd
}

// listedReport is the JSON form of a report in the list.
type listedReport struct {
	Provisioner string            `json:"provisioner"`
	Run         string            `json:"run"`
	Outcome     reconcile.Outcome `json:"outcome"`
	Trigger     string            `json:"trigger"`
	Finished    time.Time         `json:"finished"`
	Commit      string            `json:"commit"`
	Counts      reconcile.Counts  `json:"counts"`
	Repeats     int               `json:"repeats,omitempty"` // earlier runs with the same result and no report
	Path        string            `json:"path"`
	SHA256      string            `json:"sha256"`
}

func (c *cli) auditLog(ctx context.Context, config app.EvidenceConfig, provisioner string, limit int) error {
	e, err := app.OpenEvidence(ctx, c.settings(logWarnings), config)
	if err != nil {
		return err
	}
	reports, err := e.Reports(provisioner, limit)
	if err != nil {
		return err
	}
	if c.format == "json" {
		list := []listedReport{}
		for _, s := range reports {
			r := s.Report
			list = append(list, listedReport{s.Provisioner, r.Run, r.Outcome, r.Trigger, r.Finished, r.Commit.ID,
				r.Counts,
				r.Repeats, s.Path, s.SHA256})
		}
		return c.printJSON(map[string]any{"version": 1, "reports": list})
	}
	t := tabwriter.NewWriter(c.stdout, 0, 8, 2, ' ', 0)
	for _, s := range reports {
		r := s.Report
		output.Fprintf(t, "%s\t%s\t%s\t%s\t%.7s\t%s\n", r.Finished.Format(time.RFC3339), s.Provisioner, r.Outcome,
			countsText(r.Counts), r.Commit.ID, s.Path)
	}
	return t.Flush()
}

// countsText describes the results of a run in a few words.
func countsText(c reconcile.Counts) string {
	var parts []string
	for _, p := range []struct {
		n      int
		result string
	}{
		{c.Done, "done"}, {c.Held, "held"}, {c.Waiting, "waiting"}, {c.Failed, "failed"}, {c.Skipped, "skipped"},
		{c.Unknown, "unknown"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.result))
		}
	}
	if parts == nil {
		return "no changes"
	}
	return strings.Join(parts, ", ")
}
