package main

import (
	"fmt"
	"slices"

	"github.com/seed-d64a251c/roster/internal/app"
)

// exitCode is an outcome that is not an error message. As an error, it ends the program with that
// code and prints nothing.
type exitCode int

const (
	exitDone    exitCode = 0
	exitError   exitCode = 1
	exitPending exitCode = 2
	exitHeld    exitCode = 3
	exitPartial exitCode = 4
	exitUsage   exitCode = 64
)

func (e exitCode) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// precedence orders the codes: if several apply, the last of them is the exit code.
var precedence = []exitCode{exitDone, exitPending, exitPartial, exitHeld, exitError}

// exitWith returns the exit code of a command with several results, as an error.
func exitWith[T any](results []T, code func(T) exitCode) error {
	highest := 0
	for _, r := range results {
		highest = max(highest, slices.Index(precedence, code(r)))
	}
	if precedence[highest] == exitDone {
		return nil
	}
	return precedence[highest]
}

// usageErrorf makes the error for a command line that cannot be executed.
func usageErrorf(format string, args ...any) error {
	return app.UsageError{Err: fmt.Errorf(format, args...)}
}
