package run_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestRunsConvergeAfterEveryFault injects each fault into a first sync and then into a change, at
// several calls. However a run ends, later runs must reach the desired state. No user must be
// created twice or lost.
func TestRunsConvergeAfterEveryFault(t *testing.T) {
	for _, fault := range []awssim.FaultName{
		awssim.FaultThrottle, awssim.FaultError500, awssim.FaultError503, awssim.FaultAfter500, awssim.FaultGateway,
		awssim.FaultSlow, awssim.FaultResetBefore, awssim.FaultResetAfter, awssim.FaultReplyLost,
		awssim.FaultTruncate, awssim.FaultCursorExpired, awssim.FaultEmptyPage, awssim.FaultShortPage,
		awssim.FaultRepeatPage, awssim.FaultQuota, awssim.FaultStale, awssim.FaultConflict, awssim.FaultDenied,
	} {
		t.Run(string(fault), func(t *testing.T) {
			for _, nth := range []int{1, 3, 7} {
				for _, times := range []int{1, 40} { // once, and for as long as a run tries
					injectFault(t, awssim.Fault{Name: fault, Nth: nth, Times: times, Delay: time.Millisecond})
				}
			}
		})
	}
}

func injectFault(t *testing.T, fault awssim.Fault) {
	t.Helper()
	if fault.Times > 1 { // from the n-th call on
		fault.Nth, fault.Rate = 0, 1
	}
	w := newEnv(t)
	p := "enabled: true\ngroups: [\"g\", \"h\"]"
	w.Commit(p, people(12)+group("g", "Group", 1, 10)+group("h", "Half", 6, 12))
	w.runUntilInSync(fault)
	w.checkCounts(12, 10, 7, nil)
	before := ids(w.Sim.State())
	renamed := strings.Replace(people(13), "name3@", "renamed3@", 1)
	w.Commit(p, renamed+group("g", "Renamed", 1, 9)+group("h", "Half", 6, 13))
	w.runUntilInSync(fault)
	w.checkCounts(13, 9, 8, before)
}

// runUntilInSync runs until the directory is in sync: first with the fault, then without it.
func (w *env) runUntilInSync(fault awssim.Fault) {
	w.T.Helper()
	if err := w.Sim.Inject(fault); err != nil {
		w.T.Fatal(err)
	}
	if result, err := w.Run(true); err != nil && result != nil && result.Report == nil &&
		!errors.Is(err, reconcile.ErrUnauthorized) {
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

// checkCounts checks the state of the simulator: the numbers of users and members, and that earlier
// ids are unchanged.
func (w *env) checkCounts(users, first, second int, before map[string]string) {
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

// ids returns the AWS ids by externalId.
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

// TestARevokedTokenStopsTheRunAtOnce checks that nothing more is sent, that the report has the
// reason, and that a run with a new token completes the changes.
func TestARevokedTokenStopsTheRunAtOnce(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true\ngroups: [\"g\", \"h\"]", people(12)+group("g", "Group", 1, 10)+group("h", "Half", 6, 12))
	if err := w.Sim.Inject(awssim.Fault{Name: awssim.FaultRevoke, Operation: "CreateUser", Nth: 4}); err != nil {
		t.Fatal(err)
	}
	result, err := w.Run(true)
	if !errors.Is(err, reconcile.ErrUnauthorized) {
		t.Fatalf("the run ended with %v, want ErrUnauthorized", err)
	}
	if r := result.Report; r == nil || r.Outcome != reconcile.RunFailed || r.Counts.Done != len(w.Sim.State().Users) {
		t.Errorf("the report is %+v; the directory has %d users", r, len(w.Sim.State().Users))
	}
	if n := w.Sim.Calls().ByOperation["CreateGroup"]; n != 0 {
		t.Errorf("%d groups were still sent", n)
	}
	w.Sim.ClearFaults()
	if _, err := w.Sim.CreateToken(awssim.Token{}); err != nil {
		t.Fatal(err)
	}
	w.Apply(reconcile.RunApplied)
	w.checkCounts(12, 10, 7, nil)
	w.Apply(reconcile.RunInSync)
}
