package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/seed-d64a251c/roster/internal/eta"
	"github.com/seed-d64a251c/roster/internal/logcontext"
	"github.com/seed-d64a251c/roster/internal/output"
)

func isTerminal(w io.Writer) bool {
	if wrapped, ok := w.(interface{ Unwrap() io.Writer }); ok {
		return isTerminal(wrapped.Unwrap())
	}
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colored reports whether output to w has colors.
func (c *cli) colored(w *output.Writer) bool {
	switch c.color {
	case "always":
		return true
	case "never":
		return false
	}
	if _, found := c.env("NO_COLOR"); found {
		return false
	}
	return isTerminal(w)
}

// logger returns the log of a command that logs from a level, unless flags say otherwise. Without
// --log-format, it writes readable lines to a terminal, and JSON elsewhere.
func (c *cli) logger(level slog.Level) *slog.Logger {
	switch {
	case c.logLevel != nil:
		level = *c.logLevel
	case c.verbose:
		level = slog.LevelDebug
	}
	terminal := isTerminal(c.stderr)
	format := logText
	if c.logFormat == logJSON || c.logFormat != logText && !terminal {
		format = logJSON
	}
	return slog.New(logcontext.NewHandler(c.logHandler(level, format, terminal)))
}

func (c *cli) logHandler(level slog.Level, format logFormat, terminal bool) slog.Handler {
	if format == logJSON {
		return slog.NewJSONHandler(output.NewJSONWriter(c.stderr), &slog.HandlerOptions{Level: level})
	}
	options := &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !c.colored(c.stderr)}
	if !terminal {
		options.TimeFormat = time.RFC3339
	}
	return output.NewLogHandler(tint.NewTextHandler(c.stderr.Colored(), options))
}

// progress prints the current phase to a terminal, each time on the same line. It returns nil if
// standard error is not a terminal.
func (c *cli) progress() func(phase string, done, total int) {
	if !isTerminal(c.stderr) {
		return nil
	}
	e := &eta.Estimator{}
	return func(phase string, done, total int) {
		left := e.Remaining(phase, done, total)
		if left != "" {
			left = ", " + left
		}
		if done == total {
			c.stderr.SetLine("")
			return
		}
		c.stderr.SetLine(fmt.Sprintf("%s %d/%d%s", phase, done, total, left))
	}
}
