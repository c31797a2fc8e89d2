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

// git runs the git program in a repository and returns its output; args follow
// the options that name the repository. Only what go-git cannot do safely is
// left to it: working copies (Init, Dirty), moving a branch under Git's own
// locks, and the server's side of file:// remotes.
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

// gitCommand prepares the git program: messages in English, no prompts, none
// of the variables by which a calling git (a hook, an alias) would point it at
// another repository.
func gitCommand(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.Contains(repositoryVariables, name)
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0")
	cmd.WaitDelay = 5 * time.Second // a hook may outlive git and hold its pipes
	return cmd
}

// repositoryVariables are those of `git rev-parse --local-env-vars` that name
// a repository or a part of one.
var repositoryVariables = []string{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE",
	"GIT_GRAFT_FILE", "GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX",
	"GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_QUARANTINE_PATH",
}

func gitError(args []string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("run git: %w: install git for work with local repositories", err)
	}
	verb := args[slices.IndexFunc(args, func(a string) bool { return a != "-c" && !strings.Contains(a, "=") })]
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if text := strings.TrimSpace(string(exit.Stderr)); text != "" {
			return fmt.Errorf("git %s: %s", verb, text)
		}
	}
	return fmt.Errorf("git %s: %w", verb, err)
}
