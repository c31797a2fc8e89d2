package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

func (a *app) applyCommand() *cobra.Command {
	var p place
	var digest string
	c := &cobra.Command{Use: "apply [DIR]", Short: "Make AWS as HEAD declares, and commit the report",
		Long: `apply carries out what HEAD of DIR declares and commits a report to the audit branch. It refuses uncommitted changes, and a HEAD that
the remote does not have. Exit code: 0 done or in sync, 3 something is held, 4 something failed or was skipped.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.take(args); err != nil {
				return err
			}
			return a.apply(cmd.Context(), &p, digest)
		}}
	p.register(c)
	c.Flags().StringVar(&p.provisioner, "provisioner", "", "only this one (default: all)")
	c.Flags().StringVar(&digest, "digest", "", "refuse any other plan than the one with this digest; it never approves anything")
	return c
}

func (a *app) apply(ctx context.Context, p *place, digest string) error {
	w, err := a.open(ctx, p, true)
	if err != nil {
		return err
	}
	keys, err := w.selected(ctx)
	if err != nil {
		return err
	}
	if digest != "" && len(keys) > 1 {
		return usageError{errors.New("--digest goes with one provisioner: add --provisioner")}
	}
	var reports []*reconcile.Report
	notices, err := w.notices(keys)
	if err != nil {
		return err
	}
	var failed []error
	for _, key := range keys {
		result, err := w.runner().Once(ctx, run.Request{Provisioner: key, Notices: notices[key], Declarations: w.decls, Commit: w.commit, Trigger: "command", Apply: true, Digest: digest})
		if result != nil && result.Recovered != nil {
			reports = append(reports, result.Recovered)
		}
		if result != nil && result.Report != nil {
			reports = append(reports, result.Report)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", key, err))
		} else if a.format == "text" && result.Receipt.Commit != "" {
			w.log.Info("report committed", "branch", p.auditBranch, "commit", result.Receipt.Commit, "path", result.Receipt.Report.Path)
		}
	}
	if err := a.writeReports(reports, p.auditBranch); err != nil {
		return err
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	return worst(reports, outcomeCode)
}

func outcomeCode(r *reconcile.Report) int {
	switch r.Outcome {
	case reconcile.RunHeld:
		return exitHeld
	case reconcile.RunPartial:
		return exitPartial
	case reconcile.RunFailed, reconcile.RunNeedsAuthorization:
		return exitError
	}
	return exitDone
}

func (a *app) writeReports(reports []*reconcile.Report, branch string) error {
	if a.format == "json" {
		return a.json(map[string]any{"version": 1, "auditBranch": branch, "reports": reports})
	}
	for i, r := range reports {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		if err := render.ReportText(a.stdout, r, a.paintOut()); err != nil {
			return err
		}
	}
	return nil
}
