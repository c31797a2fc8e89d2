package main

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) initCommand() *cobra.Command {
	var here bool
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Create a Git repository with the schema, an example and a provisioner for the simulator",
		Long: `init creates a Git repository in DIR (default: the current folder), which must be empty or absent.
It has one commit.

With --here, init adds only the schema to DIR, a folder of an existing repository, or replaces an
older schema there. It commits nothing. Editors and the cue command read the schema; roster itself
uses its own copy.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := cmp.Or(firstOf(args), ".")
			if here {
				return c.addSchema(cmd.Context(), dir)
			}
			return c.init(cmd.Context(), dir)
		},
	}
	cmd.Flags().BoolVar(&here, "here", false, "add the schema to an existing repository, and nothing else")
	return cmd
}

// addSchema writes the schema into an existing repository.
func (c *cli) addSchema(ctx context.Context, dir string) error {
	files, err := app.AddSchema(ctx, dir)
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.printJSON(map[string]any{"version": 1, "dir": dir, "files": files})
	}
	for _, f := range files {
		output.Fprintf(c.stdout, "%-9s %s\n", f.Change, f.Name)
	}
	output.Fprintf(c.stdout, "next: commit the schema; roster check validates the declarations\n")
	return nil
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
