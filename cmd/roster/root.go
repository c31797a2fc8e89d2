package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/app"
)

func (c *cli) rootCommand() *cobra.Command {
	var printVersion bool
	root := &cobra.Command{
		Use:   "roster",
		Short: "Keep AWS IAM Identity Center in sync with a Git repository",
		Long: `roster keeps the users, groups and memberships of AWS IAM Identity Center in sync with the
declarations in a Git repository.

Every flag can be set by an environment variable: --state-dir by ROSTER_STATE_DIR. Flags override
environment variables. The flags of serve can also be in a file (--config).

Exit codes: 0 in sync or done, 1 error, 2 changes pending, 3 held, 4 partial, 64 usage.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: c.resolveFlags,
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageErrorf("unknown command %q%s", args[0], suggestion(cmd, args[0]))
			}
			if printVersion {
				return c.printVersion()
			}
			return cmd.Help()
		},
	}
	root.Flags().BoolVar(&printVersion, "version", false, "version of roster")
	text := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { c.help(cmd, text) })
	root.SetOut(c.stdout)
	root.SetErr(c.stderr)
	root.SetIn(c.stdin)
	root.SetUsageFunc(c.printUsage)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return app.UsageError{Err: flagError(err)} })
	c.addGlobalFlags(root.PersistentFlags())
	root.AddCommand(c.initCommand(), c.checkCommand(), c.planCommand(), c.applyCommand(), c.serveCommand(),
		c.demoCommand(), c.simulateCommand(), c.testCommand(), c.authorizeCommand(), c.showCommand(),
		c.explainCommand(), c.approveCommand(), c.deadlinesCommand(), c.samlCommand(), c.auditCommand(),
		c.tokenCommand(), c.statusCommand(), c.syncCommand(), c.operationsCommand(), c.manCommand(),
		c.versionCommand())
	root.SetHelpCommand(c.helpCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	describeCompletions(root)
	for _, cmd := range root.Commands() {
		cmd.Args = asUsageError(cmd.Args)
		for _, sub := range cmd.Commands() {
			sub.Args = asUsageError(sub.Args)
		}
		if cmd.HasSubCommands() {
			asGroup(cmd)
		}
	}
	c.addCompletions(root)
	return root
}

func (c *cli) addGlobalFlags(f *pflag.FlagSet) {
	f.StringVar(&c.format, "format", "text", "output format: text, json; for plan also markdown, for show also csv")
	f.StringVar(&c.color, "color", "auto", "color of the output: auto, always or never")
	c.addLogFlags(f)
	f.BoolVar(&c.helpAll, "help-all", false, "help with all flags")
	s := &c.flags
	f.IntVar(&s.Attempts, "attempts", 0, "maximum attempts per SCIM request on 429, 5xx or network errors "+
		"(default: 4 for commands that only read, else 8)")
	addLimitFlags(f, &s.Limits)
	f.StringSliceVar(&s.Policy.Env, "allow-env", []string{"ROSTER_SECRET_*"},
		"patterns of environment variables that declarations may read")
	f.StringVar(&s.Policy.SecretsDir, "secrets-dir", "", "folder with the secret files that declarations may read")
	f.StringSliceVar(&s.Policy.Commands, "allow-command", nil,
		"commands that declarations may run, each with all of its "+
			"arguments; % stands for one argument that may vary, such as \"op read %\"; \"sops\" allows sops files")
	f.StringSliceVar(&s.Policy.AWS, "allow-aws-secret", []string{"roster/*", "/roster/*"}, "names in AWS Secrets "+
		"Manager and Parameter Store that declarations may read; a trailing * matches any suffix")
	f.StringVar(&s.AgeIdentity, "age-identity", "",
		"file with the age identities that decrypt the repository's age files")
	f.StringSliceVar(&s.Policy.Hosts, "allow-host", app.StandardHosts(),
		"patterns of hosts that declarations may connect to; loopback stands for this machine, which is also allowed "+
			"for a folder whose repository has no remote")
}

func suggestion(cmd *cobra.Command, name string) string {
	cmd.SuggestionsMinimumDistance = 2
	if s := cmd.SuggestionsFor(name); len(s) > 0 {
		return fmt.Sprintf("; did you mean %q?", s[0])
	}
	return ""
}

// asUsageError makes usage errors of the errors of an argument check.
func asUsageError(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return usageErrorf("%s: %w; usage: %s", cmd.CommandPath(), err, cmd.UseLine())
		}
		return nil
	}
}

// resolveFlags sets flags that were not given from environment variables, and validates the flags
// that all commands have.
func (c *cli) resolveFlags(cmd *cobra.Command, _ []string) error {
	if err := c.loadConfig(cmd); err != nil {
		return err
	}
	formats := formatsOf(cmd)
	if len(formats) == 1 && c.sources["format"] != fromFlag {
		c.format = formats[0] // the variable is for the other commands
	}
	if len(formats) == 1 && c.format != formats[0] {
		return usageErrorf("--format %q: %s prints a script for a shell, only as text", c.format, cmd.CommandPath())
	}
	if !slices.Contains(formats, c.format) {
		return usageErrorf("--format %q: want %s", c.format, strings.Join(formats, " or "))
	}
	if err := c.checkColor(); err != nil {
		return err
	}
	if c.flags.Attempts < 0 {
		return usageErrorf("--attempts %d: want 1 or more, or 0 for the default", c.flags.Attempts)
	}
	if err := checkLimits(&c.flags.Limits); err != nil {
		return err
	}
	if cmd.Name() != "simulate" { // it prints its own token, also if a variable has the same already
		c.registerSecrets(cmd)
	}
	if err := c.reserve(cmd); err != nil {
		return err
	}
	if dir := c.flags.Policy.SecretsDir; dir != "" {
		absolute, err := filepath.Abs(dir)
		if err != nil {
			return fmt.Errorf("--secrets-dir: %w", err)
		}
		c.flags.Policy.SecretsDir = absolute
	}
	if !cmd.Flags().Changed("allow-host") {
		c.flags.Policy.Hosts = nil
	}
	if err := c.flags.Policy.Validate(); err != nil {
		return app.UsageError{Err: err}
	}
	return nil
}

// formatsOf returns the formats that a command can print.
func formatsOf(cmd *cobra.Command) []string {
	if cmd.HasParent() && cmd.Parent().Name() == "completion" || strings.HasPrefix(cmd.Name(), "__complete") {
		return []string{"text"} // what shells read
	}
	formats := []string{"text", "json"}
	if cmd.Name() == "plan" {
		formats = append(formats, "markdown")
	}
	if cmd.Name() == "show" && cmd.Parent() == cmd.Root() {
		formats = append(formats, "csv")
	}
	return formats
}

func (c *cli) checkColor() error {
	if !slices.Contains([]string{"auto", "always", "never"}, c.color) {
		return usageErrorf("--color %q: want auto, always or never", c.color)
	}
	c.stdout.SetColor(c.colored(c.stdout))
	c.stderr.SetColor(c.colored(c.stderr))
	return nil
}
