package main

import (
	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make API tokens for the daemon",
	}
	cmd.AddCommand(c.tokenNewCommand())
	return cmd
}

func (c *cli) tokenNewCommand() *cobra.Command {
	var file, role, until string
	cmd := &cobra.Command{
		Use:   "new NAME --api-tokens FILE",
		Short: "Make an API token and add its digest to a file",
		Long: `new makes a token, adds its digest to the file that serve --api-tokens reads, and prints the token.
The token is nowhere else. A running daemon accepts it at once, and rejects it as soon as its line
is removed from the file.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if file == "" {
				return usageErrorf("token new requires --api-tokens FILE")
			}
			token, err := app.NewAPIToken(file, args[0], role, until)
			if err != nil {
				return err
			}
			if c.format == "json" {
				return c.printJSON(map[string]any{"version": 1, "name": args[0], "role": role, "until": until,
					"token": token})
			}
			output.Fprintf(c.stdout, "%s\n", token)
			return c.stdout.Flush()
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "api-tokens", "", "file with the digests of API tokens; created if missing")
	f.StringVar(&role, "role", "read", "what the token permits: read, or act to read and act")
	f.StringVar(&until, "until", "", "last day of the token, such as 2027-01-31 (default: it does not end)")
	return cmd
}
