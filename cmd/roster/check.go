package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

func (a *app) checkCommand() *cobra.Command {
	var p place
	var base string
	c := &cobra.Command{Use: "check [DIR]", Short: "Validate declarations: every problem at once, with file, line and column",
		Long: "check reads the declarations below DIR as they are on disk, or those of --repo, and lists every problem, those of the\n" +
			"metadata and certificates that they name included. Signing certificates that skip a phase since the commit before are refused. Nothing is\n" +
			"sent anywhere.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.take(args); err != nil {
				return err
			}
			return a.check(cmd.Context(), &p, base)
		}}
	p.register(c)
	c.Flags().StringVar(&base, "base", "", "commit that the rollover of SAML certificates is compared with (default: the parent of what is checked)")
	return c
}

func (a *app) check(ctx context.Context, p *place, base string) error {
	decls, tree, err := a.readPlace(ctx, p)
	var late schema.Problems
	if err == nil {
		late, err = a.compareRollover(ctx, p, base, decls, tree)
	}
	if err == nil {
		if problems := a.policy.Check(decls); len(problems) > 0 {
			err = problems
		}
	}
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	var warnings schema.Problems
	if decls != nil {
		now := time.Now()
		broken, dated := assess(decls, now)
		if problems = append(problems, broken...); len(problems) > 0 {
			err = problems
		}
		warnings = append(warnings, decls.Warnings...)
		warnings = append(warnings, decls.Warn(now)...)
		warnings = append(warnings, dated...)
		warnings = append(warnings, late...)
		warnings = append(warnings, samlmeta.Warn(decls, tree, now)...)
	}
	if a.format == "json" {
		if err := a.json(map[string]any{"version": 1, "problems": problemsJSON(problems), "warnings": problemsJSON(warnings)}); err != nil {
			return err
		}
		if len(problems) > 0 {
			return exit(exitError)
		}
		return nil
	}
	a.printProblems(a.stderr, warnings)
	if len(problems) > 0 {
		return err
	}
	fmt.Fprintf(a.stdout, "valid: %s\n", summary(decls))
	return nil
}

// assess says which assertions do not hold on what is declared: whatever the date is, and because of the date.
func assess(d *schema.Declarations, now time.Time) (broken, dated schema.Problems) {
	var wants []*reconcile.Desired
	for _, key := range sorted(d.Provisioners) {
		if want, err := reconcile.Desire(d, d.Provisioners[key], now); err == nil { // whom a mapping cannot map, Load has told
			wants = append(wants, want)
		}
	}
	for _, v := range reconcile.AssertDeclared(d, now, wants...) {
		problem := d.Assertions[v.Assertion].Violated(v.Sentence(), v.CausedByDate)
		if v.CausedByDate {
			dated = append(dated, problem)
		} else {
			broken = append(broken, problem)
		}
	}
	return broken, dated
}

func summary(d *schema.Declarations) string {
	return fmt.Sprintf("%d users, %d groups, %d mappings, %d apps, %d provisioners", len(d.Users), len(d.Groups), len(d.Mappings), len(d.Apps),
		len(d.Provisioners))
}

// readPlace reads what is to be checked: the files below DIR as they are on disk, or a commit of --repo.
func (a *app) readPlace(ctx context.Context, p *place) (*schema.Declarations, fs.FS, error) {
	if p.repo != "" {
		w, err := a.open(ctx, p, false)
		if err != nil {
			return nil, nil, err
		}
		tree, err := w.source.tree(w.commit.ID)
		if err != nil {
			return nil, nil, err
		}
		decls, err := w.source.Declarations(ctx, w.commit.ID)
		return decls, tree, err
	}
	dir := filepath.Join(p.dir, p.path)
	if info, err := os.Stat(dir); err != nil {
		return nil, nil, fmt.Errorf("read declarations: %w", err)
	} else if !info.IsDir() {
		return nil, nil, fmt.Errorf("read declarations: %s is not a folder", dir)
	}
	tree := os.DirFS(dir)
	decls, err := loadTree(tree, schema.Load)
	return decls, tree, err
}
