package run_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// inProcess calls a handler without a network, so that calls take the time of a synctest bubble.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	r = r.Clone(r.Context())
	r.RemoteAddr = "192.0.2.1:1234"
	h.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

// quarantineEnv runs do in a bubble with a provisioner that has the default rate. Each call takes
// 100 ms.
func quarantineEnv(t *testing.T, do func(w *env)) { quarantineEnvWith(t, 5, 100*time.Millisecond, do) }

// quarantineEnvWith is quarantineEnv with another number of concurrent calls and another latency.
func quarantineEnvWith(t *testing.T, concurrency int, latency time.Duration, do func(w *env)) {
	w := newEnv(t)
	w.Sim.Options.Latency.Fixed = latency
	synctest.Test(t, func(t *testing.T) {
		w.T = t
		w.Runner.Now = time.Now
		w.Runner.Quarantines = &reconciletest.Quarantines{}
		limiter := &scim.Limiter{PerSecond: 15, Concurrency: concurrency}
		client := &scim.Client{Endpoint: "http://127.0.0.1:1" + w.Sim.Path(), Token: scim.StaticToken(w.Sim.Token()),
			Limiter: limiter, HTTP: &http.Client{Transport: inProcess{w.Sim}}}
		dir := &directory.Directory{Client: client}
		w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
			return dir, nil
		}
		w.Runner.Test = func(ctx context.Context, _ *schema.Provisioner) error { return dir.Test(ctx) }
		do(w)
	})
}

func (w *env) inject(f awssim.Fault) {
	w.T.Helper()
	if err := w.Sim.Inject(f); err != nil {
		w.T.Fatal(err)
	}
}

// always is the number of calls of a fault that begins at the n-th call and does not end.
const always = 1 << 30

// refusedRun makes a run that the directory refuses, and returns its report.
func (w *env) refusedRun(refused reconcile.Refused) *reconcile.Report {
	w.T.Helper()
	result, err := w.Run(true)
	var refusal *reconcile.RefusedError
	if !errors.As(err, &refusal) || refusal.Refused != refused {
		w.T.Fatalf("the run ended with %v; want a refusal of %s", err, refused)
	}
	r := result.Report
	if r.Outcome != reconcile.RunFailed || r.Quarantine == nil || len(r.Errors) != 1 ||
		r.Errors[0] != refusal.Error() {
		w.T.Fatalf("the report is %+v", r)
	}
	return r
}

// AWS refuses every call after 500 of 1,000 writes. Before the first try it accepts calls again.
func TestAnInstanceWideRefusalInTheMiddleOfWritesCostsThreeCalls(t *testing.T) {
	for name, c := range map[string]struct {
		concurrency int
		latency     time.Duration
	}{
		"with the default rate":              {5, 100 * time.Millisecond},
		"with 10 concurrent calls":           {10, 500 * time.Millisecond},
		"with 20 concurrent calls":           {20, 2 * time.Second},
		"with 100 calls that refuse at once": {100, 0},
		"with one call at a time":            {1, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			quarantineEnvWith(t, c.concurrency, c.latency, func(w *env) { w.refuseAfterHalf(c.concurrency) })
		})
	}
}

