package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// git runs the git program in the folder dir and returns its output. This package runs git only for
// operations that go-git cannot do safely; the package comment lists them.
func git(ctx context.Context, dir string, stdin []byte, args ...string) ([]byte, error) {
	cmd := gitCommand(ctx, args...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		return out, gitError(args, err)
	}
	return out, nil
}

// gitCommand prepares a run of the git program. Messages are in English, and git does not prompt.
// The environment lacks the variables that select another repository, which a calling git sets (for
// a hook or an alias).
func gitCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(repositoryVariables, name)
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0")
	cmd.WaitDelay = 5 * time.Second // a hook may run longer than git and keep its pipes open
	return cmd
}

// repositoryVariables are the variables of `git rev-parse --local-env-vars` that select a
// repository or a part of it.
var repositoryVariables = []string{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE",
	"GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX",
	"GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_QUARANTINE_PATH",
}

// gitError returns an error with the subcommand of args and with the error output of git.
func gitError(args []string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("run git: %w: install git, which local repositories need", err)
	}
	subcommand := args[slices.IndexFunc(args, func(a string) bool { return a != "-c" && !strings.Contains(a, "=") })]
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if text := strings.TrimSpace(string(exit.Stderr)); text != "" {
			return fmt.Errorf("git %s: %s", subcommand, text)
		}
	}
	return fmt.Errorf("git %s: %w", subcommand, err)
}
