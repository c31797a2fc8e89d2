package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// refuseFrom makes the simulator answer 403 from the n-th call on.
func (s *simulator) refuseFrom(t *testing.T, n int) {
	t.Helper()
	if err := s.Inject(awssim.Fault{Name: awssim.FaultDenied, Nth: n, Times: 1 << 30}); err != nil {
		t.Fatal(err)
	}
}

// newQuarantinedDaemon creates the repositories for a simulator that refuses all calls in the
// middle of the first run. At most two calls are in flight.
func newQuarantinedDaemon(t *testing.T, sim *simulator) *daemonProcess {
	t.Helper()
	d := newDaemonProcess(t, sim)
	d.edit("provisioners/aws.cue", "concurrency: 4", "concurrency: 2")
	d.push("Send two calls at once")
	sim.refuseFrom(t, 20)
	return d
}

// checkQuarantine checks what a daemon shows of a quarantine, and returns it.
func (d *daemonProcess) checkQuarantine(sim *simulator) *reconcile.Quarantine {
	d.t.Helper()
	last := d.state().Provisioners["aws"]
	if last.Quarantine == nil || !strings.HasPrefix(last.Quarantine.Reason, "AWS refuses this address or token") {
		d.t.Fatalf("the status has the quarantine %v", last.Quarantine)
	}
	code, text := d.get("/readyz")
	if code != 200 || !strings.Contains(text, `"text": "in quarantine since `) {
		d.t.Errorf("/readyz answers %d %q", code, text)
	}
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, "\nroster_quarantine{provisioner=\"aws\"} 1\n") {
		d.t.Errorf("no metric reports the quarantine:\n%s", metrics)
	}
	if n := sim.Calls().ByStatus[403]; n > 3+last.Quarantine.Tries {
		d.t.Errorf("%d calls were refused in the run and %d tries", n, last.Quarantine.Tries)
	}
	return last.Quarantine
}

// AWS refuses all calls in the middle of a run, and accepts them again after the first failed try.
func TestServeRecoversFromARefusalOfAllCallsByItself(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newQuarantinedDaemon(t, sim)
	d.start("--quarantine-pause", "1s")
	d.wantOutcome(reconcile.RunFailed)
	d.waitForLog("the provisioner is in quarantine")
	d.waitForLog("the provisioner stays in quarantine")
	q := d.checkQuarantine(sim)
	sim.ClearFaults()
	d.waitForLog("the quarantine has ended")
	if late := time.Since(q.NextTry); late > 30*time.Second {
		t.Errorf("the quarantine ended %s after its next try was due", late)
	}
	if s := sim.State(); len(s.Users) != 36 || len(s.Groups) != 8 {
		t.Errorf("the directory has %d users and %d groups; want 36 and 8", len(s.Users), len(s.Groups))
	}
	if now := d.state().Provisioners["aws"].Quarantine; now != nil {
		t.Errorf("the status still has the quarantine %s", now)
	}
	d.stop()
	all := reports(t, d.bare, "aws") // it verifies the chain
	refused, last := all[0], all[len(all)-1]
	if refused.Counts.NotSent == 0 || refused.Counts.Skipped > 0 || refused.Counts.Done == 0 || len(all) > 3 {
		t.Errorf("the first of %d reports counts %+v", len(all), refused.Counts)
	}
	if last.Outcome != reconcile.RunApplied || last.Counts.Done+refused.Counts.Done < 44 {
		t.Errorf("the last report is %s, with %+v", last.Outcome, last.Counts)
	}
}

// A killed daemon leaves a quarantine. The next process makes no call before its pause has ended,
// except for an apply of the operator.
func TestAQuarantineContinuesInTheNextProcess(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newQuarantinedDaemon(t, sim)
	d.start("--quarantine-pause", "10m")
	d.waitForLog("the provisioner is in quarantine")
	before := d.checkQuarantine(sim)
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for range d.log {
	}
	_ = d.cmd.Wait() // it was killed
	sim.ResetCalls()
	d.start()
	d.waitForLog("new commit")
	d.eventually("the daemon shows the quarantine", func() bool {
		q := d.state().Provisioners["aws"].Quarantine
		return q != nil && q.NextTry.Equal(before.NextTry)
	})
	d.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`,
		`email: "mei@example.com", state: "INACTIVE"`)
	d.push("Mei leaves")
	d.waitForLog("new commit")
	d.stop()
	if n := sim.Calls().Total; n != 0 {
		t.Errorf("the daemon made %d calls during the quarantine", n)
	}
	apply := []string{"apply", "--repo", "file://" + d.bare, "--ref", "main", "--state-dir",
		filepath.Join(d.home, "state")}
	out := expect(t, d.home, exitError, apply...)
	if n := sim.Calls().Total; n != 1 || strings.Count(out, "AWS refuses this address or token") == 0 {
		t.Errorf("the refused apply made %d calls:\n%s", n, out)
	}
	sim.ClearFaults()
	expect(t, d.home, exitDone, apply...)
	s := sim.State()
	if mei, found := s.User("mei@example.com"); found && mei.Active || len(s.Users) < 35 || len(s.Groups) != 8 {
		t.Errorf("the directory has %d users and %d groups; mei is %+v", len(s.Users), len(s.Groups), mei)
	}
}
