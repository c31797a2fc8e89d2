package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/app"
)

// maxCompletions is the number of values that a shell is offered.
const maxCompletions = 200

// valuesFunc returns the values that a shell may complete.
type valuesFunc func(*app.Suggestions, context.Context) []app.Suggestion

// fixed returns values that do not depend on a repository.
func fixed(values ...string) valuesFunc {
	return func(*app.Suggestions, context.Context) []app.Suggestion {
		var out []app.Suggestion
		for _, v := range values {
			out = append(out, app.Suggestion{Value: v})
		}
		return out
	}
}

// flagCompletions has the values of flags, by "command flag", or by the flag alone.
var flagCompletions = map[string]valuesFunc{
	"provisioner":    (*app.Suggestions).Provisioners,
	"group":          (*app.Suggestions).Groups,
	"digest":         (*app.Suggestions).Digests,
	"base":           (*app.Suggestions).Branches,
	"head":           (*app.Suggestions).Branches,
	"color":          fixed("auto", "always", "never"),
	"forge":          fixed("github", "gitlab", "gitea"),
	"role":           fixed("read", "act"),
	"profile":        fixed("aws", "aws-2024", "rfc"),
	"saml profile":   fixed("upload", "published"),
	"set":            func(*app.Suggestions, context.Context) []app.Suggestion { return simulatorOptions() },
	"approve branch": (*app.Suggestions).Branches,
}

// argCompletions has the values of the arguments of commands. The last one counts for all further
// arguments up to the command's maximum.
var argCompletions = map[string][]valuesFunc{
	"test":          {(*app.Suggestions).Provisioners},
	"authorize":     {(*app.Suggestions).Provisioners},
	"show":          {showArguments, showArguments},
	"approve":       {(*app.Suggestions).Digests},
	"saml idp":      {(*app.Suggestions).Apps},
	"audit log":     {(*app.Suggestions).Provisioners},
	"audit verify":  {(*app.Suggestions).Provisioners},
	"audit recover": {(*app.Suggestions).Provisioners},
	"audit show":    {auditShowArguments, auditShowArguments},
}

func simulatorOptions() []app.Suggestion {
	var out []app.Suggestion
	for _, name := range app.SimulatorOptions() {
		out = append(out, app.Suggestion{Value: name + "="})
	}
	return out
}

func showArguments(s *app.Suggestions, ctx context.Context) []app.Suggestion {
	return slices.Concat(s.Provisioners(ctx), []app.Suggestion{{Value: "users"}, {Value: "groups"}}, s.Groups(ctx),
		s.Users(ctx))
}

func auditShowArguments(s *app.Suggestions, ctx context.Context) []app.Suggestion {
	return slices.Concat(s.Provisioners(ctx), s.Reports(ctx), s.Groups(ctx), s.Users(ctx))
}

// describeCompletions replaces the help of the commands that print the scripts of shells.
func describeCompletions(root *cobra.Command) {
	loads := map[string]string{
		"bash":       "source <(roster completion bash)",
		"fish":       "roster completion fish | source",
		"powershell": "roster completion powershell | Out-String | Invoke-Expression",
		"zsh":        "source <(roster completion zsh)",
	}
	completion, _, _ := root.Find([]string{"completion"})
	completion.Short = "Print the script that completes commands in a shell"
	completion.Long = `completion prints the script of a shell. It completes commands, flags and their values, and what
the working tree declares: provisioners, groups, users, apps and digests.`
	for _, shell := range completion.Commands() {
		name := shell.Name()
		shell.Short = "Print the script for " + name
		shell.Long = name + " prints the script for " + name + ". To load it into the current shell:\n\n  " +
			loads[name]
	}
}

// addCompletions adds what shells complete to a command and the commands below it.
func (c *cli) addCompletions(cmd *cobra.Command) {
	path := strings.TrimPrefix(cmd.CommandPath(), "roster ")
	if args := argCompletions[path]; args != nil {
		cmd.ValidArgsFunction = c.completeArgs(args)
	}
	switch {
	case path == "explain":
		cmd.ValidArgsFunction = c.completeExplain
	case path == "saml sp":
		cmd.ValidArgsFunction = cobra.FixedCompletions([]string{"xml"}, cobra.ShellCompDirectiveFilterFileExt)
	case cmd.ValidArgsFunction == nil && strings.Contains(cmd.Use, "[DIR]"):
		cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	case cmd.ValidArgsFunction == nil && !cmd.HasSubCommands():
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	for name, values := range flagCompletions {
		command, flag, ok := strings.Cut(name, " ")
		if !ok {
			command, flag = "", name
		}
		specific := flagCompletions[strings.SplitN(path, " ", 2)[0]+" "+flag] != nil
		if cmd.LocalFlags().Lookup(flag) == nil || command == "" && specific ||
			command != "" && strings.SplitN(path, " ", 2)[0] != command {
			continue
		}
		_ = cmd.RegisterFlagCompletionFunc(flag, c.complete(values)) // it fails for a flag that is not there
	}
	for _, flag := range []string{"dir", "state-dir", "secrets-dir", "source", "snapshots"} {
		if cmd.LocalNonPersistentFlags().Lookup(flag) != nil {
			_ = cmd.MarkFlagDirname(flag)
		}
	}
	_ = cmd.RegisterFlagCompletionFunc("format", func(cmd *cobra.Command, _ []string, _ string) (
		[]string, cobra.ShellCompDirective) {
		return formatsOf(cmd), cobra.ShellCompDirectiveNoFileComp
	})
	for _, sub := range cmd.Commands() {
		c.addCompletions(sub)
	}
}

// completeArgs completes the arguments of a command by their position.
func (c *cli) completeArgs(values []valuesFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= len(values) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.complete(values[len(args)])(cmd, args, typed)
	}
}

// completeExplain completes user or group, and then the key of one.
func (c *cli) completeExplain(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return c.complete(fixed("user", "group"))(cmd, args, typed)
	case len(args) == 1 && args[0] == "user":
		return c.complete((*app.Suggestions).Users)(cmd, args, typed)
	case len(args) == 1 && args[0] == "group":
		return c.complete((*app.Suggestions).Groups)(cmd, args, typed)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// complete returns the values that begin with what was typed. A value with an @ is offered only
// after a part of it was typed.
func (c *cli) complete(values valuesFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		s := c.settings(logWarnings)
		s.Log, s.Progress = discardLog(), nil
		repository := &app.Suggestions{Settings: s, Repository: completedRepository(cmd, args)}
		var out []string
		for _, v := range values(repository, cmd.Context()) {
			isAddress := strings.Contains(v.Value, "@")
			if !strings.HasPrefix(v.Value, typed) || isAddress && typed == "" || len(out) == maxCompletions {
				continue
			}
			if v.Description != "" {
				v.Value += "\t" + strings.Join(strings.Fields(v.Description), " ")
			}
			out = append(out, v.Value)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// completedRepository returns the repository that a command line names so far.
func completedRepository(cmd *cobra.Command, args []string) app.RepositoryConfig {
	text := func(name string) string {
		if f := cmd.Flags().Lookup(name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	r := app.RepositoryConfig{Dir: text("dir"), URL: text("repo"), Path: text("path"), Remote: text("remote"),
		AuditBranch: text("audit-branch"), StateDir: text("state-dir")}
	if strings.Contains(cmd.Use, "[DIR]") && len(args) > 0 {
		r.Dir = args[0]
	}
	if r.Dir == "" {
		r.Dir = "."
	}
	if r.AuditBranch == "" {
		r.AuditBranch = "roster/audit"
	}
	return r
}
