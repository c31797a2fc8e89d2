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

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// cloud is a simulated IAM Identity Center on loopback.
type cloud struct {
	*awssim.Server
	endpoint   string
	remembered awssim.State
}

// newCloud starts a simulator that lets every call through, as fast as it can, unless the options have a throttle.
func newCloud(name string, options awssim.Options) (*cloud, func()) {
	options.Throttle.Unlimited = options.Throttle == awssim.Throttle{}
	sim := &awssim.Server{Tokens: []awssim.Token{{Secret: canary + name}}, Options: options}
	server := httptest.NewServer(sim)
	return &cloud{Server: sim, endpoint: server.URL + sim.Path()}, server.Close
}

func (c *cloud) writes() int {
	n := 0
	for method, count := range c.Calls().ByMethod {
		if method != "GET" {
			n += count
		}
	}
	return n
}

// settle turns the fresh example in dir into one that is for this cloud, asks for no limit of calls, and whose dates no clock will pass;
// the change is committed. It is applied to the working copy's files, so that comments and layout stay what people see.
func (c *cloud) settle(ctx context.Context, dir string) error {
	pick := filepath.Join(dir, "provisioners", "aws.cue")
	if err := replace(pick, "http://127.0.0.1:8740/"+exampleTenant+"/scim/v2", c.endpoint); err != nil {
		return err
	}
	if err := replace(pick, "	enabled: true\n", "	enabled: true\n	rate: {perSecond: 0, concurrency: 4}\n"); err != nil {
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

// replace puts another text in the place of one that must be there exactly once.
func replace(name, old, new string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if n := strings.Count(string(b), old); n != 1 {
		return fmt.Errorf("%s has %q %d times; want it once", name, old, n)
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

// git runs the real git and returns what it prints.
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
	return err == nil && exec.CommandContext(ctx, "git", "--git-dir", dir, "cat-file", "--batch-check", "--batch-all-objects").Run() == nil
}

// everything is all that a folder holds, with the objects of the Git repositories in it unpacked.
func everything(ctx context.Context, dir string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			// What only looks like a repository, as scripts make some, is read as files.
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

// holders are the places in dir that hold a text.
func holders(ctx context.Context, dir, text string) ([]string, error) {
	all, err := everything(ctx, dir)
	var out []string
	for name, content := range all {
		if strings.Contains(content, text) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, err
}
