package run_test

import (
	"context"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/schema"
)

// unlisting is a directory whose listing does not have one user.
type unlisting struct {
	reconcile.Directory
	userName string
}

func (d unlisting) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return func(yield func(reconcile.RemoteUser, error) bool) {
		for u, err := range d.Directory.Users(ctx) {
			if u.UserName() != d.userName && !yield(u, err) {
				return
			}
		}
	}
}

// The listing does not have a user who has left, and a lookup finds the user. The run is not in
// sync, and asks for another run soon, which deactivates the user.
func TestALeaverWhomOnlyALookupFindsIsDeactivatedSoon(t *testing.T) {
	w := newEnv(t)
	w.Runner.Cache = &reconciletest.Cache{}
	w.Commit("enabled: true", people(3))
	w.Apply(reconcile.RunApplied)
	open := w.Runner.Open
	w.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		d, err := open(ctx, p, readOnly)
		return unlisting{d, "name3@example.com"}, err
	}
	w.Commit("enabled: true", people(2))
	result, err := w.Run(true)
	if err != nil {
		t.Fatal(err)
	}
	if wait := time.Until(result.LookAgain); result.Report.Outcome != reconcile.RunWaiting || !w.active("name3") ||
		!strings.Contains(strings.Join(result.Report.Warnings, "\n"), "a lookup found") {
		t.Errorf("the run ended %s, with warnings %q, and another one in %s", result.Report.Outcome,
			result.Report.Warnings, wait)
	}
	if at := result.LookAgain.Sub(result.Report.Finished); at < 0 || at > time.Minute {
		t.Errorf("the next run is %s after this one, want a minute", at)
	}
	result, err = w.Run(true)
	if err != nil || w.active("name3") || !result.LookAgain.IsZero() {
		t.Errorf("after the next run, name3 is active: %v; it ended with %v, and another run is at %s",
			w.active("name3"), err, result.LookAgain)
	}
}