// refuseAfterHalf makes the run of TestAnInstanceWideRefusalInTheMiddleOfWritesCostsThreeCalls.
func (w *env) refuseAfterHalf(concurrency int) {
	t := w.T
	w.Commit(fmt.Sprintf("enabled: true, pushGroups: false, rate: concurrency: %d", concurrency), people(1000))
	w.inject(awssim.Fault{Name: awssim.FaultDenied, Nth: 502, Times: always})
	r := w.refusedRun(reconcile.RefusedAll)
	if r.Counts.Done != len(w.Sim.State().Users) || r.Counts.Done < 490 ||
		r.Counts.Done+r.Counts.Failed+r.Counts.NotSent != 1000 || r.Counts.Skipped != 0 ||
		len(r.Changes) != r.Counts.Done+r.Counts.Failed || r.Quarantine.NotSent != r.Counts.NotSent {
		t.Errorf("the report counts %+v of %d changes", r.Counts, len(r.Changes))
	}
	text := reportText(r)
	if n := strings.Count(text, "\n"); n > 15 || strings.Count(text, "AWS refuses this address or token") != 1 {
		t.Errorf("the report has %d lines:\n%s", n, text)
	}
	page := render.ReportMarkdown(r)
	if strings.Count(page, "\n- ") > 8 || !strings.Contains(page, "changes not sent") {
		t.Errorf("the page of the report is\n%s", page)
	}
	if n := w.Sim.Calls().ByStatus[403]; n > 3 {
		t.Errorf("%d calls were refused", n)
	}
	if pause := time.Until(r.Quarantine.NextTry); pause > time.Minute || pause < 50*time.Second {
		t.Errorf("the first pause is %s", pause)
	}
	w.Sim.ClearFaults()
	time.Sleep(time.Minute)
	result, err := w.Run(true)
	if err != nil || result.Report.Outcome != reconcile.RunApplied || result.Ended == nil ||
		len(w.Sim.State().Users) != 1000 || w.Runner.Quarantines.Load("aws") != nil {
		t.Fatalf("the try ended with %v and %+v; there are %d users", err, result, len(w.Sim.State().Users))
	}
	if last := result.Report.Warnings; !strings.Contains(strings.Join(last, "\n"), "AWS accepts calls again") {
		t.Errorf("the warnings are %q", last)
	}
	w.Apply(reconcile.RunInSync)
	if n := w.Sim.Calls().ByStatus[403]; n > 3 {
		t.Errorf("%d calls were refused", n)
	}
}

// refusedCalls returns the number of refused calls since the last time.
func (w *env) refusedCalls() int {
	n := w.Sim.Calls().ByStatus[403] + w.Sim.Calls().ByStatus[401]
	w.Sim.ResetCalls()
	return n
}

func TestEachFailedTryMakesOneCallAndDoublesThePause(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(20))
		w.inject(awssim.Fault{Name: awssim.FaultDenied})
		q := w.refusedRun(reconcile.RefusedReads).Quarantine
		if n := w.refusedCalls(); n > 2 {
			t.Errorf("the first run made %d refused calls", n)
		}
		since := q.Since
		for _, minutes := range []int{2, 4, 8, 16, 32, 60, 60} {
			time.Sleep(time.Until(q.NextTry))
			q = w.refusedRun(reconcile.RefusedAll).Quarantine
			if n := w.refusedCalls(); n != 1 {
				t.Errorf("a try made %d refused calls", n)
			}
			if pause := time.Until(q.NextTry); pause != time.Duration(minutes)*time.Minute || !q.Since.Equal(since) {
				t.Errorf("the pause is %s of a quarantine since %s; want %d min and %s", pause, q.Since, minutes, since)
			}
		}
		if q.Tries != 7 {
			t.Errorf("%d tries are counted", q.Tries)
		}
		w.Sim.ClearFaults()
		w.Apply(reconcile.RunApplied)
	})
}

// The token may read, but every operation that writes is refused.
func TestWritesThatAreRefusedForThreeObjectsStopTheRun(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(100))
		w.inject(awssim.Fault{Name: awssim.FaultDenied, Operation: "CreateUser", Nth: 10, Times: always})
		r := w.refusedRun(reconcile.RefusedWrites)
		if n := w.refusedCalls(); n > 3 || r.Counts.Done != 9 {
			t.Errorf("%d calls were refused; the report counts %+v", n, r.Counts)
		}
		time.Sleep(time.Minute)
		r = w.refusedRun(reconcile.RefusedWrites)
		if n := w.refusedCalls(); n != 1 || r.Quarantine.Tries != 1 || r.Counts.NotSent != 90 {
			t.Errorf("%d calls were refused in the try; the report counts %+v", n, r.Counts)
		}
		w.Sim.ClearFaults()
		time.Sleep(2 * time.Minute)
		began := time.Now()
		w.Apply(reconcile.RunApplied)
		if took := time.Since(began); took > 10*time.Second { // 91 writes at 15 a second
			t.Errorf("after the first success, writes are still sent one at a time: the run took %s", took)
		}
	})
}

