package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// allFlags returns the names of the flags of all commands.
func allFlags() []string {
	var names []string
	eachFlag((&cli{}).rootCommand(), func(f *pflag.Flag) { names = append(names, f.Name) })
	slices.Sort(names)
	return slices.Compact(names)
}

func TestEveryPatternOfAGroupMatchesAFlag(t *testing.T) {
	names := allFlags()
	for _, g := range flagGroups {
		for _, pattern := range g.flags {
			prefix, star := strings.CutSuffix(pattern, "*")
			if !slices.ContainsFunc(names, func(name string) bool {
				return name == pattern || star && strings.HasPrefix(name, prefix)
			}) {
				t.Errorf("group %s: no flag is %s", g.name, pattern)
			}
		}
	}
}

// The help of a command shows its own flags, and only as many others as a reader can take in.
func TestHelpShowsOnlyTheCommonFlags(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		groups := flagsByGroup(cmd)
		shown, limit := 0, 16
		if cmd.Name() == "simulate" {
			limit = 20 // nearly all of them are its own
		}
		groups[""].VisitAll(func(*pflag.Flag) { shown++ })
		if shown > limit {
			t.Errorf("%s --help shows %d flags; want at most %d", cmd.CommandPath(), shown, limit)
		}
		help := func(flag string) string {
			var out, stderr bytes.Buffer
			args := append(strings.Fields(cmd.CommandPath())[1:], flag)
			if code := execute(t.Context(), args, emptyEnv, strings.NewReader(""), &out, &stderr); code != 0 {
				t.Fatalf("%v: exit code %d: %s", args, code, &stderr)
			}
			return out.String()
		}
		common, all := help("--help"), help("--help-all")
		for name, flags := range groups {
			flags.VisitAll(func(f *pflag.Flag) {
				line := " --" + f.Name + " "
				if f.Hidden {
					return
				}
				if !strings.Contains(all, line) || strings.Contains(common, line) != (name == "") {
					t.Errorf("%s: flag %s of group %q is in the wrong help", cmd.CommandPath(), f.Name, name)
				}
			})
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&cli{}).rootCommand())
}
