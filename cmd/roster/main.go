// Command roster keeps AWS IAM Identity Center in sync with the declarations in a Git repository.
// See roster --help.
//
// There is one file per command. It turns flags and environment variables into a configuration,
// calls package app, and prints the result.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/fileerror"
	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// execute executes one command line and returns the exit code. Secrets do not reach stdout and
// stderr.
func execute(
	ctx context.Context, args []string, env func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer,
) int {
	return executeWith(ctx, &scrub.Scrubber{}, args, env, stdin, stdout, stderr)
}

// executeWith is execute with a Scrubber; a nil one removes no secret.
func executeWith(
	ctx context.Context, secrets *scrub.Scrubber, args []string, env func(string) (string, bool), stdin io.Reader,
	stdout, stderr io.Writer,
) int {
	if len(args) == 1 && args[0] == app.EvaluateCommand {
		return app.EvaluateChild()
	}
	defer app.LimitHeap()()
	out, errs := secrets.Writer(stdout), secrets.Writer(stderr)
	defer func() { _, _ = out.Flush(), errs.Flush() }() // a reader that went away needs no output
	c := &cli{args: args, env: env, stdin: stdin, stdout: output.NewWriter(out), stderr: output.NewWriter(errs),
		secrets: secrets}
	defer c.flush()
	root := c.rootCommand()
	replaced, all := askForHelp(args)
	c.helpAll = all
	root.SetArgs(replaced)
	err := fileerror.Explain(root.ExecuteContext(ctx))
	var code exitCode
	switch {
	case err == nil:
		return int(exitDone)
	case errors.As(err, &code):
		return int(code)
	}
	if !c.printedJSON && c.wantsJSON() {
		_ = c.printJSON(withError(nil, err)) // a reader that went away needs no output
	}
	var usage app.UsageError
	if errors.As(err, &usage) {
		c.printUsageError(err)
		return int(exitUsage)
	}
	c.printError(err)
	return int(exitError)
}
