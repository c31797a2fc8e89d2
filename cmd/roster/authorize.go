package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/oauth"
)

// authorization is what roster authorize is told.
type authorization struct {
	place
	listen  string
	timeout time.Duration
}

func (a *app) authorizeCommand() *cobra.Command {
	var f authorization
	c := &cobra.Command{Use: "authorize [P]", Short: "Authorize a provisioner by OAuth 2.0, in a browser, and keep its refresh token sealed",
		Long: `authorize prints an address to open in a browser, waits for the browser to come back, and stores the tokens, sealed, in the state
directory; a daemon with the same state directory goes on by itself. The authorization server has to know the redirect URI
http://127.0.0.1:8743/callback, or whatever --listen says.

With the browser on another machine, forward the port (ssh -L 8743:127.0.0.1:8743), or paste the address at which the browser ends here.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.provisioner = args[0]
			}
			return a.authorize(cmd.Context(), &f)
		}}
	f.registerC(c)
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8743", "loopback address that the browser comes back to; port 0 for any")
	c.Flags().DurationVar(&f.timeout, "timeout", 5*time.Minute, "how long the browser may take")
	return c
}

func (a *app) authorize(ctx context.Context, f *authorization) error {
	w, err := a.open(ctx, &f.place, false)
	if err != nil {
		return err
	}
	pr, err := w.one(ctx)
	if err != nil {
		return err
	}
	if o := pr.Auth.OAuth2; o == nil || o.Grant != string(oauth.AuthorizationCode) {
		return fmt.Errorf("%s: provisioner %q has nothing to authorize: only oauth2 with the grant authorizationCode needs a person", pr.Pos, pr.Key)
	}
	client, err := w.oauth(pr)
	if err != nil {
		return err
	}
	got, err := client.Authorize(ctx, oauth.Flow{Listen: f.listen, Timeout: f.timeout, PastedURLs: lines(a.stdin), ShowURL: func(address string) {
		fmt.Fprintf(a.stderr, "Open this address in a browser:\n\n%s\n\nIf it ends at an address that cannot be opened, paste that here.\n", address)
	}})
	if err != nil {
		return err
	}
	if a.format == "json" {
		return a.json(map[string]any{"version": 1, "provisioner": pr.Key, "expires": got.Expires, "renewable": got.Renewable})
	}
	fmt.Fprintf(a.stdout, "%s: authorized\n", pr.Key)
	if !got.Renewable {
		fmt.Fprintf(a.stderr, "The server gave no refresh token: this ends at %s. Many servers give one for the scope offline_access.\n",
			got.Expires.Local().Format(time.DateTime))
	}
	return nil
}

// lines brings what is typed. Its reader ends with the process.
func lines(r io.Reader) <-chan string {
	out := make(chan string)
	go func() {
		defer close(out)
		for s := bufio.NewScanner(r); s.Scan(); {
			out <- s.Text()
		}
	}()
	return out
}