func TestARefusalOfOneObjectIsAFailureOfThatChangeOnly(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(100))
		for _, nth := range []int{10, 11, 50, 90} {
			w.inject(awssim.Fault{Name: awssim.FaultDenied, Operation: "CreateUser", Nth: nth})
		}
		r := w.Apply(reconcile.RunPartial)
		if r.Counts.Failed != 4 || r.Counts.Done != 96 || r.Quarantine != nil ||
			w.Runner.Quarantines.Load("aws") != nil {
			t.Errorf("the report counts %+v, with quarantine %v", r.Counts, r.Quarantine)
		}
		w.Apply(reconcile.RunApplied)
	})
}

func TestARevokedTokenLeadsToQuarantineUntilItsReferenceHasANewToken(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		secret := w.Sim.Token()
		w.Commit("enabled: true, pushGroups: false", people(100))
		w.inject(awssim.Fault{Name: awssim.FaultRevoke, Operation: "CreateUser", Nth: 10})
		w.refusedRun(reconcile.RefusedAll)
		if n := w.refusedCalls(); n > 3 {
			t.Errorf("%d calls were refused", n)
		}
		time.Sleep(time.Minute)
		w.refusedRun(reconcile.RefusedAll)
		if n := w.refusedCalls(); n != 1 {
			t.Errorf("the try made %d refused calls", n)
		}
		w.Sim.ClearFaults()
		if _, err := w.Sim.CreateToken(awssim.Token{Secret: secret}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		w.Apply(reconcile.RunApplied)
	})
}

func TestOtherCredentialsEndAQuarantine(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(3))
		w.Apply(reconcile.RunApplied)
		w.inject(awssim.Fault{Name: awssim.FaultDenied})
		q := w.refusedRun(reconcile.RefusedReads).Quarantine
		w.Sim.ClearFaults()
		p := w.Commits[0].Provisioners["aws"]
		if !q.Waits(p, time.Now()) || q.Waits(p, q.NextTry) {
			t.Errorf("the quarantine until %s does not count for its provisioner", q.NextTry)
		}
		base := strings.Replace(reconciletest.BaseCUE, "ROSTER_SECRET_AWS", "ROSTER_SECRET_NEW", 1)
		w.Declare(base, people(3), "enabled: true, pushGroups: false")
		if q.Waits(w.Commits[1].Provisioners["aws"], time.Now()) {
			t.Error("the quarantine counts for other credentials")
		}
		w.Apply(reconcile.RunInSync)
		if w.Runner.Quarantines.Load("aws") != nil {
			t.Error("the quarantine of the old credentials is still there")
		}
	})
}

func TestATryThatFailsForAnotherReasonContinuesTheQuarantine(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(3))
		w.inject(awssim.Fault{Name: awssim.FaultDenied})
		before := w.refusedRun(reconcile.RefusedReads).Quarantine
		w.Sim.ClearFaults()
		w.inject(awssim.Fault{Name: awssim.FaultError500, Times: 50})
		time.Sleep(time.Minute)
		result, err := w.Run(true)
		q := result.Report.Quarantine
		if err == nil || reconcile.RefusalOf(err) != nil || q == nil || q.Reason != before.Reason || q.Tries != 1 {
			t.Errorf("the try ended with %v; the quarantine is %+v", err, q)
		}
	})
}

func TestAPlanNeitherBeginsNorEndsAQuarantine(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(3))
		w.inject(awssim.Fault{Name: awssim.FaultDenied})
		if _, err := w.Run(false); reconcile.RefusalOf(err) == nil || w.Runner.Quarantines.Load("aws") != nil {
			t.Errorf("the plan ended with %v and quarantine %v", err, w.Runner.Quarantines.Load("aws"))
		}
		q := w.refusedRun(reconcile.RefusedReads).Quarantine
		w.Sim.ClearFaults()
		w.Sim.ResetCalls()
		if _, err := w.Run(false); err != nil || w.Runner.Quarantines.Load("aws") != q {
			t.Errorf("the plan ended with %v and quarantine %v", err, w.Runner.Quarantines.Load("aws"))
		}
		if n := w.Sim.Calls().ByOperation["ServiceProviderConfig"]; n != 0 {
			t.Errorf("the plan made the call of a try %d times", n)
		}
	})
}

