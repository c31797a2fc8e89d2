package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/output"
)

// flagGroup is a part of the flags in the help of a command.
type flagGroup struct {
	name, title string
	// flags are the names of the flags, and prefixes of names that end in *.
	flags []string
}

// flagGroups are the groups of flags that most calls do not need. Every other flag is a common one.
// The first group with a flag counts.
var flagGroups = []flagGroup{
	{"forge", "Forge", []string{"forge*", "webhook-secret-env", "trust-commit-authors", "preview-max-age",
		"snapshots"}},
	{"audit", "Audit branch and state", []string{"audit-*", "redact-key", "lease", "state-dir", "allow-self-approval",
		"offline-drift", "quarantine-pause"}},
	{"git", "Git", []string{"git-*", "ssh-*", "github-*", "known-hosts", "path", "remote", "commit-signers",
		"merge-signers", "unsigned-merges", "signed-since"}},
	{"access", "Access to the HTTP server", []string{"tls-*", "behind-proxy", "host-name", "public-url", "oidc-*",
		"rate-limit-*"}},
	{"secrets", "Secrets and hosts that declarations may use", []string{"allow-env", "allow-command",
		"allow-aws-secret", "allow-host", "secrets-dir", "age-identity"}},
	{"log", "Log", []string{"log-*"}},
	{"limits", "Limits", []string{"attempts", "eval-*", "max-*"}},
}

// groupOf returns the group of a flag; "" for a common one.
func groupOf(flag string) string {
	for _, g := range flagGroups {
		for _, pattern := range g.flags {
			prefix, star := strings.CutSuffix(pattern, "*")
			if flag == pattern || star && strings.HasPrefix(flag, prefix) {
				return g.name
			}
		}
	}
	return ""
}

// helpAllFlag shows the flags of all groups. It is replaced by --help before flags are parsed.
const helpAllFlag = "--help-all"

// askForHelp replaces --help-all by --help, and reports whether it did.
func askForHelp(args []string) (replaced []string, all bool) {
	for i, arg := range args {
		switch arg {
		case "--":
			return append(replaced, args[i:]...), all
		case helpAllFlag:
			arg, all = "--help", true
		}
		replaced = append(replaced, arg)
	}
	return replaced, all
}

// printUsage prints how to call a command, its subcommands, and its flags by group.
func (c *cli) printUsage(cmd *cobra.Command) error {
	w := cmd.OutOrStdout()
	output.Fprintf(w, "Usage:\n")
	if cmd.Runnable() {
		output.Fprintf(w, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		output.Fprintf(w, "  %s [command]\n\nCommands:\n", cmd.CommandPath())
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				output.Fprintf(w, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	groups := flagsByGroup(cmd)
	printFlags := func(title string, flags *pflag.FlagSet) {
		if flags != nil && flags.HasAvailableFlags() {
			output.Fprintf(w, "\n%s:\n", title)
			for line := range strings.Lines(flags.FlagUsages()) {
				output.Fprintf(w, "%s\n", strings.TrimRight(line, "\n"))
			}
		}
	}
	printFlags("Flags", groups[""])
	var more []string
	for _, g := range flagGroups {
		if c.helpAll {
			printFlags(g.title+" flags", groups[g.name])
		} else if groups[g.name] != nil {
			more = append(more, g.name)
		}
	}
	if more != nil {
		output.Fprintf(w, "\nMore flags (%s): %s --help-all\n", strings.Join(more, ", "), cmd.CommandPath())
	}
	return nil
}

// flagsByGroup divides the flags of a command, those of its parents included.
func flagsByGroup(cmd *cobra.Command) map[string]*pflag.FlagSet {
	groups := map[string]*pflag.FlagSet{}
	add := func(f *pflag.Flag) {
		name := groupOf(f.Name)
		if groups[name] == nil {
			groups[name] = pflag.NewFlagSet(name, pflag.ContinueOnError)
		}
		groups[name].AddFlag(f)
	}
	cmd.LocalFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return groups
}
