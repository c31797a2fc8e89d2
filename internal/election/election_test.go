package election

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestALeaderThatEndsHandsOverAfterItsRunHasEnded(t *testing.T) {
	f, config := newFake(t)
	a, b := replica(t, config, "pod-a"), replica(t, config, "pod-b")
	leads, ended, finish := make(chan string, 2), make(chan string, 2), make(chan struct{})
	start := func(e *Election) context.CancelFunc {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		go func() {
			e.Lead(ctx, "aws", func(ctx context.Context, _ <-chan struct{}) {
				leads <- e.identity
				<-ctx.Done()
				<-finish // the calls in flight, and the report
			})
			ended <- e.identity
		}()
		return cancel
	}
	stop := start(a)
	if who := receive(t, leads, "a leader"); who != "pod-a" || a.Check("aws") != nil || !a.Leads("aws") {
		t.Errorf("%s leads: %v", who, a.Check("aws"))
	}
	start(b)
	stop()
	if f.Holder("roster-aws") != "pod-a" || b.Leads("aws") {
		t.Errorf("%q holds the Lease while the run of pod-a goes on", f.Holder("roster-aws"))
	}
	close(finish)
	if who := receive(t, ended, "the end of pod-a"); who != "pod-a" || a.Leads("aws") {
		t.Errorf("%s ended", who)
	}
	if who := receive(t, leads, "the next leader"); who != "pod-b" || b.Check("aws") != nil {
		t.Errorf("%s leads: %v", who, b.Check("aws"))
	}
}

func TestOnlyALeaderThatHasRenewedItsLeaseMayWrite(t *testing.T) {
	_, config := newFake(t)
	e := replica(t, config, "pod-a")
	if err := e.Check("aws"); !errors.Is(err, reconcile.ErrLeaseLost) {
		t.Errorf("without an election: %v", err)
	}
	wall, passed := time.Now(), time.Duration(0)
	e.now, e.elapsed = func() time.Time { return wall }, func(time.Time) time.Duration { return passed }
	e.keys["aws"] = &candidacy{leads: true, renewed: wall}
	if err := e.Check("aws"); err != nil {
		t.Errorf("after a renewal: %v", err)
	}
	passed = renewDeadline
	if err := e.Check("aws"); !errors.Is(err, reconcile.ErrLeaseLost) {
		t.Errorf("after 10 s by the monotonic clock: %v", err)
	}
	wall, passed = wall.Add(renewDeadline), 0
	if err := e.Check("aws"); !errors.Is(err, reconcile.ErrLeaseLost) {
		t.Errorf("after 10 s by the wall clock: %v", err)
	}
	e.keys["aws"] = &candidacy{renewed: wall}
	if err := e.Check("aws"); !errors.Is(err, reconcile.ErrLeaseLost) {
		t.Errorf("a replica that does not lead: %v", err)
	}
}

func TestNamesOfLeases(t *testing.T) {
	e := &Election{name: "roster"}
	for key, want := range map[string]string{
		"": "roster", "aws": "roster-aws", "AWS-prod.eu": "roster-aws-prod.eu",
		"aws_prod": "roster-x", ".": "",
	} {
		name := e.leaseName(key)
		if !validName(name) {
			t.Errorf("%q gets the name %q, which Kubernetes refuses", key, name)
		}
		if strings.Contains(want, "-x") || want == "" {
			if !strings.HasPrefix(name, "roster-x") || name == e.leaseName(key+"2") {
				t.Errorf("%q gets the name %q; want a digest", key, name)
			}
		} else if name != want {
			t.Errorf("%q gets the name %q; want %q", key, name, want)
		}
	}
}
