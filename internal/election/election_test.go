package election

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	coordination "k8s.io/api/coordination/v1"
	"k8s.io/client-go/rest"

	"github.com/seed-d64a251c/roster/reconcile"
)

// fakeAPI is the part of the Kubernetes API that has Leases: it keeps them in memory, with
// optimistic locking by resourceVersion.
type fakeAPI struct {
	mu     sync.Mutex
	leases map[string]*coordination.Lease
	writes int
	down   bool
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	const leases = "/apis/coordination.k8s.io/v1/namespaces/ops/leases"
	name, found := strings.CutPrefix(r.URL.Path, leases)
	name = strings.TrimPrefix(name, "/")
	switch {
	case f.down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case !found:
		http.NotFound(w, r)
	case r.Method == http.MethodGet && f.leases[name] == nil:
		status(w, http.StatusNotFound, "NotFound")
	case r.Method == http.MethodGet:
		answer(w, f.leases[name])
	default:
		l := &coordination.Lease{}
		if err := json.NewDecoder(r.Body).Decode(l); err != nil {
			status(w, http.StatusBadRequest, "BadRequest")
			return
		}
		old := f.leases[l.Name]
		stale := old == nil || path.Base(r.URL.Path) != l.Name || old.ResourceVersion != l.ResourceVersion
		if r.Method == http.MethodPost && old != nil || r.Method == http.MethodPut && stale {
			status(w, http.StatusConflict, "Conflict")
			return
		}
		f.writes++
		l.ResourceVersion = fmt.Sprint(f.writes)
		f.leases[l.Name] = l
		answer(w, l)
	}
}

func answer(w http.ResponseWriter, l *coordination.Lease) {
	l.APIVersion, l.Kind = "coordination.k8s.io/v1", "Lease"
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(l)
}

func status(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": %q, "code": %d}`,
		reason, code)
}

// holder returns who holds a Lease.
func (f *fakeAPI) holder(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l := f.leases[name]; l != nil && l.Spec.HolderIdentity != nil {
		return *l.Spec.HolderIdentity
	}
	return ""
}

func newFake(t *testing.T) (*fakeAPI, *rest.Config) {
	t.Helper()
	f := &fakeAPI{leases: map[string]*coordination.Lease{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, &rest.Config{Host: server.URL}
}

func replica(t *testing.T, config *rest.Config, identity string) *Election {
	t.Helper()
	e, err := newElection(config, "ops", "roster", identity, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func receive(t *testing.T, c <-chan string, what string) string {
	t.Helper()
	select {
	case name := <-c:
		return name
	case <-time.After(time.Minute):
		t.Fatalf("waited too long for %s", what)
		return ""
	}
}

func TestALeaderThatEndsHandsOverAfterItsRunHasEnded(t *testing.T) {
	f, config := newFake(t)
	a, b := replica(t, config, "pod-a"), replica(t, config, "pod-b")
	leads, ended, finish := make(chan string, 2), make(chan string, 2), make(chan struct{})
	start := func(e *Election) context.CancelFunc {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		go func() {
			e.Lead(ctx, "aws", func(ctx context.Context) {
				leads <- e.identity
				<-ctx.Done()
				<-finish // the calls in flight, and the report
			})
			ended <- e.identity
		}()
		return cancel
	}
	stop := start(a)
	if who := receive(t, leads, "a leader"); who != "pod-a" || a.Check("aws") != nil || !a.Leads("aws") {
		t.Errorf("%s leads: %v", who, a.Check("aws"))
	}
	start(b)
	stop()
	if f.holder("roster-aws") != "pod-a" || b.Leads("aws") {
		t.Errorf("%q holds the Lease while the run of pod-a goes on", f.holder("roster-aws"))
	}
	close(finish)
	if who := receive(t, ended, "the end of pod-a"); who != "pod-a" || a.Leads("aws") {
		t.Errorf("%s ended", who)
	}
	if who := receive(t, leads, "the next leader"); who != "pod-b" || b.Check("aws") != nil {
		t.Errorf("%s leads: %v", who, b.Check("aws"))
	}
}

func TestOnlyALeaderThatHasRenewedItsLeaseMayWrite(t *testing.T) {
	_, config := newFake(t)
	e := replica(t, config, "pod-a")
	if err := e.Check("aws"); !errors.Is(err, reconcile.ErrLeaseLost) {
		t.Errorf("without an election: %v", err)
	}
	wall, passed := time.Now(), time.Duration(0)
	e.now, e.elapsed = func() time.Time { return wall }, func(time.Time) time.Duration { return passed }
	e.keys["aws"] = &candidacy{leads: true, renewed: wall}
	if err := e.Check("aws"); err != nil {
		t.Errorf("after a renewal: %v", err)
	}
	passed = renewDeadline
	if err := e.Check("aws"); !errors.Is(err, reconcile.ErrLeaseLost) {
		t.Errorf("after 10 s by the monotonic clock: %v", err)
	}
	wall, passed = wall.Add(renewDeadline), 0
	if err := e.Check("aws"); !errors.Is(err, reconcile.ErrLeaseLost) {
		t.Errorf("after 10 s by the wall clock: %v", err)
	}
	e.keys["aws"] = &candidacy{renewed: wall}
	if err := e.Check("aws"); !errors.Is(err, reconcile.ErrLeaseLost) {
		t.Errorf("a replica that does not lead: %v", err)
	}
}

func TestNamesOfLeases(t *testing.T) {
	e := &Election{name: "roster"}
	for key, want := range map[string]string{
		"": "roster", "aws": "roster-aws", "AWS-prod.eu": "roster-aws-prod.eu",
		"aws_prod": "roster-x", ".": "",
	} {
		name := e.leaseName(key)
		if !validName(name) {
			t.Errorf("%q gets the name %q, which Kubernetes refuses", key, name)
		}
		if strings.Contains(want, "-x") || want == "" {
			if !strings.HasPrefix(name, "roster-x") || name == e.leaseName(key+"2") {
				t.Errorf("%q gets the name %q; want a digest", key, name)
			}
		} else if name != want {
			t.Errorf("%q gets the name %q; want %q", key, name, want)
		}
	}
	for _, bad := range []string{"", "roster", "/roster", "ops/", "Ops/roster", "ops/a_b", "a.b/roster"} {
		if _, err := Open(bad, "/does/not/exist", "pod-a", slog.New(slog.DiscardHandler)); err == nil ||
			!strings.Contains(err.Error(), "NAMESPACE/NAME") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
