package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// salesHeld is a repository with changes that roster holds: groups Finance and Sales go, with eight
// people.
type salesHeld struct {
	t          *testing.T
	home       string
	work, bare string // the working copy, and its remote
	sim        *simulator
}

func newSalesHeld(t *testing.T) *salesHeld {
	t.Helper()
	sim, stop := startSimulator("aws", awssim.Options{})
	t.Cleanup(stop)
	d := newDaemonProcess(t, sim)
	s := &salesHeld{t: t, home: d.home, work: d.work, bare: d.bare, sim: sim}
	git(t, s.work, "fetch", "-q", "origin")
	expect(t, s.home, exitDone, "apply", s.work)
	s.remove()
	s.push("Finance and Sales go")
	expect(t, s.home, exitHeld, "apply", s.work)
	return s
}

// remove removes the groups in the working copy.
func (s *salesHeld) remove() {
	s.t.Helper()
	git(s.t, s.work, "rm", "-q", "groups/business.cue")
	twoKeys := `"two-keys": {disjoint: ["finance", "security"], reason: "users who pay must not audit"}`
	for _, e := range [][2]string{{"organisation.cue", twoKeys},
		{"apps/aws.cue", `"finance": {}`}, {"apps/aws.cue", `"sales": {}`},
		{"provisioners/aws.cue", `, "finance", "sales"`}} {
		if err := replace(filepath.Join(s.work, e[0]), e[1], ""); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *salesHeld) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.work, name), []byte(content), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// push commits everything and pushes it to main.
func (s *salesHeld) push(message string) {
	s.t.Helper()
	git(s.t, s.work, "add", "-A")
	git(s.t, s.work, "commit", "-q", "-m", message)
	git(s.t, s.work, "push", "-q", "origin", "HEAD:main")
}

