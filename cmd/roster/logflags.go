package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// logFormat is the format of the log.
type logFormat string

// The formats of the log.
const (
	logAuto logFormat = "auto" // text on a terminal, else json
	logText logFormat = "text"
	logJSON logFormat = "json"
)

// Set sets the format from a flag.
func (f *logFormat) Set(text string) error {
	if !slices.Contains([]logFormat{logAuto, logText, logJSON}, logFormat(text)) {
		return fmt.Errorf("want auto, text or json")
	}
	*f = logFormat(text)
	return nil
}

// String returns the format.
func (f *logFormat) String() string { return string(*f) }

// Type is the type of the flag in help.
func (f *logFormat) Type() string { return "string" }

// logLevel is a flag with a level of the log; nil if it is not set.
type logLevel struct{ level **slog.Level }

// levels are the values of the flag.
var levels = map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
	"error": slog.LevelError}

// Set sets the level from a flag; "" is the default of the command.
func (l logLevel) Set(text string) error {
	if text == "" { // as in the output of --print-config
		*l.level = nil
		return nil
	}
	level, ok := levels[text]
	if !ok {
		return fmt.Errorf("want debug, info, warn or error")
	}
	*l.level = &level
	return nil
}

// String returns the level; "" if it is not set.
func (l logLevel) String() string {
	if l.level == nil || *l.level == nil {
		return ""
	}
	return strings.ToLower((*l.level).String())
}

// Type is the type of the flag in help.
func (l logLevel) Type() string { return "string" }

// addLogFlags adds the flags of the log on standard error.
func (c *cli) addLogFlags(f *pflag.FlagSet) {
	c.logFormat = logAuto
	f.BoolVarP(&c.verbose, "verbose", "v", false, "detailed log on standard error")
	f.Var(&c.logFormat, "log-format", "format of the log: auto (text on a terminal, else JSON), text or json")
	f.Var(logLevel{&c.logLevel}, "log-level", "least level of the lines of the log: debug, info, warn or error "+
		"(default: info for serve, plan and demo, else warn)")
}
