package run_test

import (
	"context"
	"runtime"
	"testing"
	"weak"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// collectingDirectory collects garbage before each creation of a user, and then looks whether the
// declarations are still in memory.
type collectingDirectory struct {
	*reconciletest.Directory
	declarations weak.Pointer[schema.Declarations]
	freed, kept  int // creations after which they were freed or in memory
}

func (d *collectingDirectory) CreateUser(ctx context.Context,
	a reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	runtime.GC()
	if d.declarations.Value() == nil {
		d.freed++
	} else {
		d.kept++
	}
	return d.Directory.CreateUser(ctx, a)
}

func TestTheDeclarationsAreFreedBeforeTheFirstWrite(t *testing.T) {
	for _, tt := range []struct {
		name    string
		discard bool
	}{
		{"the process needs them for other runs", false},
		{"no other run of the process needs them", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true, rate: {perSecond: 0, concurrency: 1}", people(3)+group("sre", "SRE", 1, 2))
			loaded := *w.Commits[0] // no cache has this copy
			request := &run.Request{Provisioner: "aws", Declarations: &loaded, Commit: w.Ref(), Trigger: "test",
				Apply: true}
			d := &collectingDirectory{Directory: &reconciletest.Directory{}, declarations: weak.Make(&loaded)}
			w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
				return d, nil
			}
			discarded := 0
			if tt.discard {
				request.Discard = func() { request.Declarations = nil; discarded++ }
			}
			result, err := w.Runner.Once(t.Context(), *request)
			if err != nil {
				t.Fatal(err)
			}
			if d.freed+d.kept != 3 || tt.discard != (d.freed == 3) || tt.discard != (discarded == 1) {
				t.Errorf("the declarations were freed in %d and in memory in %d of 3 writes, discarded %d times",
					d.freed, d.kept, discarded)
			}
			if r := result.Report; r == nil || r.Outcome != reconcile.RunApplied || r.Counts.Done != 6 {
				t.Errorf("the report is %+v", r)
			}
			if tt.discard != (result.Plan == nil) || tt.discard != (result.Kept == nil) {
				t.Errorf("the result has the plan %v and keeps %v", result.Plan != nil, result.Kept != nil)
			}
			runtime.KeepAlive(request)
		})
	}
}