// run runs roster with the token of the forge.
func (s *salesHeld) run(args ...string) (string, int) {
	s.t.Helper()
	cmd := roster(s.t.Context(), s.home, args...)
	cmd.Env = append(cmd.Env, "ROSTER_FORGE_TOKEN="+canary+"forge")
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	if strings.Contains(string(out), canary) {
		s.t.Errorf("the output has a token:\n%s", out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// approveCommand is a call of roster approve with arguments that all calls of a test have.
type approveCommand struct {
	*salesHeld
	args []string
}

// want runs the command with more arguments and compares its exit code and the parts of its output.
func (a approveCommand) want(code exitCode, parts []string, more ...string) string {
	a.t.Helper()
	out, have := a.run(append(slices.Clone(a.args), more...)...)
	for _, part := range parts {
		if !strings.Contains(out, part) {
			a.t.Errorf("the output has no %q", part)
		}
	}
	if have != int(code) || a.t.Failed() {
		a.t.Fatalf("exit code %d; want %d\n%s", have, code, out)
	}
	return out
}

// TestApproveOpensAPullRequest approves what is held by a pull request: roster pushes a branch with
// one commit to the bare repository and opens the pull request at the forge, once.
func TestApproveOpensAPullRequest(t *testing.T) {
	s := newSalesHeld(t)
	approve := approveCommand{s, []string{"approve", "-C", s.work, "--reason", "they left @all", "--pull-request"}}
	main := git(t, s.bare, "rev-parse", "main")
	approve.want(exitUsage, []string{"--pull-request needs --forge"})
	approve.want(exitUsage, []string{"remote origin is not at a forge: set --forge-url"}, "--forge", "gitea")
	scopes := map[string]string{"github": "the permission Pull requests (read and write)", "gitlab": "the scope api",
		"gitea": "the scopes write:issue and write:repository"}
	for kind, scope := range scopes {
		t.Run(kind, func(t *testing.T) {
			fake := newForge(t)
			fake.ReadOnly = true
			approve := approve
			approve.args = append(slices.Clone(approve.args), "--forge", kind, "--forge-url", fake.Start(kind))
			approve.want(exitError, []string{"the forge requires a token: set ROSTER_NONE, or name another variable"},
				"--forge-token-env", "ROSTER_NONE")
			if branches := git(t, s.work, "branch", "--list", "approve-*"); branches != "" {
				t.Errorf("branch %s was created before the command could succeed", branches)
			}

			// The token may not open pull requests: the approval is committed and pushed.
			approve.want(exitError, []string{"may not open pull requests: give it " + scope, "which is pushed",
				"run the command again on that branch"})

			// With another token, the same command opens it. A third call finds it open.
			fake.Mu.Lock()
			fake.ReadOnly = false
			fake.Mu.Unlock()
			out := approve.want(exitDone, []string{"opened pull request https://",
				"another person must approve pull request"})
			approve.want(exitDone, []string{"pull request https://", " is open already"})
			branch := s.checkPullRequest(fake, main, regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(out))
			git(t, s.work, "checkout", "-q", "main")
			approve.want(exitError, []string{"branch " + branch + " exists already: check it out to continue with it"})
			git(t, s.work, "branch", "-q", "-D", branch)
			git(t, s.work, "push", "-q", "origin", ":"+branch)
		})
	}

	// No other commit comes along.
	s.write("note.txt", "a note\n")
	git(t, s.work, "add", "note.txt")
	git(t, s.work, "commit", "-q", "-m", "A note")
	approve.want(exitError, []string{"HEAD has commits that origin/main does not have"}, "--forge", "gitea",
		"--forge-url", "http://127.0.0.1:1/acme/people", "--branch", "another")
}

// checkPullRequest checks the one pull request at the forge and its branch in the bare repository.
func (s *salesHeld) checkPullRequest(fake *forgetest.State, main, digest string) (branch string) {
	s.t.Helper()
	fake.Mu.Lock()
	defer fake.Mu.Unlock()
	if len(fake.Pulls) != 1 {
		s.t.Fatalf("%d pull requests were opened", len(fake.Pulls))
	}
	p := fake.Pulls[0]
	branch = "approve-" + strings.TrimPrefix(digest, "sha256:")[:8]
	if p.Branch != branch || p.Base != "main" || p.Title != "Approve what roster holds" {
		s.t.Errorf("the pull request is from %s to %s: %s", p.Branch, p.Base, p.Title)
	}
	for _, part := range []string{"they left `@all`", digest, "Finance and Sales go: ", "held by groupDeletes"} {
		if !strings.Contains(p.Body, part) {
			s.t.Errorf("the body has no %q:\n%s", part, p.Body)
		}
	}
	if have := git(s.t, s.bare, "log", "--format=%s", "--name-only", main+".."+branch); have !=
		"Approve what roster holds\n\napprovals.cue" {
		s.t.Errorf("the branch has\n%s", have)
	}
	if git(s.t, s.bare, "rev-parse", "main") != main {
		s.t.Error("main was pushed to")
	}
	return branch
}

// TestApproveRefusesAnApprovalThatWouldNotCount names the way out each time, and commits nothing.
func TestApproveRefusesAnApprovalThatWouldNotCount(t *testing.T) {
	s := newSalesHeld(t)
	git(t, s.work, "fetch", "-q", "origin")
	approve := approveCommand{s, []string{"approve", "-C", s.work}}
	for _, test := range []struct {
		name, reason, want string
		code               exitCode
		prepare            []string // arguments of git
	}{
		{name: "a reason of two lines", reason: "they\nleft", code: exitUsage, want: "one line of printable text"},
		{name: "a reason that is not UTF-8", reason: "they \xff left", code: exitUsage,
			want: "one line of printable text"},
		{name: "a reason that changes the direction of text", reason: "they \u202e left", code: exitUsage,
			want: "one line of printable text"},
		{name: "a detached HEAD", reason: "they left", code: exitError, prepare: []string{"checkout", "-q", "--detach"},
			want: "check out a branch, or name a new one with --branch"},
		{name: "a branch without the commit of the report", reason: "they left", code: exitError,
			prepare: []string{"reset", "-q", "--hard", "HEAD~1"}, want: "run git pull, and approve again"},
	} {
		if test.prepare != nil {
			git(t, s.work, test.prepare...)
		}
		before := git(t, s.work, "rev-parse", "HEAD")
		approve.want(test.code, []string{test.want}, "--reason", test.reason)
		if have := git(t, s.work, "rev-parse", "HEAD") + git(t, s.work, "status", "--porcelain"); have != before {
			t.Errorf("%s: the working copy has %s; want %s", test.name, have, before)
		}
		git(t, s.work, "checkout", "-q", "-B", "main", "origin/main")
	}
	cmd := roster(t.Context(), s.home, append(approve.args, "--reason", "they left", "--branch", "approve-it")...)
	for _, name := range []string{"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"} {
		cmd.Env = append(cmd.Env, name+"=")
	}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "git config") {
		t.Errorf("without a name: %v\n%s", err, out)
	}
	hook := filepath.Join(s.work, ".git", "hooks", "pre-commit")
	if err := os.MkdirAll(filepath.Dir(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	approve.want(exitError, []string{"commit approvals.cue: git commit"}, "--reason", "they left", "--branch",
		"approve-it")
	if left := git(t, s.work, "status", "--porcelain") + git(t, s.work, "branch",
		"--format=%(refname:short)"); left != "main" {
		t.Errorf("the working copy has %s; want nothing but main", left)
	}
}
