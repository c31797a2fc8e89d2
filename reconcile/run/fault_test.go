package run_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestEveryFaultEndsConvergedOrReported strikes a first sync and then a change with each fault, at several calls. However a run ends, the
// ones after it must reach the desired state, with nobody made twice and nobody gone.
func TestEveryFaultEndsConvergedOrReported(t *testing.T) {
	for _, fault := range []awssim.FaultName{awssim.FaultThrottle, awssim.FaultError500, awssim.FaultError503, awssim.FaultAfter500, awssim.FaultGateway,
		awssim.FaultSlow, awssim.FaultResetBefore, awssim.FaultResetAfter, awssim.FaultReplyLost, awssim.FaultTruncate, awssim.FaultCursorExpired,
		awssim.FaultEmptyPage, awssim.FaultShortPage, awssim.FaultRepeatPage, awssim.FaultQuota, awssim.FaultStale, awssim.FaultConflict} {
		t.Run(string(fault), func(t *testing.T) {
			for _, nth := range []int{1, 3, 7} {
				for _, times := range []int{1, 40} { // once, and for as long as a run tries
					strike(t, awssim.Fault{Name: fault, Nth: nth, Times: times, Delay: time.Millisecond})
				}
			}
		})
	}
}

func strike(t *testing.T, fault awssim.Fault) {
	t.Helper()
	if fault.Times > 1 { // from the n-th call on
		fault.Nth, fault.Rate = 0, 1
	}
	w := newEnv(t)
	p := "enabled: true\ngroups: [\"g\", \"h\"]"
	w.Commit(p, reconciletest.People(12)+reconciletest.Group("g", "Group", 1, 10)+reconciletest.Group("h", "Half", 6, 12))
	w.through(fault)
	w.holds(12, 10, 7, nil)
	before := ids(w.Sim.State())
	w.Commit(p, strings.Replace(reconciletest.People(13), "name3@", "renamed3@", 1)+reconciletest.Group("g", "Renamed", 1, 9)+reconciletest.Group("h", "Half", 6, 13))
	w.through(fault)
	w.holds(13, 9, 8, before)
}

// through runs until all is in sync: first with the fault, then without it.
func (w *env) through(fault awssim.Fault) {
	w.T.Helper()
	if err := w.Sim.Inject(fault); err != nil {
		w.T.Fatal(err)
	}
	if result, err := w.Run(true); err != nil && result != nil && result.Report == nil && !errors.Is(err, reconcile.ErrUnauthorized) {
		w.T.Errorf("%+v: the run failed without a report: %v", fault, err)
	}
	w.Sim.ClearFaults()
	for range 3 {
		result, err := w.Run(true)
		if err != nil {
			w.T.Fatalf("%+v: a run after the fault: %v", fault, err)
		}
		if result.Report.Outcome == reconcile.RunInSync {
			return
		}
	}
	last := w.Audit.Reports[len(w.Audit.Reports)-1]
	var text strings.Builder
	_ = render.ReportText(&text, last, nil)
	w.T.Fatalf("%+v: not in sync after three runs:\n%s", fault, text.String())
}

// holds checks the simulator's own state: so many users and members, and the ids of before unchanged.
func (w *env) holds(users, first, second int, before map[string]string) {
	w.T.Helper()
	st := w.Sim.State()
	if len(st.Users) != users || len(st.Groups) != 2 {
		w.T.Errorf("%d users and %d groups, want %d and 2", len(st.Users), len(st.Groups), users)
	}
	for _, g := range st.Groups {
		want := map[string]int{"g": first, "h": second}[g.ExternalID]
		if len(g.Members) != want {
			w.T.Errorf("group %s has %d members, want %d", g.ExternalID, len(g.Members), want)
		}
	}
	after := ids(st)
	for key, id := range before {
		if after[key] != id {
			w.T.Errorf("%s had id %s and has %q", key, id, after[key])
		}
	}
}

// ids are the AWS ids by externalId.
func ids(st awssim.State) map[string]string {
	out := map[string]string{}
	for _, u := range st.Users {
		out[fmt.Sprintf("user %s", u.ExternalID)] = u.ID
	}
	for _, g := range st.Groups {
		out[fmt.Sprintf("group %s", g.ExternalID)] = g.ID
	}
	return out
}

// TestARevokedTokenStopsTheRunAtOnce: nothing more is sent, the report says so, and a new token finishes the work.
func TestARevokedTokenStopsTheRunAtOnce(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true\ngroups: [\"g\", \"h\"]", reconciletest.People(12)+reconciletest.Group("g", "Group", 1, 10)+reconciletest.Group("h", "Half", 6, 12))
	if err := w.Sim.Inject(awssim.Fault{Name: awssim.FaultRevoke, Operation: "CreateUser", Nth: 4}); err != nil {
		t.Fatal(err)
	}
	result, err := w.Run(true)
	if !errors.Is(err, reconcile.ErrUnauthorized) {
		t.Fatalf("the run ended with %v, want ErrUnauthorized", err)
	}
	if r := result.Report; r == nil || r.Outcome != reconcile.RunFailed || r.Counts.Done != len(w.Sim.State().Users) {
		t.Errorf("the report says %+v; the directory has %d users", r, len(w.Sim.State().Users))
	}
	if n := w.Sim.Calls().ByOperation["CreateGroup"]; n != 0 {
		t.Errorf("%d groups were still sent", n)
	}
	w.Sim.ClearFaults()
	if _, err := w.Sim.CreateToken(awssim.Token{}); err != nil {
		t.Fatal(err)
	}
	w.Apply(reconcile.RunApplied)
	w.holds(12, 10, 7, nil)
	w.Apply(reconcile.RunInSync)
}
