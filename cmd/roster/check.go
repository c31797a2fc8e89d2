package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/schema"
)

func (c *cli) checkCommand() *cobra.Command {
	var repo repoFlags
	var base string
	cmd := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Validate declarations and list every problem with file, line and column",
		Long: `check validates the declarations below DIR as they are on disk, or those of --repo, and lists
every problem, including those of the metadata and certificates that the declarations name. It
refuses signing certificates that skip a phase since the parent commit. It sends no requests. If the
audit branch is there, as it was last fetched, it warns about approvals that match nothing held.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := repo.setDir(args); err != nil {
				return err
			}
			return c.check(cmd.Context(), repo.RepositoryConfig, base)
		},
	}
	repo.add(cmd)
	cmd.Flags().StringVar(&base, "base", "",
		"commit to compare the phases of SAML certificates with (default: the parent commit)")
	return cmd
}

func (c *cli) check(ctx context.Context, repo app.RepositoryConfig, base string) error {
	result, err := app.Check(ctx, c.settings(logWarnings), repo, base)
	if err != nil {
		return err
	}
	if c.format == "json" {
		document := map[string]any{"version": 1, "problems": problemsJSON(result.Problems),
			"warnings": problemsJSON(result.Warnings)}
		if len(result.Problems) == 0 {
			return c.printJSON(document)
		}
		if err := c.printJSON(withError(document, result.Problems)); err != nil {
			return err
		}
		return exitError
	}
	printProblems(c.stderr, result.Warnings)
	if len(result.Problems) > 0 {
		return result.Problems
	}
	output.Fprintf(c.stdout, "valid: %s\n", summary(result.Declarations))
	return nil
}

func summary(d *schema.Declarations) string {
	return fmt.Sprintf("%s, %s, %s, %s, %s", schema.Count(len(d.Users), "user"), schema.Count(len(d.Groups), "group"),
		schema.Count(len(d.Mappings), "mapping"), schema.Count(len(d.Apps), "app"),
		schema.Count(len(d.Provisioners), "provisioner"))
}
