package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

func (c *cli) explainCommand() *cobra.Command {
	var repo repoFlags
	var provisioner, group string
	cmd := &cobra.Command{
		Use:   "explain user|group KEY",
		Short: "Explain why a user or group is, or is not, in AWS",
		Long: `explain reads the declarations, the ledger and the reports, and explains why a user or group is,
or is not, in AWS, in a group, or has a value. It shows each line of a declaration with the commit
that last changed it. KEY may also be a userId, an email address, a userName, a first and
last name, or a group's displayName.

Of the groups that a user is not in, it lists those that the provisioner selects, at most 100.
--group explains why the user is, or is not, in one group.

It sends no requests to AWS. Without a network, it uses the audit branch as it was last fetched.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if args[0] != "user" && args[0] != "group" {
				return usageErrorf("explain %q: want user or group", args[0])
			}
			if group != "" && args[0] != "user" {
				return usageErrorf("--group is for explain user")
			}
			request := app.ExplainRequest{Kind: args[0], Name: args[1], Group: group, Provisioner: provisioner}
			return c.explain(cmd.Context(), repo.RepositoryConfig, request)
		},
	}
	repo.addWithDir(cmd)
	cmd.Flags().StringVar(&group, "group", "", "key or displayName of the only group that the user may not be in")
	cmd.Flags().StringVar(&provisioner, "provisioner", "", "the only provisioner to explain (default: all)")
	return cmd
}

func (c *cli) explain(ctx context.Context, repo app.RepositoryConfig, request app.ExplainRequest) error {
	w, err := app.Open(ctx, c.settings(logWarnings), repo)
	if err != nil {
		return err
	}
	explanations, err := w.Explain(ctx, request)
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.printJSON(map[string]any{"version": 1, "explanations": explanations})
	}
	return writeTexts(c.stdout, explanations, func(e *explain.Explanation) error {
		return render.ExplanationText(c.stdout, e, c.paint(c.stdout))
	})
}
