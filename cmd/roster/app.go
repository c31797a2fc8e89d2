package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/seed-d64a251c/roster/internal/secret"
)

// app is one invocation: what it was given and how it speaks.
type app struct {
	env            func(string) (string, bool)
	stdin          io.Reader
	stdout, stderr io.Writer

	format  string // text, json, markdown
	color   string // auto, always, never
	verbose bool

	attempts int // requests in all for a SCIM call that fails for the moment; 0: as many as suit what is done

	policy      secret.Policy
	ageIdentity string // file
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "roster",
		Short: "GitOps for workforce identity: AWS IAM Identity Center as declared in a Git repository",
		Long: `roster keeps the users, groups and memberships of AWS IAM Identity Center as declared in a Git repository.

Every flag can be set in the environment: --state-dir is ROSTER_STATE_DIR. A flag beats the environment.
Exit codes: 0 in sync or done, 1 error, 2 changes pending, 3 held, 4 partial, 64 usage.`,
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		PersistentPreRunE: a.settle,
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("there is no command %q%s", args[0], didYouMean(cmd, args[0]))}
			}
			return cmd.Help()
		},
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetIn(a.stdin)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.PersistentFlags()
	f.StringVar(&a.format, "format", "text", "text, json or (plan) markdown")
	f.StringVar(&a.color, "color", "auto", "auto, always or never")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log what is being done")
	f.IntVar(&a.attempts, "attempts", 0, "how often a SCIM call is made that meets 429, 5xx or a dead network (default: 4 if nothing but reading is done, else 8)")
	f.StringSliceVar(&a.policy.Env, "allow-env", []string{"ROSTER_*"}, "environment names that declarations may read")
	f.StringVar(&a.policy.SecretsDir, "secrets-dir", "", "folder below which declarations may name secret files")
	f.StringSliceVar(&a.policy.Commands, "allow-command", nil, "commands that declarations may run, each with the arguments that it must begin with: \"op read\"; sops files need \"sops\"")
	f.StringSliceVar(&a.policy.AWS, "allow-aws-secret", []string{"roster/*", "/roster/*"}, "names in AWS Secrets Manager and Parameter Store that declarations may read; a final * stands for any end")
	f.StringVar(&a.ageIdentity, "age-identity", "", "file of the age identities that open age files of the repository")
	f.StringSliceVar(&a.policy.Hosts, "allow-host", []string{"scim.*.amazonaws.com", "scim.*.api.aws", "loopback"}, "hosts that declarations may send to")
	root.AddCommand(a.initCommand(), a.checkCommand(), a.planCommand(), a.applyCommand(), a.serveCommand(), a.demoCommand(),
		a.simulateCommand(), a.testCommand(), a.authorizeCommand(), a.showCommand(), a.explainCommand(), a.deadlinesCommand(), a.samlCommand(), a.auditCommand())
	for _, c := range root.Commands() {
		c.Args = usageArgs(c.Args)
		for _, below := range c.Commands() {
			below.Args = usageArgs(below.Args)
		}
	}
	return root
}

func didYouMean(cmd *cobra.Command, name string) string {
	cmd.SuggestionsMinimumDistance = 2
	if s := cmd.SuggestionsFor(name); len(s) > 0 {
		return fmt.Sprintf("; did you mean %q?", s[0])
	}
	return ""
}

// usageArgs gives complaints about arguments the code of a usage error.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%s: %w", cmd.CommandPath(), err)}
		}
		return nil
	}
}

// settle fills flags that were not given from the environment and checks those that every command has.
func (a *app) settle(cmd *cobra.Command, _ []string) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "ROSTER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if f.Changed || f.Name == "help" || f.Name == "version" || failed != nil {
			return
		}
		if v, ok := a.env(name); ok && v != "" {
			if err := f.Value.Set(v); err != nil {
				failed = usageError{fmt.Errorf("%s: %w", name, err)}
			}
			f.Changed = true
		}
	})
	if failed != nil {
		return failed
	}
	switch {
	case a.format != "text" && a.format != "json" && (a.format != "markdown" || cmd.Name() != "plan"):
		return usageError{fmt.Errorf("--format %q: want text or json%s", a.format, map[bool]string{true: " or markdown"}[cmd.Name() == "plan"])}
	case a.color != "auto" && a.color != "always" && a.color != "never":
		return usageError{fmt.Errorf("--color %q: want auto, always or never", a.color)}
	case a.attempts < 0:
		return usageError{fmt.Errorf("--attempts %d: want 1 or more, or 0 for the default", a.attempts)}
	}
	// Our own secrets are not for an endpoint that a pull request names: those that a flag names, and the usual ones also where a command
	// has no such flag, so that check says what the daemon would.
	a.policy.Reserved = []string{"ROSTER_GIT_TOKEN", "ROSTER_FORGE_TOKEN", "ROSTER_WEBHOOK_SECRET"}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		switch values, list := f.Value.(pflag.SliceValue); {
		case !strings.HasSuffix(f.Name, "-token-env") && !strings.HasSuffix(f.Name, "-secret-env"):
		case list:
			a.policy.Reserved = append(a.policy.Reserved, values.GetSlice()...)
		default:
			a.policy.Reserved = append(a.policy.Reserved, f.Value.String())
		}
	})
	if a.policy.SecretsDir != "" {
		dir, err := filepath.Abs(a.policy.SecretsDir)
		if err != nil {
			return fmt.Errorf("--secrets-dir: %w", err)
		}
		a.policy.SecretsDir = dir
	}
	return nil
}

// logger speaks to people on a terminal and JSON elsewhere.
func (a *app) logger(level slog.Level) *slog.Logger {
	if a.verbose {
		level = slog.LevelDebug
	}
	if terminal(a.stderr) {
		return slog.New(tint.NewTextHandler(a.stderr, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !a.colored(a.stderr)}))
	}
	return slog.New(slog.NewJSONHandler(a.stderr, &slog.HandlerOptions{Level: level}))
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) colored(w io.Writer) bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	if _, no := a.env("NO_COLOR"); no {
		return false
	}
	return terminal(w)
}

// version is the module's version, or the commit that it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, dirty := "", false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			dirty, _ = strconv.ParseBool(s.Value)
		}
	}
	switch {
	case revision == "":
		return "devel"
	case dirty:
		return revision[:min(12, len(revision))] + "+dirty"
	}
	return revision[:min(12, len(revision))]
}
