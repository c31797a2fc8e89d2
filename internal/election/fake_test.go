package election

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
)

// fakeAPI is the part of the Kubernetes API that has Leases: it keeps them in memory, with
// optimistic locking by resourceVersion.
type fakeAPI struct {
	mu        sync.Mutex
	leases    map[string]*coordination.Lease
	history   []string // holders of each Lease that was written: "NAME HOLDER"
	requests  int
	conflicts int
	protocols map[string]int // requests by version of HTTP
	forbidden string         // verb that is refused
	down      bool
}

// verbs are the names of the methods in a Role.
var verbs = map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update"}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	f.protocols[r.Proto]++
	const leases = "/apis/coordination.k8s.io/v1/namespaces/ops/leases"
	name, found := strings.CutPrefix(r.URL.Path, leases)
	name = strings.TrimPrefix(name, "/")
	switch {
	case f.down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case !found:
		http.NotFound(w, r)
	case verbs[r.Method] == f.forbidden:
		status(w, http.StatusForbidden, "Forbidden", fmt.Sprintf("leases.coordination.k8s.io %q is forbidden: "+
			"User \"pod\" cannot %s resource \"leases\"", name, f.forbidden))
	case r.Method == http.MethodGet && f.leases[name] == nil:
		status(w, http.StatusNotFound, "NotFound", "not found")
	case r.Method == http.MethodGet:
		answer(w, f.leases[name])
	default:
		f.write(w, r)
	}
}

// write creates or updates a Lease.
func (f *fakeAPI) write(w http.ResponseWriter, r *http.Request) {
	l := &coordination.Lease{}
	if err := json.NewDecoder(r.Body).Decode(l); err != nil {
		status(w, http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	old := f.leases[l.Name]
	stale := old == nil || path.Base(r.URL.Path) != l.Name || old.ResourceVersion != l.ResourceVersion
	switch {
	case r.Method == http.MethodPost && old != nil:
		f.conflicts++
		status(w, http.StatusConflict, "AlreadyExists", "it exists")
		return
	case r.Method == http.MethodPut && stale:
		f.conflicts++
		status(w, http.StatusConflict, "Conflict", "the object has been modified")
		return
	}
	f.history = append(f.history, l.Name+" "+*l.Spec.HolderIdentity)
	l.ResourceVersion = fmt.Sprint(len(f.history))
	f.leases[l.Name] = l
	answer(w, l)
}

func answer(w http.ResponseWriter, l *coordination.Lease) {
	l.APIVersion, l.Kind = "coordination.k8s.io/v1", "Lease"
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(l)
}

func status(w http.ResponseWriter, code int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, `{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": %q, "code": %d, `+
		`"message": %q}`, reason, code, message)
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

// set changes the behavior of the API.
func (f *fakeAPI) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// count returns how often a Lease was written for a holder.
func (f *fakeAPI) count(write string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, w := range f.history {
		if w == write {
			n++
		}
	}
	return n
}

func newAPI() *fakeAPI {
	return &fakeAPI{leases: map[string]*coordination.Lease{}, protocols: map[string]int{}}
}

func newFake(t *testing.T) (*fakeAPI, *rest.Config) {
	t.Helper()
	f := newAPI()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return f, &rest.Config{Host: server.URL}
}

func replica(t *testing.T, config *rest.Config, identity string) *Election {
	t.Helper()
	return loggingReplica(t, config, identity, slog.DiscardHandler)
}

func loggingReplica(t *testing.T, config *rest.Config, identity string, log slog.Handler) *Election {
	t.Helper()
	e, err := newElection(config, "ops", "roster", identity, slog.New(log))
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

// network is the network of one replica, in memory. It can fail as a network does, and it can stop
// as a stopped process does: then requests wait, and nobody looks at the clock.
type network struct {
	api *fakeAPI

	mu      sync.Mutex
	cut     bool
	resumed chan struct{} // closed when the process continues; nil if it is not stopped
}

// RoundTrip sends a request to the API.
func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.mu.Lock()
	resumed, cut := n.resumed, n.cut
	n.mu.Unlock()
	if resumed != nil {
		<-resumed
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if cut {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	w := httptest.NewRecorder()
	n.api.ServeHTTP(w, r)
	res := w.Result()
	res.Request, res.Body = r, io.NopCloser(bytes.NewReader(w.Body.Bytes()))
	return res, nil
}

func (n *network) setCut(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
}

// stop stops the process, until it is resumed.
func (n *network) stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.resumed == nil {
		n.resumed = make(chan struct{})
	}
}

func (n *network) resume() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.resumed != nil {
		close(n.resumed)
		n.resumed = nil
	}
}
