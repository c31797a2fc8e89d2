package main

import (
	"context"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) deadlinesCommand() *cobra.Command {
	var repo repoFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "deadlines [DIR]",
		Short: "List tokens, certificates, metadata, approvals, memberships and pending deletions that end",
		Long: `deadlines lists everything that ends by itself, the next end first, with its consequence. It omits
what ended more than 30 days ago, unless --all is given. It sends no requests to AWS: the end of a
SCIM token is what tokenExpires declares. The deletions of users who left, and the ends of approvals
without expires, come from the records of earlier runs.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := repo.setDir(args); err != nil {
				return err
			}
			return c.deadlines(cmd.Context(), repo.RepositoryConfig, all)
		},
	}
	repo.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "list what ended more than 30 days ago, too")
	return cmd
}

// listedDeadline is a deadline in the list. Its fields are those of the JSON output.
type listedDeadline struct {
	deadline.Deadline
	File  string `json:"file"`
	Line  int    `json:"line"`
	Due   bool   `json:"due"` // a warning is due
	Ended bool   `json:"ended"`
}

func (c *cli) deadlines(ctx context.Context, repo app.RepositoryConfig, all bool) error {
	w, err := app.Open(ctx, c.settings(logWarnings), repo)
	if err != nil {
		return err
	}
	list, err := w.Deadlines(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	listed := make([]listedDeadline, 0, len(list))
	for _, d := range list {
		longAgo := now.After(d.EndsAt.AddDate(0, 0, 30))
		if longAgo && !all && d.Kind != deadline.Token && d.Kind != deadline.Certificate {
			continue
		}
		_, due := d.Stage(now)
		listed = append(listed, listedDeadline{d, d.Pos.File, d.Pos.Line, due, !now.Before(d.EndsAt)})
	}
	if c.format == "json" {
		return c.printJSON(map[string]any{"version": 1, "deadlines": listed})
	}
	return c.printDeadlines(listed)
}

func (c *cli) printDeadlines(list []listedDeadline) error {
	if len(list) == 0 {
		output.Fprintf(c.stdout, "no deadlines\n")
		return nil
	}
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for _, d := range list {
		state := ""
		switch {
		case d.Ended:
			state = "ENDED"
		case d.Due:
			state = "soon"
		}
		end := d.EndsAt.Format("2006-01-02 15:04 MST")
		output.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", end, state, d.Kind, d.Subject, d.Pos)
	}
	return t.Flush()
}
