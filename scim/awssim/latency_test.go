package awssim_test

import (
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestLatencyIsDrawnAsSaid(t *testing.T) {
	s := serveExactly(t, awssim.ProfileAWS, awssim.Options{Seed: 3, Latency: awssim.Latency{Fixed: time.Second, Median: 200 * time.Millisecond, P99: 600 * time.Millisecond}})
	waits := s.durations(1000)
	slices.Sort(waits)
	within := func(what string, got, low, high time.Duration) {
		if got < time.Second+low || got > time.Second+high {
			t.Errorf("%s is %v", what, got)
		}
	}
	within("the least", waits[0], time.Millisecond, 100*time.Millisecond)
	within("the median", waits[500], 180*time.Millisecond, 220*time.Millisecond)
	within("the 99th percentile", waits[990], 500*time.Millisecond, 700*time.Millisecond)
	within("the most", waits[999], 600*time.Millisecond, 2400*time.Millisecond)
}

// durations are how long n calls take, one after another, in a bubble where time passes only by
// waiting.
func (s *server) durations(n int) []time.Duration {
	synctest.Test(s.t, func(t *testing.T) {
		for range n {
			req := httptest.NewRequestWithContext(t.Context(), "GET", s.Path()+"/Users/none", nil)
			s.ServeHTTP(httptest.NewRecorder(), req)
		}
	})
	var out []time.Duration
	for _, r := range s.Requests() {
		out = append(out, r.Duration)
	}
	return out
}
