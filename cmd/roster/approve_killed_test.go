package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// lastDeactivation is an endpoint that kills its client after the write that leaves a number of
// users inactive.
type lastDeactivation struct {
	sim *simulator

	mu       sync.Mutex
	inactive int // 0: the client is not killed
	kill     func()
}

func (l *lastDeactivation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Method == http.MethodGet || l.inactive == 0 {
		l.sim.Server.ServeHTTP(w, r)
		return
	}
	rec := httptest.NewRecorder()
	l.sim.Server.ServeHTTP(rec, r)
	if len(activeUsers(l.sim, false)) >= l.inactive {
		l.inactive = 0
		l.kill()
		return
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

// activeUsers returns the names of the users who are active in AWS, or of those who are not.
func activeUsers(sim *simulator, active bool) []string {
	var out []string
	for _, u := range sim.State().Users {
		if u.Active == active {
			out = append(out, u.UserName)
		}
	}
	slices.Sort(out)
	return out
}

// TestAnApprovalIsNotUsableAgainAfterAKill deactivates eight people with an approval and kills
// roster after the last of these writes, before the report. The people come back, and a commit
// removes them again by mistake. The approval is still declared: nobody may lose access.
func TestAnApprovalIsNotUsableAgainAfterAKill(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	stop() // the endpoint below serves it
	endpoint := &lastDeactivation{sim: sim}
	server := httptest.NewServer(endpoint)
	defer server.Close()
	sim.endpoint = server.URL + sim.Path()
	d := newDaemonProcess(t, sim)
	s := &salesHeld{t: t, home: d.home, work: d.work, bare: d.bare, sim: sim}
	expect(t, s.home, exitDone, "apply", s.work)
	before := activeUsers(sim, true)
	s.remove()
	s.push("Finance and Sales go")
	expect(t, s.home, exitHeld, "apply", s.work)
	expect(t, s.home, exitDone, "approve", "-C", s.work, "--all", "--reason", "they left")
	git(t, s.work, "push", "-q", "origin", "HEAD:main")

	s.applyKilledAt(endpoint, len(activeUsers(sim, false))+8)
	left := activeUsers(sim, true)
	if len(before)-len(left) != 8 {
		t.Fatalf("%d people are active after the kill, %d before; want 8 fewer", len(left), len(before))
	}

	// They come back, in Git and in AWS.
	git(t, s.work, "checkout", "-q", "HEAD~2", "--", "groups", "apps", "provisioners")
	s.push("Finance and Sales stay")
	if out, code := s.run("apply", s.work); code == int(exitHeld) {
		if !strings.Contains(out, "activations") {
			t.Fatalf("the people do not come back:\n%s", out)
		}
		expect(t, s.home, exitDone, "approve", "-C", s.work, "--all", "--reason", "they stay")
		git(t, s.work, "push", "-q", "origin", "HEAD:main")
		expect(t, s.home, exitDone, "apply", s.work)
	}
	if have := activeUsers(sim, true); !slices.Equal(have, before) {
		t.Fatalf("active are %q; want %q", have, before)
	}

	// The same mistake again: the approval is in Git, and releases nothing.
	s.remove()
	s.push("Finance and Sales go again")
	for range 2 {
		out, code := s.run("apply", s.work)
		if code != int(exitHeld) || !strings.Contains(out, "maxRemovals: 8 of 36 users would lose their access") ||
			!strings.Contains(out, "was used at") {
			t.Errorf("exit code %d; want all 8 held, and the used approval named:\n%s", code, out)
		}
		if have := activeUsers(sim, true); !slices.Equal(have, before) {
			t.Fatalf("active are %q; want %q", have, before)
		}
	}
	if approvals := git(t, s.work, "show", "HEAD:approvals.cue"); !strings.Contains(approvals, "they left") {
		t.Fatalf("the approval is not declared any more:\n%s", approvals)
	}
}

// applyKilledAt runs apply and kills it when a number of users are inactive.
func (s *salesHeld) applyKilledAt(endpoint *lastDeactivation, inactive int) {
	s.t.Helper()
	cmd := roster(s.t.Context(), s.home, "apply", s.work)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	endpoint.mu.Lock()
	endpoint.inactive, endpoint.kill = inactive, func() { _ = cmd.Process.Kill() }
	err := cmd.Start()
	endpoint.mu.Unlock()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != -1 {
		s.t.Fatalf("roster was not killed: %v\n%s", err, &out)
	}
}
