package main

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// envName returns the environment variable that sets a flag: ROSTER_STATE_DIR for --state-dir.
func envName(f *pflag.Flag) string {
	return "ROSTER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// namesVariables reports whether the values of a flag are names of environment variables that
// roster reads a secret from. All such flags end in -env.
func namesVariables(f *pflag.Flag) bool {
	return strings.HasSuffix(f.Name, "-env") && f.Name != "allow-env"
}

// setByEnvironment reports whether an environment variable can set a flag.
func setByEnvironment(f *pflag.Flag) bool {
	return f.Name != "help" && f.Name != helpAllFlag[2:] && f.Name != "version"
}

// setFromEnvironment sets flags that were not given from environment variables.
func (c *cli) setFromEnvironment(flags *pflag.FlagSet) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || !setByEnvironment(f) || failed != nil {
			return
		}
		name := envName(f)
		if v, found := c.env(name); found && v != "" {
			if err := f.Value.Set(v); err != nil {
				failed = usageErrorf("environment variable %s for --%s: %w", name, f.Name, valueError(f, v, err))
			}
			f.Changed = true
		}
	})
	return failed
}

// secretFiles are the flags that name files with secrets.
var secretFiles = []string{"age-identity", "ssh-key", "audit-ssh-key", "github-app-key", "audit-github-app-key",
	"audit-sign-key", "redact-key", "tls-key"}

// secretVariables are the environment variables of libraries that have secrets.
var secretVariables = []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "SOPS_AGE_KEY"}

// secretPrefix is the prefix of the environment variables that declarations may read by default.
const secretPrefix = "ROSTER_SECRET_"

// proxyVariables are the environment variables whose URLs may have passwords.
var proxyVariables = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}

// registerSecrets registers the secrets that flags name, before anything can print them: in
// environment variables, in files, and the passwords of URLs. The secrets that declarations name
// are registered when they are read.
func (c *cli) registerSecrets(cmd *cobra.Command) {
	for _, name := range secretVariables {
		c.registerVariable(name)
	}
	for _, name := range proxyVariables {
		value, _ := c.env(name)
		c.registerPassword(value)
	}
	for _, name := range c.variablesWithSecrets(cmd.Root()) {
		c.registerVariable(name)
	}
	for _, setting := range os.Environ() { // another provisioner may share a server with the one in use
		if name, _, _ := strings.Cut(setting, "="); strings.HasPrefix(name, secretPrefix) {
			c.registerVariable(name)
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		for _, value := range flagValues(f) {
			if slices.Contains(secretFiles, f.Name) {
				text, _ := os.ReadFile(value) // the command that needs the file reports an error
				c.secrets.Add(string(text))
				continue
			}
			c.registerPassword(value)
		}
	})
}

func (c *cli) registerVariable(name string) {
	value, _ := c.env(name)
	c.secrets.Add(value)
}

func (c *cli) registerPassword(address string) {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		password, _ := u.User.Password()
		c.secrets.Add(password)
	}
}

// reserve keeps declarations from what is roster's own: the environment variables and files that
// flags name. A pull request could otherwise send them to an endpoint.
func (c *cli) reserve(cmd *cobra.Command) error {
	c.flags.Policy.Reserved = c.reservedVariables(cmd.Root())
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "secrets-dir" {
			return
		}
		for _, value := range flagValues(f) {
			if info, err := os.Stat(value); err != nil || !info.Mode().IsRegular() {
				continue
			}
			absolute, err := filepath.Abs(value)
			if err != nil {
				failed = err
			}
			c.flags.Policy.ReservedFiles = append(c.flags.Policy.ReservedFiles, absolute)
		}
	})
	return failed
}

// reservedVariables returns the environment variables that the flags of all commands read, sorted:
// those that set a flag, and those that a flag names. check must report what the daemon would,
// which has more flags.
func (c *cli) reservedVariables(root *cobra.Command) []string {
	names := c.variablesWithSecrets(root)
	eachFlag(root, func(f *pflag.Flag) { names = append(names, envName(f)) })
	slices.Sort(names)
	return slices.Compact(names)
}

// variablesWithSecrets returns the environment variables that the flags of all commands name: by
// their values, by default, or by the variable of a flag of another command than the one that runs.
func (c *cli) variablesWithSecrets(root *cobra.Command) []string {
	var names []string
	eachFlag(root, func(f *pflag.Flag) {
		if !namesVariables(f) {
			return
		}
		other, _ := c.env(envName(f))
		names = slices.Concat(names, flagValues(f), strings.Split(strings.Trim(f.DefValue, "[]"), ","),
			strings.Split(other, ","))
	})
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// eachFlag calls visit for each flag of a command and of the commands below it.
func eachFlag(cmd *cobra.Command, visit func(*pflag.Flag)) {
	cmd.PersistentFlags().VisitAll(visit)
	cmd.Flags().VisitAll(visit)
	for _, sub := range cmd.Commands() {
		eachFlag(sub, visit)
	}
}

// flagValues returns the values of a flag: one, or those of a list.
func flagValues(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}
