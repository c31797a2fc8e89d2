package run_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/schema"
)

// TestProgressReportsTheTotal checks that the share of done requests grows evenly with time, so
// that the remaining time can be estimated from it.
func TestProgressReportsTheTotal(t *testing.T) {
	type point struct {
		at          time.Time
		done, total int
	}
	for _, tt := range []struct{ name, cue string }{
		{"users with large groups", people(200) + group("a", "A", 1, 150) + group("b", "B", 1, 200) + manyGroups(18)},
		{"groups that are larger than the rest", people(100) + group("a", "A", 1, 100) + manyGroups(90)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true, rate: {perSecond: 0, concurrency: 5}", tt.cue)
			synctest.Test(t, func(t *testing.T) {
				w.T = t
				d := &slowDirectory{Directory: &reconciletest.Directory{}, latency: time.Second,
					places: make(chan struct{}, 5)}
				w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
					return d, nil
				}
				var points []point
				w.Runner.Progress = func(phase string, done, total int) {
					if phase == "apply" {
						points = append(points, point{time.Now(), done, total})
					}
				}
				w.Apply(reconcile.RunApplied)
				first, last := points[0], points[len(points)-1]
				if first.done != 0 || last.done != last.total || last.total != d.calls {
					t.Errorf("from %d of %d to %d of %d; there were %d calls", first.done, first.total, last.done,
						last.total, d.calls)
				}
				whole := last.at.Sub(first.at)
				for _, p := range points {
					elapsed, reported := p.at.Sub(first.at).Seconds()/whole.Seconds(), float64(p.done)/float64(p.total)
					if math.Abs(elapsed-reported) > 0.05 {
						t.Fatalf("%.0f %% of the time had passed at progress %d of %d", 100*elapsed, p.done, p.total)
					}
				}
			})
		})
	}
}

// broken fails to create one user.
type broken struct{ *slowDirectory }

func (b broken) CreateUser(ctx context.Context,
	a reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	if key, _ := a.Get("externalId"); key == "u1" {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, errors.New("out of order")
	}
	return b.slowDirectory.CreateUser(ctx, a)
}

func TestProgressEndsAfterFailures(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(5)+group("g", "Group", 1, 1)+group("h", "Half", 2, 3))
	d := broken{&slowDirectory{Directory: &reconciletest.Directory{}, places: make(chan struct{}, 5)}}
	w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) { return d, nil }
	done, total := 0, 1
	w.Runner.Progress = func(phase string, d, t int) { done, total = d, t }
	w.Apply(reconcile.RunPartial)
	if done != total {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	w.Audit.FailAfterEntries = 2
	w.Commit("enabled: true", people(9)+group("g", "Group", 1, 1)+group("h", "Half", 2, 3))
	if _, err := w.Run(true); err == nil {
		t.Fatal("a journal that takes nothing more did not stop the run")
	}
	if done != total {
		t.Errorf("progress ended at %d of %d when the run was stopped", done, total)
	}
}
