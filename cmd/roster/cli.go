package main

import (
	"io"
	"log/slog"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
)

// cli is one invocation of roster: its environment, its streams, and the flags of all commands.
type cli struct {
	args           []string
	env            func(string) (string, bool)
	stdin          io.Reader
	stdout, stderr *output.Writer
	secrets        *scrub.Scrubber // of the process; stdout and stderr replace them

	format  string // text, json or markdown
	color   string // auto, always or never
	verbose bool
	// logLevel is nil without --log-level.
	logLevel  *slog.Level
	logFormat logFormat
	helpAll   bool // show the flags of all groups

	// sources has where the values of flags come from that are not the default.
	sources map[string]string

	printedJSON bool // standard output has a JSON document

	flags app.Settings // those that flags set
}

// settings returns the settings of a command that logs from a level.
func (c *cli) settings(level slog.Level) app.Settings {
	s := c.flags
	s.Env, s.Version, s.Secrets = c.env, version(), c.secrets
	s.Log, s.Progress = c.logger(level), c.progress()
	return s
}
