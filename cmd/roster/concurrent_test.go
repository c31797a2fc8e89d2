package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestConcurrentApply starts a second apply during the first write of another one. The second sends
// no request and reports the reason, on the same machine and on another. A plan is possible.
func TestConcurrentApply(t *testing.T) {
	for _, test := range []struct {
		name          string
		first, second func(home string) []string
		reason        string
	}{
		{"in one working copy",
			func(home string) []string { return []string{filepath.Join(home, "d")} },
			func(home string) []string { return []string{filepath.Join(home, "d")} },
			"is in use by process "},
		{"on two machines",
			func(home string) []string { return remoteArgs(home, "one") },
			func(home string) []string { return remoteArgs(home, "two") },
			"another process is running this provisioner"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			sim, stop := startSimulator("aws", awssim.Options{})
			stop()
			var once sync.Once
			arrived, proceed := make(chan bool), make(chan bool)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					once.Do(func() { close(arrived); <-proceed })
				}
				sim.ServeHTTP(w, r)
			}))
			defer server.Close()
			release := sync.OnceFunc(func() { close(proceed) })
			defer release()
			sim.endpoint = server.URL + sim.Path()
			home := t.TempDir()
			dir := filepath.Join(home, "d")
			expect(t, home, 0, "init", dir)
			if err := sim.adaptExample(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
			git(t, home, "clone", "-q", "--bare", dir, "bare.git")

			first := roster(t.Context(), home, append([]string{"apply"}, test.first(home)...)...)
			var output bytes.Buffer
			first.Stdout, first.Stderr = &output, &output
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			<-arrived
			out := expect(t, home, 1, append([]string{"apply", "--wait", "0"}, test.second(home)...)...)
			if !strings.Contains(out, test.reason) {
				t.Errorf("the second apply does not report %q:\n%s", test.reason, out)
			}
			if out := expect(t, home, 2, append([]string{"plan"}, test.second(home)...)...); strings.Contains(out,
				"interrupted") {
				t.Errorf("the plan reports the current run as interrupted:\n%s", out)
			}
			release()
			if err := first.Wait(); err != nil {
				t.Fatalf("the first apply: %v\n%s", err, &output)
			}
			expect(t, home, 0, append([]string{"apply"}, test.second(home)...)...)
		})
	}
}

// TestAnApplyWaitsForTheLeaseOfADeadProcess kills an apply during a write. An apply on another
// machine sends nothing while the lease lasts, and then continues the work.
func TestAnApplyWaitsForTheLeaseOfADeadProcess(t *testing.T) {
	t.Parallel()
	k, sim, home, dir := newKilledClient(t)
	git(t, home, "clone", "-q", "--bare", dir, "bare.git")
	killed := func(machine string) []string { return append(remoteArgs(home, machine), "--lease", "20s") }
	applyKilledWith(t, k, home, killPoint{nth: 5}, append([]string{"apply"}, killed("one")...)...)
	written := len(sim.State().Users)
	sim.ResetCalls()
	out := expect(t, home, exitError, append([]string{"apply", "--wait", "0"}, killed("two")...)...)
	n := sim.Calls().Total
	if !strings.Contains(out, "its lease expires at") || n != 0 || len(sim.State().Users) != written {
		t.Errorf("the second apply made %d calls and says\n%s", n, out)
	}
	out = expect(t, home, 0, append([]string{"apply"}, killed("two")...)...)
	if !strings.Contains(out, "waiting for another process") || len(sim.State().Users) != 36 {
		t.Errorf("AWS has %d users, want 36; apply says\n%s", len(sim.State().Users), out)
	}
	if out := expect(t, home, 0, append([]string{"apply"}, killed("two")...)...); !strings.Contains(out, "in sync") {
		t.Errorf("the next apply says\n%s", out)
	}
}

// remoteArgs are the arguments of roster on another machine: it has its own state directory.
func remoteArgs(home, machine string) []string {
	return []string{"--repo", "file://" + filepath.Join(home, "bare.git"), "--state-dir", filepath.Join(home, machine)}
}
