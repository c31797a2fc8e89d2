package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestARunThatFindsALeaseOfAnotherProcessIsRepeatedWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, `schedule: "0 3 * * *"`))
		s.audit.lease(time.Now().Add(90 * time.Second))
		s.during(t, func() {
			advance(80 * time.Second)
			s.audit.lease(time.Now().Add(90 * time.Second)) // it is renewed
			advance(85 * time.Second)
			if n := s.directory.calls(); n != 0 {
				t.Errorf("the standby made %d calls", n)
			}
			s.wantRuns(t)
			last := s.State().Provisioners["aws"]
			if last.Role != Standby || last.Holder == nil || last.Holder.Host != "beta" || last.Holder.Run != "other" {
				t.Errorf("the state is %+v", last)
			}
			advance(7 * time.Second)
			s.wantRuns(t, "commit 0: applied")
			if last := s.State().Provisioners["aws"]; last.Role != Active || last.Holder != nil {
				t.Errorf("after the takeover, the state is %+v", last)
			}
		})
	})
}

func TestAStandbyShowsTheReportsOfTheOtherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, ""))
		s.audit.lease(time.Now().Add(time.Hour))
		report := func(run string) *reconcile.Report {
			return &reconcile.Report{Run: run, Outcome: reconcile.RunApplied, Finished: time.Now().UTC()}
		}
		s.audit.newest = report("first")
		s.during(t, func() {
			for _, run := range []string{"first", "second"} {
				s.audit.mu.Lock()
				s.audit.newest = report(run)
				s.audit.mu.Unlock()
				advance(time.Minute)
				last := s.State().Provisioners["aws"]
				if last.Report == nil || last.Report.Run != run || last.Error != "" || last.Role != Standby ||
					!last.Time.Equal(last.Report.Finished) {
					t.Errorf("the last run is %+v, want %s", last, run)
				}
			}
			if strings.Contains(s.log.String(), "level=ERROR") {
				t.Errorf("the standby logs errors:\n%s", &s.log)
			}
		})
	})
}

func TestARestartedDaemonShowsTheLastReportUntilItsFirstRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(1, ""))
		created := make(chan struct{})
		s.directory.onCreate = func() { <-created }
		s.audit.newest = &reconcile.Report{Run: "before", Outcome: reconcile.RunApplied, Finished: time.Now()}
		s.during(t, func() {
			if last := s.State().Provisioners["aws"]; last.Report == nil || last.Report.Run != "before" {
				t.Errorf("the last run is %+v", last)
			}
			close(created)
			synctest.Wait()
			if last := s.State().Provisioners["aws"]; last.Report == nil || last.Report.Trigger != triggerCommit {
				t.Errorf("after the first run, the last run is %+v", last)
			}
		})
	})
}

// fakeElection is an election that a test decides.
type fakeElection struct {
	won      chan struct{}      // the process becomes the leader
	end      chan chan struct{} // it loses, and closes the channel when lead has returned
	handOver chan struct{}
}

func (f *fakeElection) Leader(string) string { return "pod-b" }

func (f *fakeElection) Problem(string) error { return nil }

func (f *fakeElection) Lead(ctx context.Context, _ string, lead func(context.Context, <-chan struct{})) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.won:
		}
		leading, cancel := context.WithCancelCause(ctx)
		returned := make(chan struct{})
		go func() { lead(leading, f.handOver); close(returned) }()
		select {
		case <-returned:
			cancel(nil)
		case <-ctx.Done():
			cancel(nil)
			<-returned
			return
		case lost := <-f.end:
			cancel(reconcile.ErrLeaseLost)
			<-returned
			close(lost)
		}
	}
}

