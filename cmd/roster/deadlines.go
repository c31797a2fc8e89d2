package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

func (a *app) deadlinesCommand() *cobra.Command {
	var p place
	var all bool
	c := &cobra.Command{Use: "deadlines [DIR]", Short: "List what ends: tokens, certificates, metadata, approvals, memberships",
		Long: `deadlines lists everything that ends by itself, the next first, with what happens then. What ended more than 30 days ago is left out
unless --all is given. Nothing is asked of AWS: a SCIM token's end is what tokenExpires declares.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.take(args); err != nil {
				return err
			}
			return a.deadlines(cmd.Context(), &p, all)
		}}
	p.register(c)
	c.Flags().BoolVar(&all, "all", false, "what ended long ago too")
	return c
}

func (a *app) deadlines(ctx context.Context, p *place, all bool) error {
	w, err := a.open(ctx, p, false)
	if err != nil {
		return err
	}
	decls, err := w.declarations(ctx)
	if err != nil {
		return err
	}
	list, err := w.deadlines(decls, w.commit)
	if err != nil {
		return err
	}
	now := time.Now()
	shown := make([]deadlineJSON, 0, len(list))
	for _, d := range list {
		if !all && d.Kind != deadline.Token && d.Kind != deadline.Certificate && now.After(d.EndsAt.AddDate(0, 0, 30)) {
			continue
		}
		_, due := d.Stage(now)
		shown = append(shown, deadlineJSON{d, d.Pos.File, d.Pos.Line, due, !now.Before(d.EndsAt)})
	}
	if a.format == "json" {
		return a.json(map[string]any{"version": 1, "deadlines": shown})
	}
	if len(shown) == 0 {
		fmt.Fprintln(a.stdout, "nothing ends")
		return nil
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, d := range shown {
		state := ""
		switch {
		case d.Ended:
			state = "ENDED"
		case d.Due:
			state = "soon"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", d.EndsAt.Format("2006-01-02 15:04 MST"), state, d.Kind, d.Subject, d.Pos)
	}
	return t.Flush()
}

type deadlineJSON struct {
	deadline.Deadline
	File  string `json:"file"`
	Line  int    `json:"line"`
	Due   bool   `json:"due"`
	Ended bool   `json:"ended"`
}

// deadlines lists what ends by the declarations and the files of a commit, or of the dirty tree.
func (w *workspace) deadlines(decls *schema.Declarations, commit reconcile.CommitRef) ([]deadline.Deadline, error) {
	var tree fs.FS = os.DirFS(filepath.Join(w.place.dir, w.place.path))
	if !w.dirty {
		var err error
		if tree, err = w.source.tree(commit.ID); err != nil {
			return nil, fmt.Errorf("read commit %.7s: %w", commit.ID, err)
		}
	}
	list := deadline.Declared(decls)
	for _, d := range samlmeta.Deadlines(decls, tree) {
		kind := deadline.Certificate
		if d.Kind == samlmeta.ServiceProviderMetadata || d.Kind == samlmeta.IdentityProviderMetadata {
			kind = deadline.Metadata
		}
		list = append(list, deadline.Deadline{Kind: kind, Subject: fmt.Sprintf("app %q, %s %s", d.App, d.Kind, d.Name), Owner: d.App, Pos: d.Pos, Path: d.Path,
			EndsAt: d.EndsAt, Consequence: d.Consequence})
	}
	deadline.Sort(list)
	return list, nil
}

// notices are the warnings of deadlines for the plans of provisioners, by key.
func (w *workspace) notices(keys []string) (map[string][]string, error) {
	list, err := w.deadlines(w.decls, w.commit)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, key := range keys {
		if p := w.decls.Provisioners[key]; p != nil { // not one that was removed from Git
			out[key] = deadline.Notices(list, p, time.Now())
		}
	}
	return out, nil
}
