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
// roster after the last of these writes, before the report. The people come back, and would be
// removed again by mistake. The approval is still declared: nobody may lose access.
func TestAnApprovalIsNotUsableAgainAfterAKill(t *testing.T) {
	for _, test := range []struct {
		name string
		back func(s *salesHeld, left []string) // the people come back, and the mistake happens
	}{
		{"by two commits", (*salesHeld).backInGit},
		{"by an administrator of AWS", (*salesHeld).backInAWS},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, before := newKilledApproval(t)
			left := slices.DeleteFunc(slices.Clone(before),
				func(name string) bool { return slices.Contains(activeUsers(s.sim, true), name) })
			if len(left) != 8 {
				t.Fatalf("%q are inactive after the kill; want 8 people", left)
			}
			test.back(s, left)
			for range 2 {
				out, code := s.run("apply", s.work)
				if code != int(exitHeld) || !strings.Contains(out, "maxRemovals: 8 of ") ||
					!strings.Contains(out, "the approval at approvals.cue:3:12 was used at") {
					t.Errorf("exit code %d; want all 8 held, and the used approval named:\n%s", code, out)
				}
				if have := activeUsers(s.sim, true); !slices.Equal(have, before) {
					t.Fatalf("active are %q; want %q", have, before)
				}
			}
			if text := git(t, s.work, "show", "HEAD:approvals.cue"); !strings.Contains(text, `"they left"`) {
				t.Errorf("the approval is not declared any more:\n%s", text)
			}
		})
	}
}

// newKilledApproval returns a repository after an approved run was killed, and the users who were
// active before it.
func newKilledApproval(t *testing.T) (*salesHeld, []string) {
	t.Helper()
	sim, stop := startSimulator("aws", awssim.Options{})
	stop() // the endpoint below serves it
	endpoint := &lastDeactivation{sim: sim}
	server := httptest.NewServer(endpoint)
	t.Cleanup(server.Close)
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
	return s, before
}

// backInGit reverts the removal, applies this, and removes the groups again.
func (s *salesHeld) backInGit(left []string) {
	s.t.Helper()
	git(s.t, s.work, "checkout", "-q", "HEAD~2", "--", "groups", "apps", "provisioners", "organisation.cue")
	s.push("Finance and Sales stay")
	if out, code := s.run("apply", s.work); code == int(exitHeld) {
		if !strings.Contains(out, "activations") {
			s.t.Fatalf("the people do not come back:\n%s", out)
		}
		expect(s.t, s.home, exitDone, "approve", "-C", s.work, "--all", "--reason", "they stay")
		git(s.t, s.work, "push", "-q", "origin", "HEAD:main")
		expect(s.t, s.home, exitDone, "apply", s.work)
	}
	for _, name := range left {
		if u, ok := s.sim.State().User(name); !ok || !u.Active {
			s.t.Fatalf("%s has not come back", name)
		}
	}
	s.remove()
	s.push("Finance and Sales go again")
}

// backInAWS activates the people in AWS, where the declarations still say that they left.
func (s *salesHeld) backInAWS(left []string) {
	s.t.Helper()
	for _, name := range left {
		u, _ := s.sim.State().User(name)
		u.Active = true
		if _, err := s.sim.PutUser(u); err != nil {
			s.t.Fatal(err)
		}
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
