package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// pullForge is a forge with the API of Gitea that only lists and opens pull requests.
type pullForge struct {
	t  *testing.T
	mu sync.Mutex
	// readOnly is set if the token may not open pull requests.
	readOnly bool
	pulls    []map[string]any // as opened
}

// setReadOnly changes whether the token may open pull requests.
func (f *pullForge) setReadOnly(readOnly bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readOnly = readOnly
}

// opened returns the pull requests as they were opened.
func (f *pullForge) opened() []map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.pulls)
}

func (f *pullForge) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if req.Header.Get("Authorization") != "token "+canary+"forge" {
		f.t.Errorf("Authorization is %q", req.Header.Get("Authorization"))
	}
	show := func(p map[string]any) map[string]any {
		repo := map[string]any{"id": 1, "full_name": "acme/people"}
		return map[string]any{"number": 7, "html_url": "https://forge.example/acme/people/pulls/7", "state": "open",
			"base": map[string]any{"ref": p["base"], "repo_id": 1},
			"head": map[string]any{"ref": p["head"], "repo_id": 1, "repo": repo}}
	}
	switch req.Method + " " + req.URL.Path {
	case "GET /api/v1/repos/acme/people/pulls":
		list := []any{}
		for _, p := range f.pulls {
			list = append(list, show(p))
		}
		_ = json.NewEncoder(w).Encode(list)
	case "POST /api/v1/repos/acme/people/pulls":
		if f.readOnly {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"message": "token does not have at least one of required scope(s)"}`))
			return
		}
		p := map[string]any{}
		if err := json.NewDecoder(req.Body).Decode(&p); err != nil {
			f.t.Error(err)
		}
		f.pulls = append(f.pulls, p)
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(show(p))
	default:
		f.t.Errorf("unexpected request %s %s", req.Method, req.URL)
		http.NotFound(w, req)
	}
}

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

// TestApproveOpensAPullRequest approves what is held by a pull request: roster pushes a branch with
// one commit to the bare repository and opens the pull request at the forge, once.
func TestApproveOpensAPullRequest(t *testing.T) {
	s := newSalesHeld(t)
	fake := &pullForge{t: t, readOnly: true}
	server := httptest.NewServer(fake)
	defer server.Close()
	args := []string{"approve", "-C", s.work, "--reason", "they left @all", "--pull-request"}
	want := func(code exitCode, parts []string, more ...string) string {
		t.Helper()
		out, have := s.run(append(args, more...)...)
		for _, part := range parts {
			if !strings.Contains(out, part) {
				t.Errorf("the output has no %q", part)
			}
		}
		if have != int(code) || t.Failed() {
			t.Fatalf("exit code %d; want %d\n%s", have, code, out)
		}
		return out
	}
	main := git(t, s.bare, "rev-parse", "main")
	want(exitUsage, []string{"--pull-request needs --forge"})
	want(exitUsage, []string{"remote origin is not at a forge: set --forge-url"}, "--forge", "gitea")
	if branches := git(t, s.work, "branch", "--list", "approve-*"); branches != "" {
		t.Errorf("branch %s was created before the command could succeed", branches)
	}

	// The token may not open pull requests: the approval is committed and pushed.
	args = append(args, "--forge", "gitea", "--forge-url", server.URL+"/acme/people")
	want(exitError, []string{"token does not have", "give it the scopes write:issue and write:repository",
		"which is pushed", "run the command again on that branch"})

	// With another token, the same command opens it. A third call finds it open.
	fake.setReadOnly(false)
	out := want(exitDone, []string{"opened pull request https://forge.example/acme/people/pulls/7",
		"another person must approve pull request https://forge.example"})
	digest := regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(out)
	branch := "approve-" + strings.TrimPrefix(digest, "sha256:")[:8]
	want(exitDone, []string{"pull request https://forge.example/acme/people/pulls/7 is open already"})
	pulls := fake.opened()
	if len(pulls) != 1 {
		t.Fatalf("%d pull requests were opened", len(pulls))
	}
	p := pulls[0]
	if p["head"] != branch || p["base"] != "main" || p["title"] != "Approve what roster holds" {
		t.Errorf("the pull request is from %s to %s: %s", p["head"], p["base"], p["title"])
	}
	for _, part := range []string{"they left &#64;all", digest, "Finance and Sales go: ", "held by groupDeletes"} {
		if body := p["body"].(string); !strings.Contains(body, part) {
			t.Errorf("the body has no %q:\n%s", part, body)
		}
	}
	if have := git(t, s.bare, "log", "--format=%s", "--name-only", main+".."+branch); have !=
		"Approve what roster holds\n\napprovals.cue" {
		t.Errorf("the branch has\n%s", have)
	}
	if git(t, s.bare, "rev-parse", "main") != main {
		t.Error("main was pushed to")
	}

	// On main again: a branch that exists is not used, and no other commit comes along.
	git(t, s.work, "checkout", "-q", "main")
	want(exitError, []string{"branch " + branch + " exists already: check it out to continue with it"})
	s.write("note.txt", "a note\n")
	git(t, s.work, "add", "note.txt")
	git(t, s.work, "commit", "-q", "-m", "A note")
	want(exitError, []string{"HEAD has commits that origin/main does not have"}, "--branch", "another")
}
