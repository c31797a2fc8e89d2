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
	return m.M.Run()
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
