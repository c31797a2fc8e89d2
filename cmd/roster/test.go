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
	var write bool
	cmd := &cobra.Command{
		Use:   "test [P]",
		Short: "Test the endpoint and the credentials of a provisioner with one read request",
		Long: `test asks the endpoint of provisioner P for its configuration, which changes nothing. It explains
the response: a wrong host, path or tenant, a token that expired or was revoked, a network control
or a missing permission, or a problem with TLS or the clock, and what to do.

A token or a network control may allow reads and refuse writes. With --write, test then patches a
user whom roster owns to the display name that the user already has.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.test(cmd.Context(), repo.RepositoryConfig, firstOf(args), write)
		},
	}
	repo.addWithDir(cmd)
	cmd.Flags().BoolVar(&write, "write", false,
		"also patch a user whom roster owns to the display name that the user already has")
	return cmd
}

func (c *cli) test(ctx context.Context, repo app.RepositoryConfig, provisioner string, write bool) error {
	w, err := app.Open(ctx, c.settings(logWarnings), repo)
	if err != nil {
		return err
	}
	test, err := w.TestConnection(ctx, provisioner, write)
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.printTestJSON(test)
	}
	if test.Quarantine != nil {
		output.Fprintf(c.stderr, "%s is %s\n", test.Provisioner, test.Quarantine)
	}
	if test.Err != nil {
		advice := ""
		if test.Finding.Advice != "" {
			advice = "\n" + test.Finding.Advice
		}
		return fmt.Errorf("%s at %s: %s: %w%s", test.Provisioner, test.Identity, test.Finding.Cause, test.Err, advice)
	}
	if test.Patched != "" {
		output.Fprintf(c.stdout, "%s: %s answers reads and accepts writes with this token; it patched user %s to the "+
			"display name that the user has\n", test.Provisioner, test.Identity, test.Patched)
	} else {
		output.Fprintf(c.stdout, "%s: %s answers reads with this token; writes are not tested (--write tests them)\n",
			test.Provisioner, test.Identity)
	}
	if test.Finding.Advice != "" {
		output.Fprintf(c.stderr, "%s\n", test.Finding.Advice)
	}
	return nil
}

func (c *cli) printTestJSON(test *app.ConnectionTest) error {
	out := map[string]any{"version": 1, "provisioner": test.Provisioner, "identity": test.Identity,
		"ok": test.Err == nil, "finding": test.Finding, "patched": test.Patched}
	if test.Quarantine != nil {
		out["quarantine"] = test.Quarantine
	}
	if test.Err != nil {
		failure := app.Describe(test.Err)
		failure.At, failure.Advice = test.Identity, test.Finding.Advice
		out["error"] = failure
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
