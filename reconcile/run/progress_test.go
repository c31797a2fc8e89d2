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

// TestProgressForetellsTheEnd: the share that is done grows as the time goes by, whatever is written, so that the pace so far tells the rest.
func TestProgressForetellsTheEnd(t *testing.T) {
	type point struct {
		at          time.Time
		done, total int
	}
	for _, tt := range []struct{ name, cue string }{
		{"users with large groups", reconciletest.People(200) + reconciletest.Group("a", "A", 1, 150) + reconciletest.Group("b", "B", 1, 200) + manyGroups(18)},
		{"groups that are larger than the rest", reconciletest.People(100) + reconciletest.Group("a", "A", 1, 100) + manyGroups(90)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true, rate: {perSecond: 0, concurrency: 5}", tt.cue)
			synctest.Test(t, func(t *testing.T) {
				w.T = t
				d := &distant{Directory: &reconciletest.Directory{}, latency: time.Second, places: make(chan struct{}, 5)}
				w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) { return d, nil }
				var points []point
				w.Runner.Progress = func(phase string, done, total int) {
					if phase == "apply" {
						points = append(points, point{time.Now(), done, total})
					}
				}
				w.Apply(reconcile.RunApplied)
				first, last := points[0], points[len(points)-1]
				if first.done != 0 || last.done != last.total || last.total != d.calls {
					t.Errorf("from %d of %d to %d of %d; there were %d calls", first.done, first.total, last.done, last.total, d.calls)
				}
				whole := last.at.Sub(first.at)
				for _, p := range points {
					gone, told := p.at.Sub(first.at).Seconds()/whole.Seconds(), float64(p.done)/float64(p.total)
					if math.Abs(gone-told) > 0.05 {
						t.Fatalf("%.0f %% of the time had gone when progress said %d of %d", 100*gone, p.done, p.total)
					}
				}
			})
		})
	}
}

// broken refuses to create a certain user.
type broken struct{ *distant }

func (b broken) CreateUser(ctx context.Context, a reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	if key, _ := a.Get("externalId"); key == "u1" {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, errors.New("out of order")
	}
	return b.distant.CreateUser(ctx, a)
}

func TestProgressEndsWhateverFails(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", reconciletest.People(5)+reconciletest.Group("g", "Group", 1, 1)+reconciletest.Group("h", "Half", 2, 3))
	d := broken{&distant{Directory: &reconciletest.Directory{}, places: make(chan struct{}, 5)}}
	w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) { return d, nil }
	done, total := 0, 1
	w.Runner.Progress = func(phase string, d, t int) { done, total = d, t }
	w.Apply(reconcile.RunPartial)
	if done != total {
		t.Errorf("progress ended at %d of %d", done, total)
	}
	w.Audit.FailAfterEntries = 2
	w.Commit("enabled: true", reconciletest.People(9)+reconciletest.Group("g", "Group", 1, 1)+reconciletest.Group("h", "Half", 2, 3))
	if _, err := w.Run(true); err == nil {
		t.Fatal("a journal that takes nothing more did not stop the run")
	}
	if done != total {
		t.Errorf("progress ended at %d of %d when the run was stopped", done, total)
	}
}
