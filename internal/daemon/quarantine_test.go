package daemon

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

const eachMinute = `schedule: "* * * * *"`

// runQuarantinedDaemon runs a daemon whose directory refuses every call after the first run. At the
// end of its first quarantined run it calls do.
func runQuarantinedDaemon(t *testing.T, do func(s *fixture)) {
	runDaemon(t, declarations(2, eachMinute), func(s *fixture) {
		s.wantRuns(t, "commit 0: applied")
		s.directory.refuse(reconcile.ErrForbidden)
		s.directory.calls()
		advance(time.Minute + 10*time.Second)
		s.wantRuns(t, "commit 0: applied", "schedule 0: failed")
		if n := s.directory.calls(); n != 1 {
			t.Fatalf("%d calls were refused; want 1", n)
		}
		do(s)
	})
}

func TestAQuarantinedProvisionerIsTriedWithGrowingPauses(t *testing.T) {
	runQuarantinedDaemon(t, func(s *fixture) {
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			before := s.State().Provisioners["aws"].Quarantine
			advance(time.Until(before.NextTry) - time.Second)
			if n := s.directory.calls(); n != 0 {
				t.Errorf("there were %d calls during the pause of %d minutes", n, pause)
			}
			advance(2 * time.Second)
			if n := s.directory.calls(); n != 1 {
				t.Errorf("there were %d calls after the pause of %d minutes; want 1", n, pause)
			}
		}
		if n := strings.Count(s.log.String(), "the provisioner is in quarantine"); n != 1 {
			t.Errorf("the log has the beginning %d times:\n%s", n, s.log.String())
		}
		s.directory.refuse(nil)
		advance(time.Hour + time.Second)
		if st := s.State().Provisioners["aws"]; st.Quarantine != nil || st.Report.Outcome != reconcile.RunInSync {
			t.Errorf("the state is %+v", st)
		}
		if !strings.Contains(s.log.String(), "the quarantine has ended") {
			t.Error("the log does not have the end")
		}
		s.directory.calls()
		advance(10 * time.Minute)
		if n := s.directory.calls(); n < 9 || n > 11 { // each run has a jitter
			t.Errorf("after the quarantine, there were %d runs in ten minutes; want about 10", n)
		}
	})
}

func TestACommitDuringAQuarantineIsAppliedAfterIt(t *testing.T) {
	runQuarantinedDaemon(t, func(s *fixture) {
		next := s.State().Provisioners["aws"].Quarantine.NextTry
		s.repo.push(declarations(3, eachMinute))
		advance(time.Until(next) - time.Second)
		if n := s.directory.calls(); n != 0 || s.State().ValidCommit.ID != "1" {
			t.Errorf("there were %d calls for commit %s", n, s.State().ValidCommit.ID)
		}
		s.directory.refuse(nil)
		advance(2 * time.Second)
		s.wantRuns(t, "commit 0: applied", "schedule 0: failed", "commit 1: applied")
	})
}

func TestACommitWithOtherCredentialsEndsAQuarantineAtOnce(t *testing.T) {
	runQuarantinedDaemon(t, func(s *fixture) {
		s.directory.refuse(nil)
		s.repo.push(strings.Replace(declarations(3, eachMinute), "ROSTER_SECRET_AWS", "ROSTER_SECRET_NEW", 1))
		advance(40 * time.Second) // less than the pause
		s.wantRuns(t, "commit 0: applied", "schedule 0: failed", "commit 1: applied")
		if q := s.State().Provisioners["aws"].Quarantine; q != nil {
			t.Errorf("the quarantine is still there: %s", q)
		}
	})
}

func TestAnInvalidCommitIsRefusedDuringAQuarantine(t *testing.T) {
	runQuarantinedDaemon(t, func(s *fixture) {
		s.repo.push(declarations(2, `groups: ["nobody"]`))
		advance(40 * time.Second)
		s.wantRuns(t, "commit 0: applied", "schedule 0: failed", "commit 1: failed")
		if n := s.directory.calls(); n != 0 {
			t.Errorf("there were %d calls", n)
		}
	})
}

