package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) testCommand() *cobra.Command {
	var repo repoFlags
	cmd := &cobra.Command{
		Use:   "test [P]",
		Short: "Test the endpoint and the credentials of a provisioner with one read request",
		Long: `test asks the endpoint of provisioner P for its configuration, which changes nothing. It explains
the response: a wrong host, path or tenant, a token that expired or was revoked, a missing
permission, or a problem with TLS or the clock, and what to do.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.test(cmd.Context(), repo.RepositoryConfig, firstOf(args))
		},
	}
	repo.addWithDir(cmd)
	return cmd
}

func (c *cli) test(ctx context.Context, repo app.RepositoryConfig, provisioner string) error {
	w, err := app.Open(ctx, c.settings(logWarnings), repo)
	if err != nil {
		return err
	}
	test, err := w.TestConnection(ctx, provisioner)
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.printTestJSON(test)
	}
	if test.Err != nil {
		return fmt.Errorf("%s at %s: %s: %w\n%s", test.Provisioner, test.Identity, test.Finding.Cause, test.Err,
			test.Finding.Advice)
	}
	output.Fprintf(c.stdout, "%s: %s responds and accepts the token\n", test.Provisioner, test.Identity)
	if test.Finding.Advice != "" {
		output.Fprintf(c.stderr, "%s\n", test.Finding.Advice)
	}
	return nil
}

func (c *cli) printTestJSON(test *app.ConnectionTest) error {
	out := map[string]any{"version": 1, "provisioner": test.Provisioner, "identity": test.Identity,
		"ok": test.Err == nil, "finding": test.Finding}
	if test.Err != nil {
		out["error"] = test.Err.Error()
	} else {
		out["maxResults"] = test.MaxResults
	}
	if err := c.printJSON(out); err != nil {
		return err
	}
	if test.Err != nil {
		return exitError
	}
	return nil
}

// firstOf returns the first argument, or "".
func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
