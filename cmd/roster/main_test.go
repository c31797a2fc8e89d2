package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d64a251c/roster/internal/app"
)

// TestMain makes the test binary run as roster if it is started under that name.
func TestMain(m *testing.M) {
	// A process that evaluates declarations has no environment, so no PATH.
	child := len(os.Args) == 2 && os.Args[1] == app.EvaluateCommand
	if _, err := exec.LookPath("git"); err != nil && !child {
		fmt.Fprintln(os.Stderr, "these tests need the git program: apt-get install git")
		os.Exit(1)
	}
	testscript.Main(withGitIdentity{m}, map[string]func(){"roster": mainWithLeakCheck})
}

// withGitIdentity runs the tests with an identity for git, so that no test depends on the settings
// of the machine. testscript runs the roster command without it.
type withGitIdentity struct{ *testing.M }

func (m withGitIdentity) Run() int {
	for name, value := range gitEnv("") {
		if strings.HasPrefix(name, "GIT_") {
			os.Setenv(name, value)
		}
	}
	os.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	if plain := os.Getenv(plainBinary); plain != "" {
		if err := dispatch(plain); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.M.Run()
}

// plainBinary is an environment variable with the name of a file: these tests, built without the
// race detector. The commands that do one thing after the other then run without it, because it
// makes the start of a process ten times as long, and the scripts start thousands.
const plainBinary = "ROSTER_PLAIN_TESTS"

// raced are the commands that this binary runs itself.
const raced = "serve|apply|sync|simulate|demo|authorize"

// dispatch replaces the program roster of the tests by one that chooses between both binaries.
func dispatch(plain string) error {
	program, err := exec.LookPath("roster")
	if err != nil {
		return err
	}
	dir := filepath.Dir(program)
	for _, name := range []string{"raced", "plain"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	script := fmt.Sprintf(`#!/bin/sh
case $1 in
%s) exec '%s/raced/roster' "$@" ;;
esac
exec '%[2]s/plain/roster' "$@"
`,
		raced, dir)
	return errors.Join(os.Rename(program, filepath.Join(dir, "raced", "roster")),
		os.Symlink(plain, filepath.Join(dir, "plain", "roster")), os.WriteFile(program, []byte(script), 0o755))
}

// TestScripts runs testdata/script. roster is a process of its own; the simulators and Git servers
// are in this process.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("..", "..", "testdata", "script"),
		Setup: func(e *testscript.Env) error {
			return errors.Join(setUpScript(e), checkFilesForLeaks(e))
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"simulator":   simulatorCmd,
			"fault":       faultCmd,
			"calls":       callsCmd,
			"outside":     outsideCmd,
			"approve":     approveCmd,
			"forge":       forgeCmd,
			"org":         orgCmd,
			"edit":        editCmd,
			"commit":      commitCmd,
			"code":        codeCmd,
			"applydigest": applyDigestCmd,
			"within":      withinCmd,
			"leaks":       leaksCmd,
			"gitserver":   gitServerCmd,
			"github":      githubCmd,
			"agefile":     ageFileCmd,
			"awsstore":    awsStoreCmd,
			"certificate": certificateCmd,
			"terminals":   terminalsCmd,
		},
	})
}

// gitEnv returns the environment of every git in these tests. The settings of the machine do not
// apply.
func gitEnv(home string) map[string]string {
	return map[string]string{
		"HOME":                home,
		"XDG_CONFIG_HOME":     home,
		"XDG_CACHE_HOME":      filepath.Join(home, "cache"),
		"GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME":     "Bob",
		"GIT_AUTHOR_EMAIL":    "bob@example.com",
		"GIT_COMMITTER_NAME":  "Bob",
		"GIT_COMMITTER_EMAIL": "bob@example.com",
		"SSH_AUTH_SOCK":       "",
		"NO_COLOR":            "1",
	}
}