// Another daemon starts with the state directory of the first one.
func TestAQuarantineContinuesAfterARestart(t *testing.T) {
	runQuarantinedDaemon(t, func(s *fixture) {
		advance(time.Minute) // the first try
		q := s.State().Provisioners["aws"].Quarantine
		s.directory.calls()
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		restarted := &Daemon{Head: s.Head, Load: s.Load, Runner: s.Runner, PollInterval: s.PollInterval, Log: s.Log}
		ended := make(chan error, 1)
		go func() { ended <- restarted.Run(ctx) }()
		synctest.Wait()
		if have := restarted.State().Provisioners["aws"].Quarantine; have == nil || !have.NextTry.Equal(q.NextTry) {
			t.Errorf("the quarantine is %v after the restart, want %v", have, q)
		}
		advance(time.Until(q.NextTry) - time.Second)
		if n := s.directory.calls(); n != 0 {
			t.Errorf("after the restart, there were %d calls before the pause ended", n)
		}
		s.directory.refuse(nil)
		advance(2 * time.Second)
		if runs := s.audit.runs(); !slices.Contains(runs, "commit 0: in sync") {
			t.Errorf("the runs are %q", runs)
		}
		stop()
		<-ended
	})
}

// A run that ends before it can make a call must not be repeated without a pause.
func TestATryThatCannotBeginIsRepeatedWithGrowingPauses(t *testing.T) {
	runQuarantinedDaemon(t, func(s *fixture) {
		var loads atomic.Int32
		s.audit.eachLoad(func() error { loads.Add(1); return errLoad })
		for _, pause := range []time.Duration{1, 1, 2, 4, 8, 16, 32, 60, 60} { // the first is that of the quarantine
			before := loads.Load()
			advance(pause*time.Minute - 10*time.Second)
			if n := loads.Load() - before; n != 0 {
				t.Errorf("the run was repeated %d times in the pause of %d minutes", n, pause)
			}
			advance(10 * time.Second)
			if n := loads.Load() - before; n != 1 {
				t.Errorf("the run was repeated %d times after the pause of %d minutes; want once", n, pause)
			}
		}
		s.audit.eachLoad(nil)
		s.directory.refuse(nil)
		advance(time.Hour)
		if q := s.State().Provisioners["aws"].Quarantine; q != nil {
			t.Errorf("the quarantine has not ended: %s", q)
		}
	})
}

// A standby makes no call, and does not read the branch each minute for ever.
func TestAStandbyInQuarantineTriesWithGrowingPauses(t *testing.T) {
	runQuarantinedDaemon(t, func(s *fixture) {
		var loads atomic.Int32
		s.audit.eachLoad(func() error { loads.Add(1); return nil })
		for range 24 * 6 { // the other process renews its lease
			s.audit.lease(time.Now().Add(20 * time.Minute))
			advance(10 * time.Minute)
		}
		if n := loads.Load(); n < 24 || n > 31 || s.directory.calls() != 0 {
			t.Errorf("the standby read the branch %d times in a day", n)
		}
	})
}

// The audit branch is so slow that the pause has ended when the report is published.
func TestAPauseThatEndsBeforeItsReportIsPublishedIsNotRepeated(t *testing.T) {
	runQuarantinedDaemon(t, func(s *fixture) {
		s.audit.delay = 30 * time.Second
		s.Runner.QuarantinePause = time.Second
		s.directory.refuse(nil)
		s.Runner.Quarantines.Store("aws", nil)
		advance(3 * time.Minute)
		s.directory.refuse(reconcile.ErrForbidden)
		advance(time.Minute)
		s.directory.calls()
		advance(5 * time.Minute) // pauses of 2, 4, 8, 16, 32 and 64 s, and reports of 30 s
		if n := s.directory.calls(); n < 5 || n > 7 {
			t.Errorf("there were %d tries in five minutes", n)
		}
	})
}
