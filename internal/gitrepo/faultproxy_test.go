package gitrepo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// A faultProxy forwards requests to git http-backend, and lets a test change the answers.
type faultProxy struct {
	backend http.Handler
	mu      sync.Mutex
	tamper  tamperFunc // nil: answers are sent unchanged
}

// A tamperFunc returns how many bytes of an answer to send, and whether the connection breaks
// afterwards.
type tamperFunc = func(r *http.Request, answer []byte) (send int, breaks bool)

func (c *faultProxy) set(f tamperFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tamper = f
}

func (c *faultProxy) get() tamperFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tamper
}

func (c *faultProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	c.backend.ServeHTTP(rec, r)
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	answer := rec.Body.Bytes()
	tamper := c.get()
	if tamper == nil {
		w.WriteHeader(rec.Code)
		w.Write(answer)
		return
	}
	n, breaks := tamper(r, answer)
	if n > 0 || !breaks {
		w.WriteHeader(rec.Code)
		w.Write(answer[:n])
	}
	if breaks {
		panic(http.ErrAbortHandler)
	}
}

// newFaultProxy starts a server with a faultProxy.
func newFaultProxy(t *testing.T) (*faultProxy, *httptest.Server) {
	c := &faultProxy{backend: gitHTTPBackend(t)}
	server := httptest.NewUnstartedServer(c)
	server.Config.ErrorLog = nil
	server.Start()
	t.Cleanup(server.Close)
	return c, server
}

// onPush limits a tamper function to the answers to pushes.
func onPush(tamper tamperFunc) tamperFunc {
	return func(r *http.Request, answer []byte) (int, bool) {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			return tamper(r, answer)
		}
		return len(answer), false
	}
}

// dropPushes breaks the connection instead of forwarding a push.
func dropPushes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, r)
	})
}
