package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/demo"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
)

func (c *cli) demoCommand() *cobra.Command {
	var config demo.Config
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run an example repository, a simulated AWS and the daemon on this machine",
		Long: `demo creates a Git repository from the example, starts the simulator of AWS and the daemon on
loopback, and runs a scenario: a first sync, a merged change, a change made outside roster, an
invalid declaration, a mass deletion. It verifies each step in the simulated AWS and on the audit
branch. It requires git, ignores the ROSTER_* environment variables, and removes its temporary
folder at the end.`,
		Args: cobra.NoArgs,
		// In place of resolveFlags: environment variables do not apply to the demo.
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if !slices.Contains([]string{"text", "json"}, c.format) {
				return usageErrorf("--format %q: want text or json", c.format)
			}
			return c.checkColor()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), config) },
	}
	f := cmd.Flags()
	f.StringVar(&config.Dir, "dir", "", "folder to use and keep, new or empty (default: a temporary one)")
	f.BoolVar(&config.Once, "once", false, "exit after the scenario: with 0 if each step succeeded, else with 1")
	f.BoolVar(&config.Keep, "keep", false, "keep the temporary folder")
	return cmd
}

func (c *cli) demo(ctx context.Context, config demo.Config) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	closed := make(chan os.Signal, 1)
	signal.Notify(closed, syscall.SIGPIPE) // a write to a closed pipe is then an error and not the end
	defer signal.Stop(closed)
	if config.Content == nil {
		content, err := app.Example()
		if err != nil {
			return err
		}
		config.Content = content
	}
	out := c.stdout
	if c.format == "json" { // the steps are for people
		out = c.stderr
	}
	config.Out, config.Color = out, c.colored(out)
	config.Program, config.Serve = programName(), c.serveDemo
	err := demo.Run(ctx, config)
	if c.format == "json" {
		err = errors.Join(err, c.printJSON(withError(map[string]any{"version": 1, "succeeded": err == nil}, err)))
	}
	if errors.Is(err, demo.ErrFailed) {
		return exitError
	}
	return err
}

// demoToken is the environment variable with the token of the example's provisioner.
const demoToken = "ROSTER_SECRET_AWS"

// serveDemo runs the daemon of the demo. Environment variables of roster do not apply to it.
func (c *cli) serveDemo(ctx context.Context, d demo.Daemon, started func(address string)) error {
	secrets := &scrub.Scrubber{}
	log := secrets.Writer(d.Log)
	defer func() { _ = log.Flush() }() // the folder may be gone
	daemon := &cli{stdout: output.NewWriter(io.Discard), stderr: output.NewWriter(log), secrets: secrets,
		color: "never", verbose: c.verbose, logLevel: c.logLevel, logFormat: c.logFormat}
	daemon.env = func(name string) (string, bool) {
		switch {
		case name == demoToken:
			return d.Token, true
		case strings.HasPrefix(name, "ROSTER_"):
			return "", false
		}
		return c.env(name)
	}
	daemon.flags.Policy.Env = []string{demoToken}
	daemon.flags.Policy.Hosts = []string{"loopback"}
	server, err := app.NewServer(ctx, daemon.settings(logInfo), app.ServeConfig{
		Repository: app.RepositoryConfig{URL: d.Repo, StateDir: d.StateDir, Remote: "origin",
			AuditBranch: "roster/audit"},
		Branch: "main",
		Listen: "127.0.0.1:0",
		Poll:   500 * time.Millisecond,
	})
	if err != nil {
		return err
	}
	return server.Run(ctx, started)
}

// programName is the name that started this program. The program of go run no longer exists when
// the user copies a command.
func programName() string {
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, string(filepath.Separator)+"go-build") {
		return "roster"
	}
	return os.Args[0]
}
