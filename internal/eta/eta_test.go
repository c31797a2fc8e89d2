package eta

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestRemaining(t *testing.T) {
	for _, row := range []struct {
		name       string
		done, left int
		elapsed    time.Duration
		want       string
	}{
		{"no progress yet", 0, 100, time.Minute, ""},
		{"too early for an estimate", 10, 90, 2 * time.Second, ""},
		{"half of the work", 50, 50, 30 * time.Second, "about 30s left"},
		{"a quarter of the work", 25, 75, 30 * time.Second, "about 1m30s left"},
		{"rounded to seconds below ten minutes", 10, 90, 61 * time.Second, "about 9m9s left"},
		{"rounded to minutes above ten minutes", 10, 990, 61 * time.Second, "about 1h41m left"},
		{"whole minutes have no seconds", 50, 50, 2 * time.Minute, "about 2m left"},
		{"no estimate below a second", 999, 1, 10 * time.Second, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if have := text(remaining(row.done, row.left, row.elapsed)); have != row.want {
				t.Errorf("got %q, want %q", have, row.want)
			}
		})
	}
}

// segment is a sequence of calls at a constant rate.
type segment struct {
	phase string
	calls int
	each  time.Duration
}

const ms = time.Millisecond

// TestRemainingIsAccurate compares each estimate with the time that the calls then take. After a
// change of the rate, estimates may be wrong for one window.
func TestRemainingIsAccurate(t *testing.T) {
	for _, tt := range []struct {
		name         string
		segments     []segment
		minEstimates int
	}{
		{"constant rate", []segment{{"apply", 600, 50 * ms}}, 500},
		{"slow phase, then a fast one", []segment{{"read", 100, time.Second}, {"apply", 600, 50 * ms}}, 500},
		{"fast phase, then a slow one", []segment{{"read", 1000, ms}, {"apply", 600, time.Second}}, 500},
		{"one hour", []segment{{"apply", 72000, 50 * ms}}, 70000},
		{"rate limit that decreases", []segment{{"apply", 2000, 50 * ms}, {"apply", 2000, 200 * ms}}, 1800},
		{"rate limit that increases", []segment{{"apply", 2000, 200 * ms}, {"apply", 2000, 50 * ms}}, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
			e := &Estimator{Now: func() time.Time { return now }}
			estimates := 0
			for i, s := range tt.segments {
				total, before := s.calls, 0 // of the phase
				for j, other := range tt.segments {
					if j != i && other.phase == s.phase {
						total += other.calls
						if j < i {
							before += other.calls
						}
					}
				}
				start := now
				for n := range s.calls + 1 {
					if n > 0 {
						now = now.Add(s.each)
					}
					text := e.Remaining(s.phase, before+n, total)
					stable := before == 0 || now.Sub(start) > window+time.Second
					if text == "" || !stable || before+s.calls < total {
						continue
					}
					estimates++
					left := time.Duration(total-before-n) * s.each
					have := parseRemaining(t, text)
					if math.Abs(have.Seconds()-left.Seconds()) > 1+left.Seconds()/20 {
						t.Fatalf("%s: got %q after %d of %d, want about %v", s.phase, text, before+n, total, left)
					}
				}
			}
			if estimates < tt.minEstimates {
				t.Errorf("got %d estimates, want at least %d", estimates, tt.minEstimates)
			}
		})
	}
}

func TestEstimateStartsAgainForTheNextProvisioner(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	e := &Estimator{Now: func() time.Time { return now }}
	text := ""
	for _, each := range []time.Duration{time.Second, 100 * ms} {
		for done := range 101 {
			text = e.Remaining("apply", done, 200)
			now = now.Add(each)
		}
	}
	if want := "about 10s left"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func parseRemaining(t *testing.T, text string) time.Duration {
	t.Helper()
	var word string
	if _, err := fmt.Sscanf(text, "about %s left", &word); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	d, err := time.ParseDuration(word)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
