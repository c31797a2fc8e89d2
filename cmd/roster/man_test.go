package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The manual has a page for each command, with every flag of it and with the text of the help.
func TestManualPages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	root := (&cli{}).rootCommand()
	files, err := writeManual(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.NewReplacer(`\`, "", "\n", " ", ".PP", "")
	words := func(s string) string { return strings.Join(strings.Fields(plain.Replace(s)), " ") }
	pages := 0
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		pages++
		text, err := os.ReadFile(filepath.Join(dir, pageName(cmd)+".1"))
		if err != nil {
			t.Fatal(err)
		}
		page := words(string(text))
		if !strings.Contains(page, words(cmd.Short)) {
			t.Errorf("%s: the page lacks %q", cmd.CommandPath(), cmd.Short)
		}
		first, _, _ := strings.Cut(cmd.Long, ". ")
		if !strings.Contains(page, words(first)) {
			t.Errorf("%s: the page lacks %q", cmd.CommandPath(), first)
		}
		flags := func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(page, "--"+f.Name) {
				t.Errorf("%s: the page lacks --%s", cmd.CommandPath(), f.Name)
			}
		}
		cmd.LocalFlags().VisitAll(flags)
		cmd.InheritedFlags().VisitAll(flags)
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				check(sub)
			}
		}
	}
	check(root)
	if pages != len(files) {
		t.Errorf("there are %d pages for %d commands", len(files), pages)
	}
}
