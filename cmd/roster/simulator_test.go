package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// simulator is a simulated IAM Identity Center on loopback.
type simulator struct {
	*awssim.Server
	endpoint string
	saved    awssim.State // by the script command "outside NAME save"
}

// startSimulator starts a simulator. It has no rate limit, unless the options have one.
func startSimulator(name string, options awssim.Options) (*simulator, func()) {
	options.Throttle.Unlimited = options.Throttle == awssim.Throttle{}
	sim := &awssim.Server{Tokens: []awssim.Token{{Secret: canary + name}}, Options: options}
	server := httptest.NewServer(sim)
	return &simulator{Server: sim, endpoint: server.URL + sim.Path()}, server.Close
}

func (s *simulator) writes() int {
	n := 0
	for method, count := range s.Calls().ByMethod {
		if method != "GET" {
			n += count
		}
	}
	return n
}

// adaptExample changes the example in dir: it uses this simulator, without a rate limit, and its
// dates are far in the future. It edits the files of the working copy, so that their comments and
// layout stay, and commits the change.
func (s *simulator) adaptExample(ctx context.Context, dir string) error {
	provisioner := filepath.Join(dir, "provisioners", "aws.cue")
	if err := replace(provisioner, "http://127.0.0.1:8740/"+app.ExampleTenant+"/scim/v2", s.endpoint); err != nil {
		return err
	}
	if err := replace(provisioner, "	enabled: true\n",
		"	enabled: true\n	rate: {perSecond: 0, concurrency: 4}\n"); err != nil {
		return err
	}
	for _, ends := range []string{"users/platform.cue", "groups/technology.cue", "groups/security.yaml"} {
		name := filepath.Join(dir, filepath.FromSlash(ends))
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(string(b), "\"2027-", "\"2097-")), 0o644); err != nil {
			return err
		}
	}
	return commitAll(ctx, dir, "Point at this test's directory", nil)
}

// replace replaces a text that a file must contain exactly once.
func replace(name, old, new string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if n := strings.Count(string(b), old); n != 1 {
		return fmt.Errorf("%s contains %q %d times; want once", name, old, n)
	}
	return os.WriteFile(name, []byte(strings.Replace(string(b), old, new, 1)), 0o644)
}

func commitAll(ctx context.Context, dir, message string, env []string) error {
	for _, args := range [][]string{{"add", "-A"}, {"commit", "-q", "--allow-empty", "-m", message}} {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", args[0], err, out)
		}
	}
	return nil
}

// git runs the git program and returns its output.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func isRepository(ctx context.Context, dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "objects"))
	return err == nil && exec.CommandContext(ctx, "git", "--git-dir", dir, "cat-file", "--batch-check",
		"--batch-all-objects").Run() == nil
}

// allContents returns the contents of all files in a folder, and of all objects in its Git
// repositories.
func allContents(ctx context.Context, dir string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			// A folder that only looks like a repository, as in some scripts, is read as files.
			if isRepository(ctx, name) {
				cmd := exec.CommandContext(ctx, "git", "--git-dir", name, "cat-file", "--batch-all-objects", "--batch")
				objects, err := cmd.Output()
				if err != nil {
					return fmt.Errorf("list the objects of %s: %w", name, err)
				}
				out[name] = string(objects)
			}
			return nil
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(name)
		out[name] = string(b)
		return err
	})
	return out, err
}

// filesContaining returns the files and repositories in dir that contain a text.
func filesContaining(ctx context.Context, dir, text string) ([]string, error) {
	all, err := allContents(ctx, dir)
	var out []string
	for name, content := range all {
		if strings.Contains(content, text) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, err
}
