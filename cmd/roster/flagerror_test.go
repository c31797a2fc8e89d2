package main

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
)

// goWords are texts of Go's standard library that no message may have.
var goWords = []string{"strconv.", "parsing \"", "time: invalid duration", "invalid syntax", "file does not exist",
	"[]string"}

// The error for a wrong value of a flag, on the command line and in the environment, says what
// would be right, and names no function of Go.
func TestErrorsOfFlagsSayWhatWouldBeRight(t *testing.T) {
	c := &cli{env: emptyEnv, stdout: output.NewWriter(io.Discard), stderr: output.NewWriter(io.Discard),
		secrets: &scrub.Scrubber{}}
	checked := 0
	var visit func(cmd *cobra.Command, path []string)
	visit = func(cmd *cobra.Command, path []string) {
		for _, sub := range cmd.Commands() {
			visit(sub, append(path[:len(path):len(path)], sub.Name()))
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if strings.HasPrefix(f.Value.Type(), "string") {
				return
			}
			checked++
			var errs strings.Builder
			code := execute(t.Context(), append(path, "--"+f.Name+"=so?n"), emptyEnv, strings.NewReader(""),
				io.Discard, &errs)
			if code != int(exitUsage) || !strings.Contains(errs.String(), "--"+f.Name+": invalid value \"so?n\"") {
				t.Errorf("%q: %d, %s", append(path, "--"+f.Name+"=so?n"), code, errs.String())
			}
			for _, word := range goWords {
				if strings.Contains(errs.String(), word) {
					t.Errorf("%q: the message has %q: %s", append(path, "--"+f.Name), word, errs.String())
				}
			}
		})
	}
	visit(c.rootCommand(), nil)
	if checked < 30 {
		t.Errorf("only %d flags were checked", checked)
	}
}
