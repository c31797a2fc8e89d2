package awssim_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestHangUpWithoutANetwork: a recorder cannot be hung up on, so the handler ends in net/http's own
// way.
func TestHangUpWithoutANetwork(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	s.inject(awssim.Fault{Name: awssim.FaultResetBefore})
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.Path()+"/Users", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.ServeHTTP(discard{}, req)
}

type discard struct{}

func (discard) Header() http.Header { return http.Header{} }

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func (discard) WriteHeader(int) {}

func TestSlowCallsEndWhenTheCallerDisconnects(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	s.inject(awssim.Fault{Name: awssim.FaultSlow, Delay: time.Hour})
	s.http.Client().Timeout = 20 * time.Millisecond
	if _, err := s.do(s.request("POST", "/Users", userJSON("alice"))); err == nil {
		t.Error("the call got a response")
	}
	s.http.Client().CloseIdleConnections()
	if n := len(s.State().Users); n != 0 {
		t.Errorf("%d users were created after the caller had disconnected", n)
	}
}
