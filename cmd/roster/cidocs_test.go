package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
	command := commandsIn(t, env)
	makePullRequests(t, command, origin)
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

// commandFunc runs a command in a folder and returns its output; a failure ends the test.
type commandFunc func(dir, name string, args ...string) string

func commandsIn(t *testing.T, env []string) commandFunc {
	return func(dir, name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
}

// makePullRequests creates the example with a branch for each kind of pull request.
func makePullRequests(t *testing.T, command commandFunc, origin string) {
	t.Helper()
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
}

// TestJobsOfOtherHosts runs the jobs of docs/ci for hosts whose API roster does not use. The tool
// of the host is a program that records how it was called.
func TestJobsOfOtherHosts(t *testing.T) {
	home, origin, bin := t.TempDir(), filepath.Join(t.TempDir(), "origin"), t.TempDir()
	record := filepath.Join(home, "record")
	for _, tool := range []string{"curl", "az", "aws", "ssh"} {
		text := fmt.Sprintf("#!/bin/sh\n{ echo %s; printf '<%%s>\\n' \"$@\"; cat comment.json comment.md thread.json; "+
			"test -t 0 || cat; } >>%s 2>/dev/null </dev/stdin\nexit 0\n", tool, record)
		if err := os.WriteFile(filepath.Join(bin, tool), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "ROSTER_ALLOW_HOST=loopback"}
	for name, value := range gitEnv(home) {
		env = append(env, name+"="+value)
	}
	command := commandsIn(t, env)
	makePullRequests(t, command, origin)
	for _, job := range []struct {
		file   string
		script func(*testing.T, []byte) string
		env    []string
		posts  []string // in the call of the host's tool
	}{
		{"bitbucket-pipelines.yml", bitbucketScript, []string{"BITBUCKET_PR_DESTINATION_BRANCH=main",
			"BITBUCKET_TOKEN=t", "BITBUCKET_REPO_FULL_NAME=org/identity", "BITBUCKET_PR_ID=7"},
			[]string{"curl\n", "/repositories/org/identity/pullrequests/7/comments>",
				`{"content": {"raw": "**roster: `}},
		{"azure-pipelines.yml", azureScript, []string{"SYSTEM_PULLREQUEST_TARGETBRANCH=refs/heads/main",
			"SYSTEM_COLLECTIONURI=https://dev.azure.com/org/", "SYSTEM_TEAMPROJECT=identity", "BUILD_REPOSITORY_ID=r-1",
			"SYSTEM_PULLREQUEST_PULLREQUESTID=7"},
			[]string{"az\n", "<pullRequestThreads>", "<pullRequestId=7>", `{"comments": [{"content": "**roster: `}},
		{"codecommit-buildspec.yml", buildspecScript, []string{"PULL_REQUEST=7", "REPOSITORY=identity"},
			[]string{"aws\n", "<post-comment-for-pull-request>", "<file://comment.md>", "**roster: "}},
		{"gerrit-zuul.yml", zuulScript, []string{"GERRIT_HOST=review.example.com", "GERRIT_CHANGE_NUMBER=41",
			"GERRIT_PATCHSET_NUMBER=2", "GERRIT_BRANCH=main"},
			[]string{"ssh\n", "<review.example.com>", "<41,2>", `{"message": "**roster: `}},
	} {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", "ci", job.file))
		if err != nil {
			t.Fatal(err)
		}
		for branch, want := range map[string]string{"removal": " loses ", "held": "groupDeletes",
			"unrelated": "merging changes nothing in AWS", "invalid": ""} {
			t.Run(job.file+"/"+branch, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "clone")
				command(".", "git", "clone", "-q", origin, dir)
				command(dir, "git", "checkout", "-q", "--detach", "origin/"+branch)
				_ = os.Remove(record)
				cmd := exec.Command("bash", "-e", "-o", "pipefail", "-c", job.script(t, page))
				cmd.Dir = dir
				head := command(dir, "git", "rev-parse", "HEAD")
				cmd.Env = slices.Concat(env, job.env, []string{"SYSTEM_PULLREQUEST_SOURCECOMMITID=" + head,
					"HEAD=" + head, "BASE=" + command(dir, "git", "rev-parse", "origin/main")})
				out, err := cmd.CombinedOutput()
				posted, _ := os.ReadFile(record)
				if want == "" {
					if err == nil || len(posted) > 0 {
						t.Errorf("invalid declarations: %v, posted %q", err, posted)
					}
					return
				}
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				for _, part := range append(job.posts, want) {
					if !strings.Contains(string(posted), part) {
						t.Errorf("the call of the host's tool lacks %q:\n%s", part, posted)
					}
				}
			})
		}
	}
}

func bitbucketScript(t *testing.T, b []byte) string {
	var w struct {
		Pipelines map[string]map[string][]struct{ Step struct{ Script []string } }
	}
	if err := yaml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return script(t, w.Pipelines["pull-requests"]["**"][0].Step.Script)
}

func azureScript(t *testing.T, b []byte) string {
	var w struct{ Steps []struct{ Script string } }
	if err := yaml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return script(t, []string{"true", w.Steps[2].Script})
}

func buildspecScript(t *testing.T, b []byte) string {
	var w struct {
		Phases map[string]struct{ Commands []string }
	}
	if err := yaml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return script(t, w.Phases["build"].Commands)
}

func zuulScript(t *testing.T, b []byte) string {
	var w []struct{ Tasks []struct{ Shell string } }
	if err := yaml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return script(t, []string{"true", w[0].Tasks[0].Shell})
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