func TestMissingAuthorizationIsNoQuarantine(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(3))
		w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
			return nil, run.ErrNeedsAuthorization
		}
		result, err := w.Run(true)
		if !errors.Is(err, run.ErrNeedsAuthorization) || result.Report.Outcome != reconcile.RunNeedsAuthorization ||
			result.Report.Quarantine != nil || w.Runner.Quarantines.Load("aws") != nil {
			t.Errorf("the run ended with %v and quarantine %v", err, result.Report.Quarantine)
		}
	})
}

func TestNoPreviewReadsAQuarantinedDirectory(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(3))
		w.Apply(reconcile.RunApplied)
		p := w.Commits[0].Provisioners["aws"]
		if _, err := w.Runner.Snapshot(w.T.Context(), p); err != nil {
			t.Fatal(err)
		}
		w.inject(awssim.Fault{Name: awssim.FaultDenied})
		w.refusedRun(reconcile.RefusedReads)
		w.Sim.ResetCalls()
		_, err := w.Runner.Snapshot(w.T.Context(), p)
		if err == nil || !strings.Contains(err.Error(), "in quarantine since") || w.Sim.Calls().Total != 0 {
			t.Errorf("after %d calls, the snapshot ended with %v", w.Sim.Calls().Total, err)
		}
	})
}

func TestTimeInQuarantineDoesNotEndAnApproval(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(20))
		w.Apply(reconcile.RunApplied)
		w.Commit("enabled: true, pushGroups: false", people(2)+user("new", "new"))
		held := w.applyOnce()
		if held.Counts.Held == 0 {
			t.Fatalf("nothing is held: %v", summary(held))
		}
		w.Commit("enabled: true, pushGroups: false", people(2)+user("new", "new")+user("later", "later")+
			strings.Replace(approve(held.HeldDigest), `"2026-12-31"`, `"2030-12-31"`, 1))
		w.inject(awssim.Fault{Name: awssim.FaultDenied, Operation: "CreateUser"})
		w.inject(awssim.Fault{Name: awssim.FaultDenied, Operation: "PatchUser"})
		w.refusedRun(reconcile.RefusedWrites)
		seen := w.past("aws").Status.ApprovalFirstSeen
		if len(seen) != 1 || seen[0].IdleSince.IsZero() {
			t.Errorf("the approval is first seen as %+v; want it idle", seen)
		}
	})
}

// A newer commit stops the try before its first write.
func TestATryThatIsStoppedBeforeItsFirstWriteContinuesTheQuarantine(t *testing.T) {
	quarantineEnv(t, func(w *env) {
		w.Commit("enabled: true, pushGroups: false", people(20))
		w.inject(awssim.Fault{Name: awssim.FaultDenied, Operation: "CreateUser"})
		q := w.refusedRun(reconcile.RefusedWrites).Quarantine
		w.Sim.ClearFaults()
		time.Sleep(time.Minute)
		ctx, stop := context.WithCancelCause(w.T.Context())
		_, err := w.Runner.Once(ctx, run.Request{Provisioner: "aws", Declarations: w.Commits[0], Commit: w.Ref(),
			Trigger: "test", Apply: true, Progress: func(phase string, _, _ int) {
				if phase == "apply" {
					stop(run.ErrSuperseded)
				}
			}})
		if !errors.Is(err, run.ErrSuperseded) || len(w.Sim.State().Users) > 0 || w.Runner.Quarantines.Load("aws") != q {
			t.Errorf("the try ended with %v and quarantine %v", err, w.Runner.Quarantines.Load("aws"))
		}
		w.Apply(reconcile.RunApplied)
	})
}
