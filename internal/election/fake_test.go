package election

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/seed-d64a251c/roster/internal/election/electiontest"
)

func newAPI() *electiontest.API { return &electiontest.API{} }

func newFake(t *testing.T) (*electiontest.API, *rest.Config) {
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
	api *electiontest.API

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
