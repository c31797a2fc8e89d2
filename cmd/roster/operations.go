package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/output"
)

// addDaemonFlags adds the flags that select a running daemon.
func addDaemonFlags(f *pflag.FlagSet, d *app.DaemonConfig) {
	f.StringVar(&d.Server, "server", "http://127.0.0.1:8741", "address of the daemon")
	f.StringVar(&d.TokenEnv, "api-token-env", "ROSTER_API_TOKEN", "environment variable with an API token")
}

func (c *cli) statusCommand() *cobra.Command {
	var d app.DaemonConfig
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what a running daemon did last and does now",
		Long: `status asks a running daemon for the last run of each provisioner, and what it does now.

Exit codes: 0 all is as declared, 1 a run failed or the newest commit is refused, 3 changes are held,
4 some changes failed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := app.ConnectDaemon(c.settings(logWarnings), d)
			if err != nil {
				return err
			}
			return c.status(cmd.Context(), client)
		},
	}
	addDaemonFlags(cmd.Flags(), &d)
	return cmd
}

func (c *cli) status(ctx context.Context, client app.DaemonClient) error {
	s, err := client.DaemonStatus(ctx)
	if err != nil {
		return err
	}
	if c.format == "json" {
		now := []operation.Operation{}
		for _, p := range s.List {
			if p.Now != nil {
				now = append(now, *p.Now)
			}
		}
		err = c.printJSON(map[string]any{"version": 1, "status": s.Status, "operations": now})
	} else {
		err = c.printStatus(s)
	}
	if err != nil {
		return err
	}
	if s.InvalidReason != "" {
		return exitError
	}
	return exitWith(s.List, statusCode)
}

func (c *cli) printStatus(s *app.DaemonStatus) error {
	output.Fprintf(c.stdout, "commit %.7s %s\n", s.ValidCommit.ID, s.ValidCommit.Subject)
	if s.InvalidReason != "" {
		output.Fprintf(c.stdout, "commit %.7s is refused: run roster check\n", s.NewestCommit.ID)
	}
	if s.PollError != "" {
		output.Fprintf(c.stdout, "the repository cannot be read: %s\n", s.PollError)
	}
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for _, p := range s.List {
		last := "has not run"
		if r := p.Last.Report; r != nil {
			last = string(r.Outcome) + " at " + r.Finished.Local().Format("2006-01-02 15:04")
		} else if p.Last.Error != "" {
			last = "failed: " + p.Last.Error
		}
		now := ""
		if p.Now != nil {
			now = describe(p.Now)
		}
		if q := p.Last.Quarantine; q != nil {
			now = "in quarantine until " + q.NextTry.Local().Format("2006-01-02 15:04")
		}
		if p.Standby {
			now = "standby"
		}
		output.Fprintf(t, "%s\t%s\t%s\n", p.Key, last, now)
	}
	return t.Flush()
}

// statusCode returns the exit code for the last run of a provisioner.
func statusCode(p app.ProvisionerStatus) exitCode {
	switch {
	case p.Last.Report != nil:
		return outcomeCode(p.Last.Report.Outcome)
	case p.Last.Error != "":
		return exitError
	}
	return exitDone
}

// describe returns the state of an operation, with its progress.
func describe(o *operation.Operation) string {
	if o.Progress == nil {
		return string(o.State)
	}
	text := string(output.Sprintf("%s: %s %d of %d", o.State, o.Progress.Phase, o.Progress.Done, o.Progress.Total))
	if left := o.Progress.SecondsLeft; left > 0 {
		text += ", about " + (time.Duration(left) * time.Second).String() + " left"
	}
	return text
}

func (c *cli) syncCommand() *cobra.Command {
	var d app.DaemonConfig
	var wait bool
	cmd := &cobra.Command{
		Use:   "sync PROVISIONER",
		Short: "Ask a running daemon to run a provisioner now",
		Long: `sync asks a running daemon to run a provisioner now. It requires an API token with the role act,
unless the daemon is on this machine and needs none.

With --wait, it follows the operation until its end. The exit codes are then those of apply: 0 done,
1 error, 3 held, 4 partial.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := app.ConnectDaemon(c.settings(logWarnings), d)
			if err != nil {
				return err
			}
			return c.sync(cmd.Context(), client, args[0], wait)
		},
	}
	addDaemonFlags(cmd.Flags(), &d)
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the operation has ended")
	return cmd
}

