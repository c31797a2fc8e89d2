package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write the golden files")

var globalFlags = regexp.MustCompile(`(?s)\nGlobal Flags:\n.*?\n(\n|$)`)

// TestHelp compares the help of every command with testdata/messages/help.golden. The file shows
// the global flags only once.
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
		text := globalFlags.ReplaceAllString(out.String(), "")
		fmt.Fprintf(&got, "$ roster %s\n%s\n", strings.Join(args, " "), text)
		for _, sub := range cmd.Commands() {
			add(sub)
		}
	}
	add((&cli{}).rootCommand())
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
