package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

func (a *app) planCommand() *cobra.Command {
	var p place
	var out string
	var two comparison
	c := &cobra.Command{Use: "plan [DIR]", Short: "Show what apply would change, and what would be held",
		Long: `plan compares what DIR declares with what AWS holds and shows the changes, the riskiest first. It sends nothing but GET.
Uncommitted changes are planned and marked.

With --base it shows instead what merging --head into it would bring, as a preview of a pull request does. Then AWS is not asked and no
token is needed: the base is taken for what AWS holds, or a snapshot that the daemon writes (serve --snapshots) says what it does.

Exit code: 0 in sync, 2 changes pending, 3 something is held.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.take(args); err != nil {
				return err
			}
			if two.asked() {
				return a.compare(cmd.Context(), &p, two, out)
			}
			return a.plan(cmd.Context(), &p, out)
		}}
	p.register(c)
	c.Flags().StringVar(&p.provisioner, "provisioner", "", "only this one (default: all)")
	c.Flags().StringVar(&out, "out", "", "write the plan to a file instead of standard output")
	c.Flags().StringVar(&two.base, "base", "", "compare with this commit instead of with AWS: what is merged into")
	c.Flags().StringVar(&two.head, "head", "", "what is merged into --base (default: HEAD)")
	c.Flags().StringArrayVar(&two.observed, "observed", nil, "file with what AWS holds, as the daemon writes it; one for each provisioner")
	return c
}

func (a *app) plan(ctx context.Context, p *place, out string) error {
	w, err := a.open(ctx, p, false)
	if err != nil {
		return err
	}
	w.book.ReadOnly = true
	keys, err := w.selected(ctx)
	if err != nil {
		return err
	}
	var plans []*reconcile.Plan
	notices, err := w.notices(keys)
	if err != nil {
		return err
	}
	var failed []error
	for _, key := range keys {
		result, err := w.runner().Once(ctx, run.Request{Provisioner: key, Notices: notices[key], Declarations: w.decls, Commit: w.commit, Dirty: w.dirty, Trigger: "command"})
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", key, err))
			continue
		}
		plans = append(plans, result.Plan)
	}
	if err := a.writePlans(plans, out); err != nil {
		return err
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	return worst(plans, func(p *reconcile.Plan) int {
		switch {
		case p.Counts.Held > 0:
			return exitHeld
		case len(p.Changes) > 0:
			return exitPending
		}
		return exitDone
	})
}

// selected loads the declarations and names the provisioners to work on.
func (w *workspace) selected(ctx context.Context) ([]string, error) {
	decls, err := w.declarations(ctx)
	if err != nil {
		return nil, err
	}
	if key := w.place.provisioner; decls.Provisioners[key] != nil {
		return []string{key}, nil
	}
	if w.removed, err = w.runner().Removed(ctx, decls); w.removed == nil {
		return nil, err
	} else if err != nil {
		w.log.Warn("a provisioner that is no longer declared is left alone", "error", err)
	}
	switch key := w.place.provisioner; {
	case key == "" && len(decls.Provisioners)+len(w.removed) == 0:
		return nil, errors.New("no provisioner is declared")
	case key == "":
		return slices.Concat(sorted(decls.Provisioners), sorted(w.removed)), nil
	case w.removed[key] == nil:
		return nil, fmt.Errorf("there is no provisioner %q; declared: %s", key, names(decls))
	default:
		return []string{key}, nil
	}
}

// one is selected for commands that work on exactly one provisioner.
func (w *workspace) one(ctx context.Context) (*schema.Provisioner, error) {
	keys, err := w.selected(ctx)
	if err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		return nil, usageError{fmt.Errorf("name the provisioner: %s", names(w.decls))}
	}
	return cmp.Or(w.decls.Provisioners[keys[0]], w.removed[keys[0]]), nil
}

func names(d *schema.Declarations) string {
	out := ""
	for i, key := range sorted(d.Provisioners) {
		if i > 0 {
			out += ", "
		}
		out += fmt.Sprintf("%q", key)
	}
	if out == "" {
		return "none"
	}
	return out
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// worst returns the exit code that outranks the others: 1, 3, 4, 2.
func worst[T any](list []T, code func(T) int) error {
	rank := []int{exitDone, exitPending, exitPartial, exitHeld, exitError}
	top := 0
	for _, x := range list {
		top = max(top, slices.Index(rank, code(x)))
	}
	if rank[top] == exitDone {
		return nil
	}
	return exit(rank[top])
}

func (a *app) writePlans(plans []*reconcile.Plan, out string) error {
	return write(a, "plans", plans, out, render.PlanText, func() string {
		var b strings.Builder
		for _, p := range plans {
			b.WriteString(render.PlanMarkdown(p))
		}
		return b.String()
	})
}

// write renders plans, or what is like them, in the format asked for, on standard output or into the file out.
func write[T any](a *app, noun string, list []T, out string, text func(io.Writer, T, render.Paint) error, markdown func() string) (err error) {
	w, paint := a.stdout, a.paintOut()
	if out != "" {
		f, failed := os.Create(out)
		if failed != nil {
			return fmt.Errorf("write %s: %w", noun, failed)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w, paint = f, nil
	}
	switch a.format {
	case "json":
		b := *a
		b.stdout = w
		return b.json(map[string]any{"version": 1, noun: list})
	case "markdown":
		_, err := io.WriteString(w, markdown())
		return err
	}
	for i, p := range list {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := text(w, p, paint); err != nil {
			return err
		}
	}
	return nil
}
