package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// planFlags are the flags of roster plan.
type planFlags struct {
	repo        repoFlags
	provisioner string
	out         string
	comparison  app.Comparison
}

func (c *cli) planCommand() *cobra.Command {
	var flags planFlags
	cmd := &cobra.Command{
		Use:   "plan [DIR]",
		Short: "Show the changes that apply would make, and those that would be held",
		Long: `plan compares the declarations of DIR with AWS and shows the changes, the riskiest first. It sends
only GET requests. Uncommitted changes of the declarations are planned, and marked as such.

With --base, plan shows instead the changes that merging --head into it would cause, like the
preview of a pull request. It then needs neither AWS nor a token: AWS is assumed to match the
base, or a snapshot that the daemon has written (serve --snapshots).

Exit code: 0 in sync, 2 changes pending, 3 changes held. Changes that only wait for enabled, a
window or the end of a pause are pending, unless a gate would hold them then.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := flags.repo.setDir(args); err != nil {
				return err
			}
			if flags.comparison.Set() {
				return c.preview(cmd.Context(), &flags)
			}
			return c.plan(cmd.Context(), &flags)
		},
	}
	flags.repo.add(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.provisioner, "provisioner", "", "the only provisioner to plan (default: all)")
	f.StringVar(&flags.out, "out", "", "file for the plan (default: standard output)")
	f.StringVar(&flags.comparison.Base, "base", "",
		"commit to merge into; the plan compares with it instead of with AWS")
	f.StringVar(&flags.comparison.Head, "head", "", "commit to merge into --base (default: HEAD)")
	f.StringArrayVar(&flags.comparison.Snapshots, "observed", nil,
		"snapshot of AWS, as the daemon writes it; one file per provisioner")
	return cmd
}

func (c *cli) plan(ctx context.Context, flags *planFlags) error {
	w, err := app.Open(ctx, c.settings(logWarnings), flags.repo.RepositoryConfig)
	if err != nil {
		return err
	}
	plans, failed := w.Plan(ctx, flags.provisioner)
	if failed != nil && plans == nil {
		return failed
	}
	markdown := func() string {
		var b strings.Builder
		for _, p := range plans {
			b.WriteString(render.PlanMarkdown(p))
		}
		return b.String()
	}
	warnings := w.FileWarnings(ctx)
	more := withError(map[string]any{"warnings": problemsJSON(warnings)}, failed)
	if c.format != "json" {
		printProblems(c.stderr, warnings)
	}
	if err := writeResults(c, "plans", plans, more, flags.out, render.PlanText, markdown); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return exitWith(plans, func(p *reconcile.Plan) exitCode {
		if p.Audit.Holds() {
			return exitHeld
		}
		return exitCodeOf(p.Changes)
	})
}

// preview shows what merging one commit into another would change.
func (c *cli) preview(ctx context.Context, flags *planFlags) error {
	compared, err := app.Preview(ctx, c.settings(logInfo), flags.repo.RepositoryConfig, flags.comparison,
		flags.provisioner)
	if err != nil {
		return err
	}
	previews := compared.Previews
	more := map[string]any{"warnings": problemsJSON(compared.Warnings)}
	if c.format != "json" {
		printProblems(c.stderr, compared.Warnings)
	}
	markdown := func() string { return render.PreviewsMarkdown(previews, nil) }
	if err := writeResults(c, "previews", previews, more, flags.out, render.PreviewText, markdown); err != nil {
		return err
	}
	return exitWith(previews, func(p *reconcile.Preview) exitCode {
		code := exitCodeOf(p.Changes)
		if code == exitDone && (p.UnavailableReason != "" || p.NotCompared != "") {
			return exitPending
		}
		return code
	})
}

// exitCodeOf returns exitHeld if a gate holds one of the changes, and exitPending if one is sent or
// will be sent when it no longer waits.
func exitCodeOf(changes []reconcile.Change) exitCode {
	code := exitDone
	for i := range changes {
		switch c := &changes[i]; {
		case len(c.Held()) == 0:
			code = max(code, exitPending)
		case c.Waiting() == "":
			return exitHeld
		}
	}
	return code
}

// writeResults writes plans or previews in the chosen format to standard output, or to the file
// out. noun names them in JSON, which also has the values of more.
func writeResults[T any](
	c *cli, noun string, results []T, more map[string]any, out string,
	text func(io.Writer, T, render.Paint) error, markdown func() string,
) (err error) {
	w, paint := c.stdout, c.paint(c.stdout)
	if out != "" {
		f, failed := os.Create(out)
		if failed != nil {
			return fmt.Errorf("write %s: %w", noun, failed)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w, paint = output.NewWriter(f), nil
	}
	switch c.format {
	case "json":
		document := map[string]any{"version": 1, noun: results}
		maps.Copy(document, more)
		c.printedJSON = out == ""
		return output.WriteJSON(w, document)
	case "markdown":
		_, err := io.WriteString(w, markdown())
		return err
	}
	return writeTexts(w, results, func(r T) error { return text(w, r, paint) })
}
