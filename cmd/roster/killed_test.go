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

// killer is an endpoint that kills its client at the nth write request, before or after the write
// takes effect.
type killer struct {
	sim http.Handler

	mu    sync.Mutex
	nth   int // remaining writes until the kill
	after bool
	kill  func()
}

// newKilledClient returns a killer before a simulator, and the example organization in a folder of
// a home.
func newKilledClient(t *testing.T) (k *killer, sim *simulator, home, dir string) {
	t.Helper()
	sim, stop := startSimulator("aws", awssim.Options{})
	stop() // the killer serves it
	k = &killer{sim: sim.Server}
	server := httptest.NewServer(k)
	t.Cleanup(server.Close)
	sim.endpoint = server.URL + sim.Path()
	home = t.TempDir()
	dir = filepath.Join(home, "d")
	expect(t, home, 0, "init", dir)
	if err := sim.adaptExample(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	return k, sim, home, dir
}

func (k *killer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := false
	k.mu.Lock()
	if r.Method != http.MethodGet && k.nth > 0 {
		k.nth--
		now = k.nth == 0
	}
	k.mu.Unlock()
	switch {
	case !now:
		k.sim.ServeHTTP(w, r)
	case k.after:
		k.sim.ServeHTTP(httptest.NewRecorder(), r)
		k.kill()
	default:
		k.kill()
	}
}

// roster returns a command that runs roster as a process of its own.
func roster(ctx context.Context, home string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "roster", args...)
	cmd.Env = append(os.Environ(), "ROSTER_SECRET_AWS="+canary+"aws", "ROSTER_ALLOW_HOST=loopback")
	for name, value := range gitEnv(home) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// expect runs roster and requires an exit code.
func expect(t *testing.T, home string, code exitCode, args ...string) string {
	t.Helper()
	out, err := roster(t.Context(), home, args...).CombinedOutput()
	var exit *exec.ExitError
	have := exitDone
	if errors.As(err, &exit) {
		have = exitCode(exit.ExitCode())
	} else if err != nil {
		t.Fatal(err)
	}
	if have != code {
		t.Fatalf("roster %s: exit code %d; want %d\n%s", strings.Join(args, " "), have, code, out)
	}
	return string(out)
}

// killPoint is the nth write of a run, before or after it takes effect.
type killPoint struct {
	nth   int
	after bool
}

// TestApplyKilled kills roster during its first apply. The next run reports the interrupted one and
// completes the changes, and every created object is in a report.
func TestApplyKilled(t *testing.T) {
	for _, test := range []struct {
		name    string
		kills   []killPoint
		planned exitCode // of the plan after the kill
		last    string   // outcome of the next run
	}{
		{"before the first write takes effect", []killPoint{{nth: 1}}, exitPending, "applied"},
		{"after the first write took effect", []killPoint{{nth: 1, after: true}}, exitPending, "applied"},
		{"among the users", []killPoint{{nth: 18, after: true}}, exitPending, "applied"},
		{"at the first group", []killPoint{{nth: 37, after: true}}, exitPending, "applied"},
		{"before the last write takes effect", []killPoint{{nth: 44}}, exitPending, "applied"},
		{"after the last write took effect", []killPoint{{nth: 44, after: true}}, exitDone, "applied"},
		{"the next two runs too", []killPoint{{nth: 10, after: true}, {nth: 5}, {nth: 7, after: true}}, exitPending,
			"applied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			k, sim, home, dir := newKilledClient(t)
			for _, at := range test.kills {
				applyKilled(t, k, home, dir, at)
			}
			if out := expect(t, home, test.planned, "plan", dir); !strings.Contains(out, " was interrupted after ") {
				t.Errorf("the plan does not mention the interrupted run:\n%s", out)
			}
			out := expect(t, home, 0, "apply", dir)
			if n := strings.Count(out, "aws: interrupted"); n != 1 {
				t.Errorf("the run after the kill reports %d interrupted runs; want 1\n%s", n, out)
			}
			expect(t, home, 0, "plan", dir)
			checkReports(t, sim, dir, append(slices.Repeat([]string{"interrupted"}, len(test.kills)), test.last))
		})
	}
}

// applyKilled runs apply and kills it.
func applyKilled(t *testing.T, k *killer, home, dir string, at killPoint) {
	t.Helper()
	applyKilledWith(t, k, home, at, "apply", dir)
}

// applyKilledWith is applyKilled with other arguments of roster.
func applyKilledWith(t *testing.T, k *killer, home string, at killPoint, args ...string) {
	t.Helper()
	cmd := roster(t.Context(), home, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	k.mu.Lock()
	k.nth, k.after = at.nth, at.after
	k.kill = func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("kill roster: %v", err)
		}
	}
	err := cmd.Start()
	k.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("roster was not killed: %v\n%s", err, &out)
	}
}

// checkReports compares the objects of the directory with those that the reports have created, and
// the outcomes of the reports.
func checkReports(t *testing.T, sim *simulator, dir string, want []string) {
	t.Helper()
	created, outcomes := map[string]string{}, []string{}
	for _, r := range reports(t, dir, "aws") {
		outcomes = append(outcomes, string(r.Outcome))
		for _, d := range r.Changes {
			if d.Kind != reconcile.CreateUser && d.Kind != reconcile.CreateGroup || d.Result != reconcile.ResultDone {
				continue
			}
			if d.ID == "" || created[d.ID] != "" {
				t.Errorf("%s %s has id %q, which is empty or was reported before", d.Kind, d.Key, d.ID)
			}
			created[d.ID] = d.Key
		}
	}
	if !slices.Equal(outcomes, want) {
		t.Errorf("the reports' outcomes are %q; want %q", outcomes, want)
	}
	state := sim.State()
	if len(state.Users) != 36 || len(state.Groups) != 8 {
		t.Errorf("the directory has %d users and %d groups; want 36 and 8", len(state.Users), len(state.Groups))
	}
	for _, u := range state.Users {
		if created[u.ID] != u.ExternalID {
			t.Errorf("no report has created %s (%s); got %q", u.UserName, u.ID, created[u.ID])
		}
	}
	for _, g := range state.Groups {
		if created[g.ID] != g.ExternalID {
			t.Errorf("no report has created %s (%s); got %q", g.DisplayName, g.ID, created[g.ID])
		}
	}
	if len(created) != len(state.Users)+len(state.Groups) {
		t.Errorf("the reports have created %d objects; the directory has %d", len(created),
			len(state.Users)+len(state.Groups))
	}
}

// reports reads a provisioner's reports from the audit branch, oldest first. It follows and
// verifies their chain.
func reports(t testing.TB, dir, provisioner string) []*reconcile.Report {
	t.Helper()
	var status reconcile.Status
	if err := json.Unmarshal([]byte(git(t, dir, "show", "roster/audit:status/"+provisioner+".json")),
		&status); err != nil {
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
			t.Fatalf("report %s does not match the SHA-256 in the next one", link.Path)
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
