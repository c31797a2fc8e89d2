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

// logger writes readable lines to a terminal, and JSON elsewhere.
func (c *cli) logger(level slog.Level) *slog.Logger {
	if c.verbose {
		level = slog.LevelDebug
	}
	if isTerminal(c.stderr) {
		options := &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !c.colored(c.stderr)}
		return slog.New(output.NewLogHandler(tint.NewTextHandler(c.stderr.Colored(), options)))
	}
	return slog.New(slog.NewJSONHandler(output.NewJSONWriter(c.stderr), &slog.HandlerOptions{Level: level}))
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
