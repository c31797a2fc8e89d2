package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// helpDocument is the JSON form of the help of a command.
type helpDocument struct {
	Version  int           `json:"version"`
	Command  string        `json:"command"`
	Usage    string        `json:"usage"`
	Short    string        `json:"short"`
	Long     string        `json:"long"`
	Commands []helpCommand `json:"commands"`
	Flags    []helpFlag    `json:"flags"`
}

type helpCommand struct {
	Name  string `json:"name"`
	Short string `json:"short"`
}

type helpFlag struct {
	Name        string `json:"name"`
	Shorthand   string `json:"shorthand,omitempty"`
	Type        string `json:"type"`
	Default     string `json:"default"`
	Group       string `json:"group,omitempty"` // empty for a common flag
	Environment string `json:"environment,omitempty"`
	Usage       string `json:"usage"`
}

// help prints the help of a command, as JSON with the flags of all groups.
func (c *cli) help(cmd *cobra.Command, text func(*cobra.Command, []string)) {
	if !c.wantsJSON() {
		text(cmd, nil)
		return
	}
	h := helpDocument{Version: 1, Command: cmd.CommandPath(), Usage: cmd.UseLine(), Short: cmd.Short,
		Long: strings.TrimSpace(cmd.Long), Commands: []helpCommand{}, Flags: []helpFlag{}}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			h.Commands = append(h.Commands, helpCommand{sub.Name(), sub.Short})
		}
	}
	add := func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		described := helpFlag{Name: f.Name, Shorthand: f.Shorthand, Type: f.Value.Type(), Default: f.DefValue,
			Group: groupOf(f.Name), Usage: f.Usage}
		if setByEnvironment(f) {
			described.Environment = envName(f)
		}
		h.Flags = append(h.Flags, described)
	}
	cmd.LocalFlags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	_ = c.printJSON(h) // a reader that went away needs no output
}

// helpCommand replaces the one of cobra, which accepts any topic.
func (c *cli) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]...",
		Short: "Show the help of a command",
		Long:  "help shows the help of a command, or that of roster. It is the same as COMMAND --help.",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			of, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				name := strings.Join(args, " ")
				if of != nil && len(rest) > 0 {
					return usageErrorf("help: unknown command %q%s", name, suggestion(of, rest[0]))
				}
				return usageErrorf("help: unknown command %q%s", name, suggestion(cmd.Root(), args[0]))
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, typed string) (
			[]cobra.Completion, cobra.ShellCompDirective) {
			of, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []cobra.Completion
			for _, sub := range of.Commands() {
				if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), typed) {
					out = append(out, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// asGroup makes a command that only has commands below it: it prints its help, and refuses names
// of commands that do not exist.
func asGroup(cmd *cobra.Command) {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		var names []string
		for _, sub := range cmd.Commands() {
			names = append(names, sub.Name())
		}
		did := suggestion(cmd, args[0])
		if did == "" {
			did = ": want " + strings.Join(names[:len(names)-1], ", ")
			if len(names) > 1 {
				did += " or "
			}
			did += names[len(names)-1]
		}
		return usageErrorf("unknown command %q for %s%s", args[0], cmd.CommandPath(), did)
	}
}
