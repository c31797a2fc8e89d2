package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
)

// Config configures a demo.
type Config struct {
	// Dir is the folder to use; it must be empty or absent, and is kept. "" means a temporary one.
	Dir string
	// Keep keeps the temporary folder.
	Keep bool
	// Once ends the demo after the scenario.
	Once bool
	// Content is the example organization. The endpoint of its provisioner is rewritten.
	Content fs.FS
	// Serve runs the daemon until the context ends. It calls started with the address of its pages.
	Serve func(ctx context.Context, d Daemon, started func(address string)) error
	// StepTimeout is the maximum duration of a step; 0 means 30 seconds.
	StepTimeout time.Duration
	// Intercept, if set, wraps the simulator, for tests of failing steps.
	Intercept func(http.Handler) http.Handler
	// Program is the name of roster in the commands that are shown.
	Program string
	Out     io.Writer
	Color   bool
}

// Daemon is what the daemon of a demo needs.
type Daemon struct {
	Repo     string // URL
	StateDir string
	Token    string // for the SCIM endpoint
	Log      io.Writer
}

// ErrFailed means that a step failed. Run has printed the reason.
var ErrFailed = errors.New("a step of the demo failed")

// Run runs the scenario and, unless Once is set, keeps everything running until the context ends.
func Run(ctx context.Context, c Config) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.Out = &cancelingWriter{c.Out, cancel}
	var remove bool
	if c.Dir, remove, err = folder(c.Dir, c.Keep); err != nil {
		return err
	}
	defer func() {
		if remove {
			err = errors.Join(err, os.RemoveAll(c.Dir))
			output.Fprintf(c.Out, "\nremoved %s\n", c.Dir)
		} else {
			output.Fprintf(c.Out, "\nkept %s\n", c.Dir)
		}
	}()
	began := time.Now()
	e, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.runScenario(ctx); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		e.printFailure(err, lastLines(e.logFile(), 15))
		return ErrFailed
	}
	output.Fprintf(c.Out, "\nEach step succeeded, in %.1f s.\n", time.Since(began).Seconds())
	if c.Once {
		return nil
	}
	e.printSuggestions()
	return e.wait(ctx)
}

// cancelingWriter ends the demo when its output is closed, so that the demo cleans up.
type cancelingWriter struct {
	io.Writer
	cancel func()
}

func (w *cancelingWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil {
		w.cancel()
	}
	return n, err
}

// folder returns the folder of the demo, and whether to remove it at the end. A folder that the
// user named is not removed.
func folder(name string, keep bool) (dir string, remove bool, err error) {
	if name == "" {
		dir, err = os.MkdirTemp("", "roster-demo-")
		return dir, !keep, err
	}
	if dir, err = filepath.Abs(name); err != nil {
		return "", false, err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		return "", false, fmt.Errorf("--dir %s: the folder is not empty; choose another", name)
	}
	return dir, false, os.MkdirAll(dir, 0o755)
}

// lastLines returns the last lines of a file, or nil if it cannot be read.
func lastLines(file string, n int) []string {
	b, err := os.ReadFile(file)
	if err != nil || len(b) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[max(0, len(lines)-n):]
}
