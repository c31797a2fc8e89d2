package gitrepo

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
)

func TestHTTPGoesThroughTheProxy(t *testing.T) {
	dir := newServer(t)
	server := httptest.NewServer(gitHTTPBackend(t))
	defer server.Close()
	var used atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used.Add(1)
		gitHTTPBackend(t).ServeHTTP(w, r)
	}))
	defer proxy.Close()
	viaProxy := func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	fetched(t, server.URL+dir, Auth{Proxy: viaProxy})
	if used.Load() == 0 {
		t.Error("the proxy was not used")
	}
}

// The client follows a redirect to another host, but does not send the credentials there.
func TestCredentialsDoNotFollowARedirect(t *testing.T) {
	dir := newServer(t)
	var received atomic.Value
	open := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received.Store(r.Header.Get("Authorization"))
		gitHTTPBackend(t).ServeHTTP(w, r)
	}))
	defer open.Close()
	moved := httptest.NewServer(requireToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, open.URL+r.URL.RequestURI(), http.StatusMovedPermanently)
	})))
	defer moved.Close()
	r := newMirror(t, moved.URL+dir, Auth{Token: token(testToken)})
	if err := r.Fetch(t.Context()); err != nil {
		t.Fatalf("the redirect is not followed: %v", err)
	}
	if got := received.Load(); got != "" {
		t.Errorf("the other server got %q", got)
	}
}
