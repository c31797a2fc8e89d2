package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestWorkflowsOfDocs runs the CI workflows of docs/ci for each forge: in a fresh clone, without a
// token, for a removed member, a held change, no change and an invalid declaration.
func TestWorkflowsOfDocs(t *testing.T) {
	home, origin := t.TempDir(), filepath.Join(t.TempDir(), "origin")
	env := []string{"PATH=" + os.Getenv("PATH"), "ROSTER_ALLOW_HOST=loopback"} // the example has no endpoint of AWS
	for name, value := range gitEnv(home) {
		env = append(env, name+"="+value)
	}
	command := func(dir, name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	command(".", "roster", "init", origin)
	for _, branch := range []struct{ name, file, old, new string }{
		{"removal", "groups/technology.cue", `"u-1003": {}, "u-1011": {}}`, `"u-1011": {}}`},
		{"held", "provisioners/aws.cue", `, "support"]`, `]`},
		{"unrelated", "", "", ""},
		{"invalid", "groups/technology.cue", `include: "sre"`, `include: "src"`},
	} {
		command(origin, "git", "checkout", "-q", "-b", branch.name, "main")
		if branch.file == "" {
			if err := os.WriteFile(filepath.Join(origin, "NOTES"), []byte("x\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if err := replace(filepath.Join(origin, branch.file), branch.old, branch.new); err != nil {
			t.Fatal(err)
		}
		command(origin, "git", "add", "-A")
		command(origin, "git", "commit", "-q", "-m", branch.name)
	}
	for _, workflow := range []struct {
		file   string
		script func(t *testing.T, b []byte) string
	}{
		{"github-actions.yml", actionsScript}, {"gitea-actions.yml", actionsScript}, {"gitlab-ci.yml", gitLabScript},
	} {
		b, err := os.ReadFile(filepath.Join("..", "..", "docs", "ci", workflow.file))
		if err != nil {
			t.Fatal(err)
		}
		script := workflow.script(t, b)
		for _, test := range []struct {
			branch string
			fails  bool
			want   string
		}{
			{"removal", false, " loses "}, {"held", false, "groupDeletes"}, {"unrelated", false,
				"merging changes nothing in AWS"},
			{"invalid", true, `unknown group (got "src")`},
		} {
			t.Run(workflow.file+"/"+test.branch, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "clone")
				command(".", "git", "clone", "-q", origin, dir)
				command(dir, "git", "checkout", "-q", "--detach", "origin/"+test.branch)
				base, summary := command(dir, "git", "rev-parse", "origin/main"), filepath.Join(home, "summary")
				if err := os.WriteFile(summary, nil, 0o644); err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command("bash", "-e", "-o", "pipefail", "-c", script)
				cmd.Dir = dir
				cmd.Env = append(env[:len(env):len(env)], "BASE="+base, "GITHUB_STEP_SUMMARY="+summary,
					"CI_MERGE_REQUEST_DIFF_BASE_SHA="+base,
					"CI_COMMIT_SHA="+command(dir, "git", "rev-parse", "HEAD"))
				out, err := cmd.CombinedOutput()
				var exit *exec.ExitError
				if err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				written, err2 := os.ReadFile(summary)
				if err2 != nil {
					t.Fatal(err2)
				}
				if text := string(out) + string(written); (err != nil) != test.fails ||
					!strings.Contains(text, test.want) {
					t.Errorf("the workflow ended with %v and printed\n%s\nwant %q", err, text, test.want)
				}
			})
		}
	}
}

// actionsScript joins the steps of a workflow that run commands, except the installation of roster.
func actionsScript(t *testing.T, b []byte) string {
	var w struct {
		Jobs map[string]struct {
			Steps []struct{ Run string }
		}
	}
	if err := yaml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, s := range w.Jobs["preview"].Steps {
		lines = append(lines, s.Run)
	}
	return script(t, lines)
}

func gitLabScript(t *testing.T, b []byte) string {
	var w map[string]struct{ Script []string }
	if err := yaml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return script(t, w["roster"].Script)
}

func script(t *testing.T, lines []string) string {
	t.Helper()
	var out []string
	for _, line := range lines {
		if line != "" && !strings.HasPrefix(line, "go install") {
			out = append(out, line)
		}
	}
	if len(out) < 2 {
		t.Fatalf("the workflow runs only %q", out)
	}
	return strings.Join(out, "\n")
}
