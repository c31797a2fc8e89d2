package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

func (c *cli) applyCommand() *cobra.Command {
	var repo repoFlags
	var options app.ApplyOptions
	cmd := &cobra.Command{
		Use:   "apply [DIR]",
		Short: "Apply HEAD to AWS and commit the report",
		Long: `apply applies HEAD of DIR to AWS and commits a report to the audit branch. It refuses uncommitted
changes of the declarations, and a HEAD that the remote does not have.

While another process has the lease of a provisioner, apply sends nothing. It waits for that lease,
at most the time of --wait, and then ends with an error that says when the lease expires.

Exit code: 0 done, in sync or waiting, 1 failed, or another process still has the lease, 3 changes
held, 4 changes failed or were skipped.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := repo.setDir(args); err != nil {
				return err
			}
			return c.apply(cmd.Context(), repo.RepositoryConfig, options)
		},
	}
	repo.add(cmd)
	repo.addLease(cmd.Flags())
	cmd.Flags().StringVar(&options.Provisioner, "provisioner", "", "the only provisioner to apply (default: all)")
	cmd.Flags().StringVar(&options.Digest, "digest", "", "digest of the only plan to apply; it approves nothing")
	cmd.Flags().DurationVar(&options.Wait, "wait", audit.DefaultLease+10*time.Second,
		"maximum time to wait for the lease of another process; 0 does not wait")
	return cmd
}

func (c *cli) apply(ctx context.Context, repo app.RepositoryConfig, options app.ApplyOptions) error {
	settings := c.settings(logWarnings)
	w, err := app.OpenForApply(ctx, settings, repo)
	if err != nil {
		return err
	}
	defer w.Close()
	applied, failed := w.Apply(ctx, options)
	if applied == nil {
		return failed
	}
	if c.format == "json" {
		err = c.printJSON(withError(map[string]any{"version": 1, "auditBranch": repo.AuditBranch,
			"reports": applied.Reports}, failed))
	} else {
		for _, r := range applied.Receipts {
			settings.Log.Info("report committed", "branch", repo.AuditBranch, "commit", r.Commit, "path", r.Report.Path)
		}
		err = writeTexts(c.stdout, applied.Reports, func(r *reconcile.Report) error {
			return render.ReportText(c.stdout, r, c.paint(c.stdout))
		})
	}
	if err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return exitWith(applied.Reports, func(r *reconcile.Report) exitCode { return outcomeCode(r.Outcome) })
}

// outcomeCode returns the exit code of a run.
func outcomeCode(o reconcile.Outcome) exitCode {
	switch o {
	case reconcile.RunHeld:
		return exitHeld
	case reconcile.RunPartial:
		return exitPartial
	case reconcile.RunFailed, reconcile.RunNeedsAuthorization:
		return exitError
	}
	return exitDone
}
