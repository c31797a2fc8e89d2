package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/demo"
	"github.com/seed-d64a251c/roster/internal/secret"
)

// demonstration is what roster demo is told, and, below, what tests tell it.
type demonstration struct {
	dir        string
	once, keep bool

	content  fs.FS                           // nil: the example
	between  func(http.Handler) http.Handler // nil: nothing
	deadline time.Duration                   // 0: the default
}

func (a *app) demoCommand() *cobra.Command {
	var d demonstration
	c := &cobra.Command{Use: "demo", Short: "Show roster at work: an example repository, simulated AWS and the daemon, on this machine only",
		Long: `demo makes a Git repository from the example, starts the simulator of AWS and the daemon on loopback, and plays a short story: a first
sync, a merged change, a change behind roster's back, a bad declaration, a mass deletion. Each step is checked in the simulated AWS and
in the audit branch. It needs git and nothing else, reads no ROSTER_* settings, and leaves nothing behind but what it says.`,
		Args:              cobra.NoArgs,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkDemo() }, // in place of settle: the environment has no say here
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), d) }}
	f := c.Flags()
	f.StringVar(&d.dir, "dir", "", "folder to use and to keep, new or empty (default: a temporary one, removed at the end)")
	f.BoolVar(&d.once, "once", false, "end after the story: with 0 if each step really happened, else with 1")
	f.BoolVar(&d.keep, "keep", false, "keep the temporary folder")
	return c
}

func (a *app) checkDemo() error {
	switch {
	case a.format != "text":
		return usageError{fmt.Errorf("--format %q: the demo is for people: text only", a.format)}
	case a.color != "auto" && a.color != "always" && a.color != "never":
		return usageError{fmt.Errorf("--color %q: want auto, always or never", a.color)}
	}
	return nil
}

func (a *app) demo(ctx context.Context, d demonstration) (err error) {
	ctx, leave := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer leave()
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE) // so that writing to nobody is an error, not the end
	defer signal.Stop(broken)
	out := audience{a.stdout, leave}
	dir, remove, err := d.folder()
	if err != nil {
		return err
	}
	defer func() {
		if remove {
			err = errors.Join(err, os.RemoveAll(dir))
			fmt.Fprintf(out, "\nremoved %s\n", dir)
		} else {
			fmt.Fprintf(out, "\nkept %s\n", dir)
		}
	}()
	content := d.content
	if content == nil {
		if content, err = starter(); err != nil {
			return err
		}
	}
	began := time.Now()
	stage, err := demo.Open(ctx, demo.Setting{Dir: dir, Content: content, Serve: a.serveDemo, Deadline: d.deadline, Between: d.between,
		Program: program(), Voice: demo.Voice{Out: out, Colour: a.colored(a.stdout)}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if err := stage.Tell(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		stage.Fail(err, lastLines(stage.Log(), 15))
		return exit(exitError)
	}
	fmt.Fprintf(out, "\nEach step happened, in %.1f s.\n", time.Since(began).Seconds())
	if d.once {
		return nil
	}
	stage.Invite()
	return stage.Stay(ctx)
}

// audience calls leave when nobody listens any more: what was set up is cleaned up all the same.
type audience struct {
	io.Writer
	leave func()
}

func (w audience) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil {
		w.leave()
	}
	return n, err
}

// folder makes the folder of the demo and says whether it goes at the end: a folder that somebody named is theirs.
func (d *demonstration) folder() (dir string, remove bool, err error) {
	if d.dir == "" {
		dir, err = os.MkdirTemp("", "roster-demo-")
		return dir, !d.keep, err
	}
	if dir, err = filepath.Abs(d.dir); err != nil {
		return "", false, err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return "", false, fmt.Errorf("--dir %s: the folder is not empty: %w", d.dir, fs.ErrExist)
	}
	return dir, false, os.MkdirAll(dir, 0o755)
}

// serveDemo is roster serve for the demo: with its own token, log and rules, whatever the environment says.
func (a *app) serveDemo(ctx context.Context, d demo.Daemon, started func(string)) error {
	daemon := &app{stdout: io.Discard, stderr: d.Log, stdin: strings.NewReader(""), format: "text", color: "never", verbose: a.verbose,
		policy: secret.Policy{Env: []string{demoToken}, Hosts: []string{"loopback"}},
		env: func(name string) (string, bool) {
			switch {
			case name == demoToken:
				return d.Token, true
			case strings.HasPrefix(name, "ROSTER_"):
				return "", false
			}
			return a.env(name)
		}}
	return daemon.serve(ctx, &service{place: place{repo: d.Repo, stateDir: d.StateDir, remote: "origin", auditBranch: "roster/audit"},
		branch: "main", listen: "127.0.0.1:0", poll: 500 * time.Millisecond}, started)
}

// demoToken is the name by which the example's provisioner asks for its token.
const demoToken = "ROSTER_AWS_TOKEN"

// lastLines are the last lines of a file, as far as it can be read.
func lastLines(file string, n int) []string {
	b, err := os.ReadFile(file)
	if err != nil || len(b) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[max(0, len(lines)-n):]
}

// program is how this program was called; go run's is gone by the time that somebody types it again.
func program() string {
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, string(filepath.Separator)+"go-build") {
		return "roster"
	}
	return os.Args[0]
}
