package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write the golden files")

// TestHelp compares the help of every command with testdata/messages/help.golden, and the flags of
// all groups for two of them.
func TestHelp(t *testing.T) {
	var got strings.Builder
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		var out, stderr bytes.Buffer
		code := execute(t.Context(), args, emptyEnv, strings.NewReader(""), &out, &stderr)
		if code != 0 || stderr.Len() > 0 {
			t.Errorf("roster %s: exit code %d\n%s", strings.Join(args, " "), code, &stderr)
		}
		fmt.Fprintf(&got, "$ roster %s\n%s\n", strings.Join(args, " "), &out)
		for _, sub := range cmd.Commands() {
			add(sub)
		}
	}
	add((&cli{}).rootCommand())
	for _, args := range [][]string{{"explain", "--help-all"}, {"serve", "--help-all"}} {
		var out, stderr bytes.Buffer
		execute(t.Context(), args, emptyEnv, strings.NewReader(""), &out, &stderr)
		fmt.Fprintf(&got, "$ roster %s\n%s%s\n", strings.Join(args, " "), &out, &stderr)
	}
	golden := filepath.Join("..", "..", "testdata", "messages", "help.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the help differs from %s; run go test ./cmd/roster -run TestHelp -update and read the difference",
			golden)
	}
}
