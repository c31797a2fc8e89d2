package awssim_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestThrottleAllowsTwentyCallsASecond(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{Throttle: awssim.Throttle{PerSecond: 20}})
	for range 20 {
		s.want(200, s.call("GET", "/Users", ""))
	}
	a := s.want(429, s.call("GET", "/Users", ""))
	if a.header.Get("Retry-After") != "" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	s.AdvanceClock(50 * 1e6)
	s.want(200, s.call("GET", "/Users", ""))
	s.want(429, s.call("GET", "/Users", ""))
	if got := s.Calls().ByStatus[429]; got != 2 {
		t.Errorf("%d calls were counted as throttled, want 2", got)
	}
}

func TestRFCIsNotThrottled(t *testing.T) {
	s := serveExactly(t, awssim.ProfileRFC, awssim.Options{})
	if n := burst(s, 50); n != 50 {
		t.Errorf("%d of 50 calls were allowed", n)
	}
}
