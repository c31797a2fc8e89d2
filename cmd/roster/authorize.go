package main

import (
	"bufio"
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
)

func (c *cli) authorizeCommand() *cobra.Command {
	var repo repoFlags
	var flow app.AuthorizationFlow
	cmd := &cobra.Command{
		Use:   "authorize [P]",
		Short: "Authorize a provisioner with OAuth 2.0 in a browser",
		Long: `authorize prints an address to open in a browser, waits until the browser is redirected back, and
stores the tokens of provisioner P encrypted in the state directory. A daemon with the same state
directory then continues without a restart. The authorization server must know the redirect URI
http://127.0.0.1:8743/callback, or the one of --listen.

If the browser runs on another machine, forward the port (ssh -L 8743:127.0.0.1:8743), or paste
the address of the page that the browser cannot open.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.authorize(cmd.Context(), repo.RepositoryConfig, firstOf(args), flow)
		},
	}
	repo.addWithDir(cmd)
	f := cmd.Flags()
	f.StringVar(&flow.Listen, "listen", "127.0.0.1:8743", "loopback address of the redirect URI; port 0 for any port")
	f.DurationVar(&flow.Timeout, "timeout", 5*time.Minute, "maximum time for the authorization in the browser")
	return cmd
}

func (c *cli) authorize(
	ctx context.Context, repo app.RepositoryConfig, provisioner string, flow app.AuthorizationFlow,
) error {
	w, err := app.Open(ctx, c.settings(logWarnings), repo)
	if err != nil {
		return err
	}
	flow.PastedURLs = readLines(c.stdin)
	flow.ShowURL = func(address string) {
		output.Fprintf(c.stderr, "Open this address in a browser:\n\n%s\n\n"+
			"If the browser ends at an address that it cannot open, paste that address here.\n", address)
	}
	got, err := w.Authorize(ctx, provisioner, flow)
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.printJSON(map[string]any{"version": 1, "provisioner": got.Provisioner, "expires": got.Expires,
			"renewable": got.Renewable})
	}
	output.Fprintf(c.stdout, "%s: authorized\n", got.Provisioner)
	if !got.Renewable {
		output.Fprintf(c.stderr, "The server issued no refresh token: the authorization ends at %s. "+
			"Many servers issue one for the scope offline_access.\n", got.Expires.Local().Format(time.DateTime))
	}
	return nil
}

// readLines returns the lines of r. The goroutine that reads them ends with the process.
func readLines(r io.Reader) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		for s := bufio.NewScanner(r); s.Scan(); {
			out <- s.Text()
		}
	}()
	return out
}
