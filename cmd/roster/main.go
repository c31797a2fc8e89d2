// Command roster keeps AWS IAM Identity Center as declared in a Git repository. See roster --help.
//
// This package turns flags and environment into configuration and connects the parts; it decides nothing. One file a subcommand.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed-d64a251c/roster/schema"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes. When several fit: 1, then 3, 4, 2.
const (
	exitDone    = 0
	exitError   = 1
	exitPending = 2
	exitHeld    = 3
	exitPartial = 4
	exitUsage   = 64
)

// exit is an outcome that is no error but has a code of its own.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// usageError is a command line that cannot be understood.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func execute(ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{env: env, stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exit
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "roster: %v\nSee roster --help.\n", err)
		return exitUsage
	}
	a.complain(err)
	return exitError
}

// complain prints an error: problems of a configuration one a line, anything else behind the program's name.
func (a *app) complain(err error) {
	var problems schema.Problems
	if errors.As(err, &problems) {
		a.printProblems(a.stderr, problems)
		noun := "problems"
		if len(problems) == 1 {
			noun = "problem"
		}
		fmt.Fprintf(a.stderr, "roster: the configuration is invalid: %d %s\n", len(problems), noun)
		return
	}
	fmt.Fprintf(a.stderr, "roster: %s\n", a.paintErr(alarm, "error: ")+err.Error())
}
