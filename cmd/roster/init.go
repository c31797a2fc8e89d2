package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [DIR]",
		Short: "Create a Git repository with the schema, an example and a provisioner for the simulator",
		Long: `init creates a Git repository in DIR (default: the current folder), which must be empty or absent.
It has one commit.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			return c.init(cmd.Context(), dir)
		},
	}
}

func (c *cli) init(ctx context.Context, dir string) error {
	if err := app.Init(ctx, dir); err != nil {
		return err
	}
	if c.format == "json" {
		return c.printJSON(map[string]any{"version": 1, "dir": dir})
	}
	const text = `created %s: 40 users, 8 groups, an app, a mapping and a provisioner for the local simulator
next:
  roster simulate            in another terminal; it prints the line that sets the token in this one
  roster check %s
  roster plan %s
  roster apply %s
`
	output.Fprintf(c.stdout, text, dir, dir, dir, dir)
	return nil
}