func (c *cli) sync(ctx context.Context, client app.DaemonClient, provisioner string, wait bool) error {
	var random [16]byte
	_, _ = rand.Read(random[:])
	o, err := client.Sync(ctx, provisioner, hex.EncodeToString(random[:]))
	if err != nil {
		return err
	}
	if wait && !o.State.Ended() {
		if o, err = c.follow(ctx, client, o); err != nil {
			return err
		}
	}
	if err := c.printOperations([]operation.Operation{o}); err != nil {
		return err
	}
	return exitWith([]operation.Operation{o}, stateCode)
}

// follow waits until an operation has ended. It prints the progress if standard error is a
// terminal.
func (c *cli) follow(
	ctx context.Context, client app.DaemonClient, o operation.Operation,
) (operation.Operation, error) {
	shown := ""
	err := client.Follow(ctx, "", o.ID, func(event operation.Operation) (more bool, err error) {
		o = event
		if text := describe(&o); c.format != "json" && text != shown && isTerminal(c.stderr) {
			output.Fprintf(c.stderr, "%s\n", text)
			shown = text
		}
		return !o.State.Ended(), nil
	})
	return o, err
}

// stateCode returns the exit code of an operation.
func stateCode(o operation.Operation) exitCode {
	switch o.State {
	case operation.Failed, operation.Interrupted, operation.Superseded:
		return exitError
	case operation.Held:
		return exitHeld
	case operation.Partial:
		return exitPartial
	}
	return exitDone
}

func (c *cli) operationsCommand() *cobra.Command {
	var d app.DaemonConfig
	var provisioner string
	var follow bool
	var limit int
	cmd := &cobra.Command{
		Use:   "operations",
		Short: "List the runs of a running daemon",
		Long: `operations lists the runs of a running daemon, the newest first. Of runs that changed and held
nothing, one after the other, it lists the last. With --follow, it prints each change of an operation
until it is interrupted; as JSON, each is a document of its own.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := app.ConnectDaemon(c.settings(logWarnings), d)
			if err != nil {
				return err
			}
			if follow {
				return c.followOperations(cmd.Context(), client, provisioner)
			}
			list, err := client.Operations(cmd.Context(), provisioner, limit)
			if err != nil {
				return err
			}
			return c.printOperations(list)
		},
	}
	addDaemonFlags(cmd.Flags(), &d)
	cmd.Flags().StringVar(&provisioner, "provisioner", "", "only the operations of this provisioner")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print each change of an operation")
	cmd.Flags().IntVar(&limit, "limit", 20, "number of operations")
	return cmd
}

func (c *cli) followOperations(ctx context.Context, client app.DaemonClient, provisioner string) error {
	err := client.Follow(ctx, provisioner, "", func(o operation.Operation) (bool, error) {
		if c.format == "json" {
			document := map[string]any{"version": 1, "operations": []operation.Operation{o}}
			if err := output.WriteJSON(c.stdout, document); err != nil {
				return false, err
			}
			return true, c.stdout.Flush()
		}
		output.Fprintf(c.stdout, "%s  %s  %s\n", o.ID, o.Provisioner, describe(&o))
		return true, nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *cli) printOperations(list []operation.Operation) error {
	if c.format == "json" {
		if list == nil {
			list = []operation.Operation{}
		}
		return c.printJSON(map[string]any{"version": 1, "operations": list})
	}
	t := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	for i := range list {
		o := &list[i]
		what := o.Summary
		if o.Error != "" {
			what = o.Error
		}
		output.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", o.ID, o.QueuedAt.Local().Format("2006-01-02 15:04"),
			o.Provisioner, o.Trigger, describe(o), what)
	}
	return t.Flush()
}
