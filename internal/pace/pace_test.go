package pace

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestTimeLeft(t *testing.T) {
	for _, row := range []struct {
		name       string
		done, left int
		elapsed    time.Duration
		want       string
	}{
		{"nothing is known yet", 0, 100, time.Minute, ""},
		{"too soon to tell", 10, 90, 2 * time.Second, ""},
		{"half way", 50, 50, 30 * time.Second, "about 30s left"},
		{"a quarter", 25, 75, 30 * time.Second, "about 1m30s left"},
		{"to the second below ten minutes", 10, 90, 61 * time.Second, "about 9m9s left"},
		{"to the minute above", 10, 990, 61 * time.Second, "about 1h41m left"},
		{"whole minutes have no seconds", 50, 50, 2 * time.Minute, "about 2m left"},
		{"no less than a second", 999, 1, 10 * time.Second, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if have := timeLeft(row.done, row.left, row.elapsed); have != row.want {
				t.Errorf("got %q, want %q", have, row.want)
			}
		})
	}
}

// stretch is so many calls, so long after one another.
type stretch struct {
	phase string
	calls int
	each  time.Duration
}

// TestTimeLeftIsHonest compares what is said with what then comes. When the pace changes, what was said until then is allowed to be wrong,
// and what is said a window later is not.
func TestTimeLeftIsHonest(t *testing.T) {
	for _, tt := range []struct {
		name string
		way  []stretch
		said int // estimates at least
	}{
		{"at an even pace", []stretch{{"apply", 600, 50 * time.Millisecond}}, 500},
		{"a slow phase before a quick one", []stretch{{"read memberships", 100, time.Second}, {"apply", 600, 50 * time.Millisecond}}, 500},
		{"a quick phase before a slow one", []stretch{{"read memberships", 1000, time.Millisecond}, {"apply", 600, time.Second}}, 500},
		{"an hour", []stretch{{"apply", 72000, 50 * time.Millisecond}}, 70000},
		{"a throttle that tightens", []stretch{{"apply", 2000, 50 * time.Millisecond}, {"apply", 2000, 200 * time.Millisecond}}, 1800},
		{"a throttle that loosens", []stretch{{"apply", 2000, 200 * time.Millisecond}, {"apply", 2000, 50 * time.Millisecond}}, 1000},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
			p := &Pace{Now: func() time.Time { return now }}
			said := 0
			for i, s := range tt.way {
				total, before := s.calls, 0 // of the phase
				for j, other := range tt.way {
					if j != i && other.phase == s.phase {
						total += other.calls
						if j < i {
							before += other.calls
						}
					}
				}
				begun := now
				for n := range s.calls + 1 {
					if n > 0 {
						now = now.Add(s.each)
					}
					text := p.Left(s.phase, before+n, total)
					settled := before == 0 || now.Sub(begun) > window+time.Second
					if text == "" || !settled || before+s.calls < total {
						continue
					}
					said++
					left := time.Duration(total-before-n) * s.each
					if have := parseLeft(t, text); math.Abs(have.Seconds()-left.Seconds()) > 1+left.Seconds()/20 {
						t.Fatalf("%s: %q after %d of %d, and then it takes %v", s.phase, text, before+n, total, left)
					}
				}
			}
			if said < tt.said {
				t.Errorf("%d estimates, want at least %d", said, tt.said)
			}
		})
	}
}

func TestTimeLeftBeginsAnewWithTheNextProvisioner(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	p := &Pace{Now: func() time.Time { return now }}
	text := ""
	for _, each := range []time.Duration{time.Second, 100 * time.Millisecond} {
		for done := range 101 {
			text = p.Left("apply", done, 200)
			now = now.Add(each)
		}
	}
	if want := "about 10s left"; text != want {
		t.Errorf("got %q, want %q", text, want)
	}
}

func parseLeft(t *testing.T, text string) time.Duration {
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
