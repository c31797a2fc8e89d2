package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

func (c *cli) auditShowCommand() *cobra.Command {
	var config app.EvidenceConfig
	cmd := &cobra.Command{
		Use:   "show [P] [REPORT]",
		Short: "Print one report",
		Long: `show prints a report: the newest one, or REPORT, which is the ID of a run, the path of a report,
or the end of either.`,
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
	found, err := e.FindReport(args)
	if err != nil {
		return err
	}
	if found.Unproven != "" {
		warning := output.Paint(render.Alarm, "not proven:")
		output.Fprintf(c.stderr, "%s %s: %s\n", warning, found.Path, found.Unproven)
	}
	if c.format == "json" {
		return c.printJSON(found.Report)
	}
	return render.ReportText(c.stdout, found.Report, c.paint(c.stdout))
}