func TestOnlyTheLeaderOfAnElectionRunsAProvisioner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, `schedule: "*/10 * * * *"`))
		election := &fakeElection{won: make(chan struct{}), end: make(chan chan struct{})}
		s.Election = election
		s.during(t, func() {
			advance(time.Hour)
			s.wantRuns(t)
			last := s.State().Provisioners["aws"]
			if last.Role != Standby || last.Holder == nil || last.Holder.Host != "pod-b" || s.directory.calls() != 0 {
				t.Errorf("before it leads, the state is %+v", last)
			}
			election.won <- struct{}{}
			synctest.Wait()
			s.wantRuns(t, "commit 0: applied")
			if role := s.State().Provisioners["aws"].Role; role != Active || s.Standby() {
				t.Errorf("the role of the leader is %s", role)
			}
			lost := make(chan struct{})
			election.end <- lost
			<-lost
			s.directory.calls()
			advance(time.Hour)
			if n := len(s.audit.runs()); n != 1 || s.directory.calls() != 0 || !s.Standby() {
				t.Errorf("after it lost, it made %d runs", n-1)
			}
			election.won <- struct{}{}
			synctest.Wait()
			if runs := s.audit.runs(); len(runs) == 1 && s.directory.calls() == 0 {
				t.Errorf("after it won again, the runs are %q", runs)
			}
		})
	})
}

func TestALeaderHandsAProvisionerOverBetweenRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, `schedule: "*/10 * * * *"`))
		election := &fakeElection{won: make(chan struct{}), end: make(chan chan struct{}),
			handOver: make(chan struct{})}
		s.Election = election
		s.during(t, func() {
			election.won <- struct{}{}
			synctest.Wait()
			s.wantRuns(t, "commit 0: applied")
			election.handOver <- struct{}{}
			synctest.Wait()
			s.directory.calls()
			advance(time.Hour)
			if n := len(s.audit.runs()); n != 1 || s.directory.calls() != 0 || !s.Standby() {
				t.Errorf("after the provisioner was handed over, %d runs were made", n-1)
			}
		})
	})
}

func TestAStandbySaysWhichProcessRunsAProvisioner(t *testing.T) {
	refused := errors.New("update Lease ops/roster-aws: forbidden")
	until := time.Date(2026, 3, 1, 9, 2, 0, 0, time.UTC)
	for _, row := range []struct {
		name   string
		holder *LeaseHolder
		want   string
	}{
		{"a lease on the audit branch", &LeaseHolder{Host: "h", Run: "r1", Until: until},
			"run r1 on h has the lease until 2026-03-01T09:02:00Z, unless it is renewed"},
		{"the leader", electedHolder(leaderIs{"pod-b", nil}, "aws"), "pod-b runs it"},
		{"no leader", electedHolder(leaderIs{"", nil}, "aws"),
			"it is not known which process runs it: no process has taken the Lease yet"},
		{"Kubernetes refuses all requests", electedHolder(leaderIs{"", refused}, "aws"),
			"it is not known which process runs it: update Lease ops/roster-aws: forbidden"},
		{"Kubernetes refuses requests after a while", electedHolder(leaderIs{"pod-b", refused}, "aws"),
			"pod-b ran it when the Lease was last read: update Lease ops/roster-aws: forbidden"},
		{"not known", nil, "another process runs it"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.holder.String(); got != row.want {
				t.Errorf("it says %q; want %q", got, row.want)
			}
		})
	}
}

// leaderIs is an election in which this process does not lead.
type leaderIs struct {
	leader  string
	problem error
}

func (l leaderIs) Lead(ctx context.Context, _ string, _ func(context.Context, <-chan struct{})) {
	<-ctx.Done()
}
func (l leaderIs) Leader(string) string { return l.leader }
func (l leaderIs) Problem(string) error { return l.problem }

func TestARunIsRepeatedSoonAfterAnotherOneEndedMeanwhile(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name        string
		err         error
		least, most time.Duration
	}{
		{"the run of another process has ended", fmt.Errorf("publish: %w", reconcile.ErrLeased), 2 * time.Second,
			4 * time.Second},
		{"a lease ends in a minute", &reconcile.LeaseError{Until: now.Add(time.Minute)}, time.Minute,
			61 * time.Second},
		{"a lease has ended", &reconcile.LeaseError{Until: now.Add(-time.Minute)}, 0, time.Second},
		{"a process on this machine has the lock", errors.Join(&reconcile.LeaseError{Lock: "process 7"}),
			15 * time.Second, 15 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			if d := untilLeaseEnds(row.err, now); d < row.least || d > row.most {
				t.Errorf("it is repeated after %s, want %s to %s", d, row.least, row.most)
			}
		})
	}
}
