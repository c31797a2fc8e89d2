package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// ownVariables lists what roster reads from its environment: a variable for each flag of each
// command, and the variables that flags name. It has its own idea of both.
func ownVariables(cmd *cobra.Command) []string {
	var names []string
	collect := func(f *pflag.Flag) {
		names = append(names, "ROSTER_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")))
		if strings.Contains(f.Usage, "environment variable with") || strings.Contains(f.Usage,
			"environment variables with") {
			names = append(names, strings.Trim(f.DefValue, "[]"))
		}
	}
	for _, c := range append(cmd.Commands(), cmd) {
		c.LocalFlags().VisitAll(collect)
		for _, sub := range c.Commands() {
			names = append(names, ownVariables(sub)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestDeclarationsCannotReadRostersOwnEnvironment(t *testing.T) {
	names := ownVariables((&cli{env: emptyEnv}).rootCommand())
	for _, name := range []string{"ROSTER_STATE_DIR", "ROSTER_GIT_TOKEN", "ROSTER_AUDIT_GIT_TOKEN",
		"ROSTER_FORGE_TOKEN",
		"ROSTER_WEBHOOK_SECRET", "ROSTER_SSH_PASSPHRASE", "ROSTER_AUDIT_SSH_PASSPHRASE", "ROSTER_AUDIT_SIGN_PASSPHRASE",
		"ROSTER_GITHUB_APP_KEY", "ROSTER_AGE_IDENTITY"} {
		if !slices.Contains(names, name) {
			t.Errorf("the test does not find %s among %d flags", name, len(names))
		}
	}
	names = append(names, "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "SSH_AUTH_SOCK", "GIT_ASKPASS", "SOPS_AGE_KEY",
		"HTTPS_PROXY", "https_proxy", "MY_GIT_TOKEN", "MY_FORGE_TOKEN")
	dir := filepath.Join(t.TempDir(), "d")
	env := map[string]string{"ROSTER_SECRET_AWS": "x", "ROSTER_FORGE_TOKEN_ENV": "MY_FORGE_TOKEN"}
	run := func(args ...string) (exitCode, string) {
		var out bytes.Buffer
		lookup := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
		code := execute(t.Context(), args, lookup, strings.NewReader(""), &out, &out)
		return exitCode(code), out.String()
	}
	if code, out := run("init", dir); code != exitDone {
		t.Fatal(out)
	}
	var cue strings.Builder
	cue.WriteString("package roster\n")
	for i, name := range names {
		fmt.Fprintf(&cue, "provisioners: \"p%d\": {app: \"aws\", mapping: \"aws\", groups: [\"sre\"], "+
			"endpoint: \"http://127.0.0.1:1/t%d/scim/v2\", auth: token: {env: %q}}\n", i, i, name)
	}
	if err := os.WriteFile(filepath.Join(dir, "provisioners", "all.cue"), []byte(cue.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "Read everything")
	flags := []string{"--allow-env", "*", "--git-token-env", "MY_GIT_TOKEN"}
	for _, command := range [][]string{{"check", dir}, {"plan", dir}, {"apply", dir}} {
		code, out := run(append(command, flags...)...)
		if code != exitError {
			t.Errorf("%s ends with %d", command[0], code)
		}
		for _, name := range names {
			if want := "environment variable " + name + ": it is reserved for roster itself"; !strings.Contains(out,
				want) {
				t.Errorf("%s does not say %q", command[0], want)
			}
		}
	}
}

// TestDefaultPrefixIsNoFlag fails if a new flag gets an environment variable that declarations may
// read.
func TestDefaultPrefixIsNoFlag(t *testing.T) {
	for _, name := range ownVariables((&cli{env: emptyEnv}).rootCommand()) {
		if strings.HasPrefix(name, "ROSTER_SECRET_") {
			t.Errorf("%s is the variable of a flag, and declarations may read ROSTER_SECRET_*", name)
		}
	}
}
