package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim"
)

func TestNilMetricsCountNothing(t *testing.T) {
	var m *Metrics
	m.Call("aws", scim.Call{})
	m.Run("aws", nil)
	m.Poll(nil)
}

func TestOnlyASuccessfulRunIsTheLastSuccess(t *testing.T) {
	for outcome, want := range map[reconcile.Outcome]int{
		reconcile.RunInSync: 1, reconcile.RunApplied: 1, reconcile.RunWaiting: 1, reconcile.RunHeld: 0,
		reconcile.RunPartial: 0, reconcile.RunFailed: 0, reconcile.RunInterrupted: 0,
		reconcile.RunNeedsAuthorization: 0,
	} {
		m := New("1", "go")
		m.Run("aws", &reconcile.Report{Outcome: outcome})
		if n := testutil.CollectAndCount(m.lastSuccess); n != want {
			t.Errorf("after a run that is %s, there are %d times of a success; want %d", outcome, n, want)
		}
	}
}

func TestCallsAreCountedByTheirLastStatus(t *testing.T) {
	m := New("1", "go")
	m.Call("aws", scim.Call{Op: "get user", Status: 200, Attempts: 4, Throttled: 3})
	m.Call("aws", scim.Call{Op: "get user", Attempts: 1})
	if n := testutil.ToFloat64(m.calls.WithLabelValues("aws", "get user", "200")); n != 1 {
		t.Errorf("%v calls with status 200", n)
	}
	if n := testutil.ToFloat64(m.calls.WithLabelValues("aws", "get user", "none")); n != 1 {
		t.Errorf("%v calls without a response", n)
	}
	retries, throttled := testutil.ToFloat64(m.retries), testutil.ToFloat64(m.throttled)
	if retries != 3 || throttled != 3 {
		t.Errorf("%v retries and %v throttled responses; want 3 and 3", retries, throttled)
	}
}
