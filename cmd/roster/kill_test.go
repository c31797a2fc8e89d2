package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// assassin is an endpoint that kills its client at a certain write, before or after the write takes effect.
type assassin struct {
	sim http.Handler

	mu    sync.Mutex
	nth   int // counts down; 0 kills, below nobody is killed
	after bool
	kill  func()
}

func (a *assassin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	strike := false
	a.mu.Lock()
	if r.Method != http.MethodGet && a.nth > 0 {
		a.nth--
		strike = a.nth == 0
	}
	a.mu.Unlock()
	switch {
	case !strike:
		a.sim.ServeHTTP(w, r)
	case a.after:
		a.sim.ServeHTTP(httptest.NewRecorder(), r)
		a.kill()
	default:
		a.kill()
	}
}

// roster prepares roster as a process of its own.
func roster(ctx context.Context, home string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "roster", args...)
	cmd.Env = append(os.Environ(), "ROSTER_AWS_TOKEN="+canary+"aws")
	for name, value := range gitEnv(home) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// expect runs roster to its end.
func expect(t *testing.T, home string, code int, args ...string) string {
	t.Helper()
	out, err := roster(t.Context(), home, args...).CombinedOutput()
	var exit *exec.ExitError
	have := 0
	if errors.As(err, &exit) {
		have = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if have != code {
		t.Fatalf("roster %s: exit code %d; want %d\n%s", strings.Join(args, " "), have, code, out)
	}
	return string(out)
}

// hit is a kill: of the run's nth write, before or after it takes effect.
type hit struct {
	nth   int
	after bool
}

// TestApplyKilled kills roster in the middle of its first apply: whatever the moment, the next run reports the interrupted one and
// finishes the work, and everything that was made is in a report.
func TestApplyKilled(t *testing.T) {
	for _, test := range []struct {
		name    string
		hits    []hit
		planned int    // exit code of plan then
		last    string // outcome of the run that follows
	}{
		{"before the first write takes effect", []hit{{nth: 1}}, exitPending, "applied"},
		{"after the first write took effect", []hit{{nth: 1, after: true}}, exitPending, "applied"},
		{"among the users", []hit{{nth: 18, after: true}}, exitPending, "applied"},
		{"at the first group", []hit{{nth: 37, after: true}}, exitPending, "applied"},
		{"before the last write takes effect", []hit{{nth: 44}}, exitPending, "applied"},
		{"after the last write took effect", []hit{{nth: 44, after: true}}, exitDone, "in sync"},
		{"and the run that follows, too", []hit{{nth: 10, after: true}, {nth: 5}, {nth: 7, after: true}}, exitPending, "applied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, stop := newCloud("aws", awssim.Options{})
			stop() // it is served from behind the assassin
			killer := &assassin{sim: c.Server}
			server := httptest.NewServer(killer)
			defer server.Close()
			c.endpoint = server.URL + c.Path()
			home := t.TempDir()
			dir := filepath.Join(home, "d")
			expect(t, home, 0, "init", dir)
			if err := c.settle(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
			for _, h := range test.hits {
				applyAndDie(t, killer, home, dir, h)
			}
			if out := expect(t, home, test.planned, "plan", dir); !strings.Contains(out, " was interrupted after ") {
				t.Errorf("the plan does not tell of the interrupted run:\n%s", out)
			}
			out := expect(t, home, 0, "apply", dir)
			if n := strings.Count(out, "aws: interrupted"); n != 1 {
				t.Errorf("the run after the kill tells of %d interrupted runs; want 1\n%s", n, out)
			}
			expect(t, home, 0, "plan", dir)
			checkEvidence(t, c, dir, append(slices.Repeat([]string{"interrupted"}, len(test.hits)), test.last))
		})
	}
}

func applyAndDie(t *testing.T, a *assassin, home, dir string, h hit) {
	t.Helper()
	cmd := roster(t.Context(), home, "apply", dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	a.mu.Lock()
	a.nth, a.after = h.nth, h.after
	a.kill = func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("kill roster: %v", err)
		}
	}
	err := cmd.Start()
	a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("roster was not killed: %v\n%s", err, &out)
	}
}

// checkEvidence compares what the directory holds with what the reports say was made, and follows the chain.
func checkEvidence(t *testing.T, c *cloud, dir string, want []string) {
	t.Helper()
	made, outcomes := map[string]string{}, []string{}
	for _, r := range reports(t, dir, "aws") {
		outcomes = append(outcomes, string(r.Outcome))
		for _, d := range r.Changes {
			if d.Kind != reconcile.CreateUser && d.Kind != reconcile.CreateGroup || d.Result != reconcile.ResultDone {
				continue
			}
			if d.ID == "" || made[d.ID] != "" {
				t.Errorf("%s %s has id %q, which is empty or was reported before", d.Kind, d.Key, d.ID)
			}
			made[d.ID] = d.Key
		}
	}
	if !slices.Equal(outcomes, want) {
		t.Errorf("the reports' outcomes are %q; want %q", outcomes, want)
	}
	state := c.State()
	if len(state.Users) != 36 || len(state.Groups) != 8 {
		t.Errorf("the directory has %d users and %d groups; want 36 and 8", len(state.Users), len(state.Groups))
	}
	for _, u := range state.Users {
		if made[u.ID] != u.ExternalID {
			t.Errorf("no report says that %s (%s) was made; %q", u.UserName, u.ID, made[u.ID])
		}
	}
	for _, g := range state.Groups {
		if made[g.ID] != g.ExternalID {
			t.Errorf("no report says that %s (%s) was made; %q", g.DisplayName, g.ID, made[g.ID])
		}
	}
	if len(made) != len(state.Users)+len(state.Groups) {
		t.Errorf("the reports tell of %d objects; the directory has %d", len(made), len(state.Users)+len(state.Groups))
	}
}

// reports reads a provisioner's reports from the audit branch, oldest first, along their chain.
func reports(t testing.TB, dir, provisioner string) []*reconcile.Report {
	t.Helper()
	var status reconcile.Status
	if err := json.Unmarshal([]byte(git(t, dir, "show", "roster/audit:status/"+provisioner+".json")), &status); err != nil {
		t.Fatal(err)
	}
	var out []*reconcile.Report
	for link := &status.Report; link != nil; link = out[len(out)-1].Previous {
		cmd := exec.Command("git", "show", "roster/audit:"+link.Path)
		cmd.Dir = dir
		content, err := cmd.Output()
		if err != nil {
			t.Fatalf("read report %s: %v", link.Path, err)
		}
		if sum := sha256.Sum256(content); hex.EncodeToString(sum[:]) != link.SHA256 {
			t.Fatalf("report %s is not the one that the next one names", link.Path)
		}
		r := &reconcile.Report{}
		if err := json.Unmarshal(content, r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	files := strings.Fields(git(t, dir, "ls-tree", "-r", "--name-only", "roster/audit", "reports/"+provisioner))
	if len(files) != 2*len(out) {
		t.Fatalf("the chain has %d reports; the branch has the files %q", len(out), files)
	}
	slices.Reverse(out)
	return out
}
