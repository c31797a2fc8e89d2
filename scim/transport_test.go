package scim_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

// TestConnectionsAreKept checks that a client without an HTTP client of its own opens no more
// connections than it has concurrent calls.
func TestConnectionsAreKept(t *testing.T) {
	const atOnce, rounds = 8, 20
	for _, tt := range []struct {
		name string
		http *http.Client
	}{
		{"nothing is set", nil},
		{"an HTTP client without a transport", &http.Client{}},
		{"read only", &http.Client{Transport: scim.ReadOnly(nil)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var opened atomic.Int64
			var round sync.WaitGroup // a call is answered when all of its round have come
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				round.Done()
				round.Wait()
				_, _ = w.Write([]byte(`{"id":"u1"}`))
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			server.Start()
			defer server.Close()
			c := &scim.Client{Endpoint: server.URL + "/t/scim/v2", Token: scim.StaticToken(secret), HTTP: tt.http}
			for range rounds {
				round.Add(atOnce)
				var calls sync.WaitGroup
				for range atOnce {
					calls.Go(func() {
						if _, err := c.GetUser(t.Context(), "u1"); err != nil {
							t.Error(err)
						}
					})
				}
				calls.Wait()
			}
			if n := opened.Load(); n > 2*atOnce { // one may be opened in vain while another becomes free
				t.Errorf("%d calls, %d at once, opened %d connections", rounds*atOnce, atOnce, n)
			}
		})
	}
}
