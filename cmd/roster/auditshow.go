package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

func (c *cli) auditShowCommand() *cobra.Command {
	var config app.EvidenceConfig
	cmd := &cobra.Command{
		Use:   "show [P] [REPORT|KEY]",
		Short: "Print one report",
		Long: `show prints a report: the newest one, or REPORT, which is the ID of a run, the path of a report,
or the end of either. For the KEY of a user or group, it prints the newest report that names them,
with their changes only.`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return c.auditShow(cmd.Context(), config, args) },
	}
	addEvidenceFlags(cmd.Flags(), &config.Repository)
	return cmd
}

func (c *cli) auditShow(ctx context.Context, config app.EvidenceConfig, args []string) error {
	e, err := app.OpenEvidence(ctx, c.settings(logWarnings), config)
	if err != nil {
		return err
	}
	found, err := e.FindReport(ctx, args)
	if err != nil {
		return err
	}
	if found.ShownOf != "" {
		output.Fprintf(c.stderr, "only the changes of %s in %s:\n", found.ShownOf, found.Path)
	}
	if found.Unproven != "" {
		warning := output.Paint(render.Alarm, "not proven:")
		output.Fprintf(c.stderr, "%s %s: %s\n", warning, found.Path, found.Unproven)
	}
	if c.format == "json" {
		return c.printReportJSON(e, found)
	}
	var unread error
	changes := func(yield func(*reconcile.Done) bool) {
		for d, err := range e.Changes(found) {
			if unread = err; err != nil || !yield(d) {
				return
			}
		}
	}
	if err := render.ReportTextOf(c.stdout, found.Report, changes, c.paint(c.stdout)); err != nil {
		return err
	}
	return unread
}

// printReportJSON prints a report with all of its changes, as if it had no parts.
func (c *cli) printReportJSON(e *app.Evidence, found *app.StoredReport) error {
	whole := *found.Report
	whole.Changes = []reconcile.Done{}
	for d, err := range e.Changes(found) {
		if err != nil {
			return err
		}
		whole.Changes = append(whole.Changes, *d)
	}
	whole.Parts, whole.Index = nil, nil
	return c.printJSON(map[string]any{"version": 1, "report": &whole})
}
