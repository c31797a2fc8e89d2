package awssim_test

import (
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestLatencyHasItsDistribution(t *testing.T) {
	s := serveExactly(t, awssim.ProfileAWS, awssim.Options{Seed: 3, Latency: awssim.Latency{
		Fixed: time.Second, Median: 200 * time.Millisecond, P99: 600 * time.Millisecond,
	}})
	waits := s.durations(1000)
	slices.Sort(waits)
	within := func(what string, got, low, high time.Duration) {
		if got < time.Second+low || got > time.Second+high {
			t.Errorf("%s is %v", what, got)
		}
	}
	within("the minimum", waits[0], time.Millisecond, 100*time.Millisecond)
	within("the median", waits[500], 180*time.Millisecond, 220*time.Millisecond)
	within("the 99th percentile", waits[990], 500*time.Millisecond, 700*time.Millisecond)
	within("the maximum", waits[999], 600*time.Millisecond, 2400*time.Millisecond)
}

// durations returns how long n consecutive calls take, in a synctest bubble where only waiting
// takes time. waiting.
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
