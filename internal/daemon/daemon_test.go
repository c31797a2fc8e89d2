package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

func TestRunsAtEachCommitAndOnSchedule(t *testing.T) {
	// The bubble's clock starts at midnight.
	runDaemon(t, declarations(2, `schedule: "*/10 * * * *"`), func(s *fixture) {
		s.wantRuns(t, "commit 0: applied")
		advance(9*time.Minute + 59*time.Second)
		s.wantRuns(t, "commit 0: applied")
		advance(6 * time.Second) // more than the jitter
		s.wantRuns(t, "commit 0: applied", "schedule 0: in sync")
		s.repo.push(declarations(3, `schedule: "*/10 * * * *"`))
		advance(34 * time.Second) // more than the poll interval with its jitter
		s.wantRuns(t, "commit 0: applied", "schedule 0: in sync", "commit 1: applied")
		advance(time.Hour)
		if n := len(s.audit.runs()); n != 9 {
			t.Errorf("after another hour there are %d runs; want 9", n)
		}
		if st := s.State(); st.ValidCommit.ID != "1" || st.Provisioners["aws"].Report.Outcome != reconcile.RunInSync {
			t.Errorf("the state is %+v", st)
		}
	})
}

func TestInvalidCommitIsRefusedAndTheLastValidOneStaysInUse(t *testing.T) {
	runDaemon(t, declarations(2, `schedule: "*/10 * * * *"`), func(s *fixture) {
		s.repo.push(declarations(2, `groups: ["nobody"]`))
		advance(5 * time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: failed")
		if st := s.State(); st.NewestCommit.ID != "1" || st.ValidCommit.ID != "0" || !strings.Contains(st.InvalidReason,
			"nobody") {
			t.Errorf("the state is %+v", st)
		}
		advance(6 * time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: failed", "schedule 0: in sync")
		s.repo.push(declarations(3, ""))
		advance(time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: failed", "schedule 0: in sync", "commit 2: applied")
		if st := s.State(); st.ValidCommit.ID != "2" || st.InvalidReason != "" {
			t.Errorf("the state is %+v", st)
		}
	})
}

func TestDaemonWaitsForAValidCommit(t *testing.T) {
	runDaemon(t, "package roster\nusers: 1\n", func(s *fixture) {
		advance(time.Hour)
		s.wantRuns(t)
		if st := s.State(); st.ValidCommit.ID != "" || st.InvalidReason == "" {
			t.Errorf("the state is %+v", st)
		}
		s.repo.push(declarations(1, ""))
		advance(time.Minute)
		s.wantRuns(t, "commit 1: applied")
	})
}

func TestNewerCommitSupersedesTheCurrentRun(t *testing.T) {
	runDaemon(t, declarations(0, ""), func(s *fixture) {
		enter, leave := make(chan bool), make(chan bool)
		first := true
		s.wantRuns(t, "commit 0: in sync")
		s.directory.onCreate = func() {
			if first {
				first = false
				enter <- true
				<-leave
			}
		}
		s.repo.push(declarations(10, ""))
		<-enter // the first call of ten is in flight
		s.repo.push(declarations(5, ""))
		advance(time.Minute)
		leave <- true
		synctest.Wait()
		s.wantRuns(t, "commit 0: in sync", "commit 1: interrupted", "commit 2: applied")
		interrupted := s.audit.report(1)
		if interrupted.Counts.Done != 1 || interrupted.Counts.Skipped != 9 {
			t.Errorf("the superseded run counts %+v; want 1 done and 9 skipped", interrupted.Counts)
		}
		if n, _ := s.directory.count(); n != 5 {
			t.Errorf("%d users; want 5", n)
		}
	})
}

func TestProgressOfLongRunsIsLogged(t *testing.T) {
	runDaemon(t, declarations(0, ""), func(s *fixture) {
		s.directory.onCreate = func() { time.Sleep(25 * time.Second) }
		s.repo.push(declarations(10, ""))
		advance(10 * time.Minute)
		s.wantRuns(t, "commit 0: in sync", "commit 1: applied")
		var runs []string
		for line := range strings.Lines(s.log.String()) {
			if _, rest, ok := strings.Cut(line, `msg="run in progress" `); ok {
				runs = append(runs, strings.TrimSpace(rest))
			}
		}
		want := []string{`provisioner=aws phase=apply done=3 of=10 remaining="about 2m55s left"`,
			`provisioner=aws phase=apply done=6 of=10 remaining="about 1m40s left"`,
			`provisioner=aws phase=apply done=9 of=10 remaining="about 25s left"`}
		if !slices.Equal(runs, want) {
			t.Errorf("the log has\n%s\nwant\n%s", strings.Join(runs, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestRemovedProvisionerIsHeld(t *testing.T) {
	runDaemon(t, declarations(2, `schedule: "*/10 * * * *"`), func(s *fixture) {
		s.repo.push("package roster\n")
		advance(time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: held")
		if n, _ := s.directory.count(); n != 2 {
			t.Errorf("%d users are left of 2", n)
		}
		s.repo.push(declarations(3, ""))
		advance(time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: held", "commit 2: applied")
	})
}

func TestNeverEnabledProvisionerIsNotRead(t *testing.T) {
	runDaemon(t, declarations(2, `enabled: false, schedule: "*/10 * * * *"`), func(s *fixture) {
		advance(time.Hour)
		s.wantRuns(t)
		if _, reads := s.directory.count(); reads != 0 {
			t.Errorf("the directory was read %d times", reads)
		}
	})
}

func TestTriggerPollsImmediately(t *testing.T) {
	runDaemon(t, declarations(1, ""), func(s *fixture) {
		s.wantRuns(t, "commit 0: applied")
		s.repo.push(declarations(2, ""))
		advance(time.Second)
		s.wantRuns(t, "commit 0: applied")
		s.trigger <- struct{}{}
		synctest.Wait()
		s.wantRuns(t, "commit 0: applied", "commit 1: applied")
	})
}

func TestPollIntervalGrowsWithErrors(t *testing.T) {
	runDaemon(t, declarations(1, `schedule: "*/10 * * * *"`), func(s *fixture) {
		s.repo.fail(errors.New("no route to host"))
		advance(time.Hour)
		if st := s.State(); st.PollError != "no route to host" || st.ValidCommit.ID != "0" {
			t.Errorf("the state is %+v", st)
		}
		if n := s.repo.polls; n < 15 || n > 25 {
			t.Errorf("%d polls in an hour; want about 18", n)
		}
		if n := len(s.audit.runs()); n != 6 { // scheduled runs continue
			t.Errorf("there were %d runs; want 6", n)
		}
		s.repo.fail(nil)
		s.repo.push(declarations(2, ""))
		advance(6 * time.Minute)
		if runs := s.audit.runs(); runs[len(runs)-1] != "commit 1: applied" {
			t.Errorf("the last run is %q", runs[len(runs)-1])
		}
		s.repo.fail(nil)
		advance(10 * time.Minute)
		if n := s.repo.polls; n < 17 || n > 20 {
			t.Errorf("%d polls in ten minutes; want about 19", n)
		}
	})
}

// The provisioner runs once a day, and its credentials are missing for half an hour.
func TestRunIsRetriedUntilItIsAuthorized(t *testing.T) {
	runDaemon(t, declarations(2, `schedule: "0 12 * * *"`), func(s *fixture) {
		open := s.Runner.Open
		var authorized atomic.Bool // scheduled runs read it concurrently
		s.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
			if !authorized.Load() {
				return nil, fmt.Errorf("%w: not authorized yet", run.ErrNeedsAuthorization)
			}
			return open(ctx, p, readOnly)
		}
		s.wantRuns(t, "commit 0: applied")
		s.repo.push(declarations(3, `schedule: "0 12 * * *"`))
		advance(30 * time.Minute)
		runs := s.audit.runs()
		if n := len(runs); n < 29 || n > 32 || runs[n-1] != "schedule 1: needs authorization" {
			t.Errorf("there were %d runs; the last is %q", n, runs[n-1])
		}
		authorized.Store(true)
		advance(time.Minute)
		if runs := s.audit.runs(); runs[len(runs)-1] != "schedule 1: applied" {
			t.Errorf("the last run is %q", runs[len(runs)-1])
		}
		n := len(s.audit.runs())
		advance(time.Hour)
		s.wantRuns(t, s.audit.runs()[:n]...)
	})
}

// The declaration changes to credentials that do not work at first.
func TestChangedAuthIsTestedFirst(t *testing.T) {
	other := func(users int) string {
		return strings.Replace(declarations(users, ""), "ROSTER_SECRET_AWS", "ROSTER_OTHER", 1)
	}
	runDaemon(t, declarations(2, ""), func(s *fixture) {
		var tried []string
		s.Runner.Test = func(_ context.Context, p *schema.Provisioner) error {
			tried = append(tried, p.Auth.Token.Env)
			if p.Auth.Token.Env == "ROSTER_OTHER" && len(tried) < 3 {
				return reconcile.ErrUnauthorized
			}
			return nil
		}
		_, before := s.directory.count()
		s.repo.push(other(3))
		advance(time.Minute)
		_, after := s.directory.count()
		if runs := s.audit.runs(); runs[len(runs)-1] != "commit 1: needs authorization" || after != before {
			t.Errorf("the runs are %q, with %d reads", runs, after-before)
		}
		advance(3 * time.Minute)
		if runs := s.audit.runs(); runs[len(runs)-1] != "schedule 1: applied" || len(tried) != 3 {
			t.Errorf("the runs are %q, with %d tests", runs, len(tried))
		}
		s.repo.push(other(4))
		advance(time.Minute)
		if runs := s.audit.runs(); runs[len(runs)-1] != "commit 2: applied" || len(tried) != 3 {
			t.Errorf("the runs are %q, with %d tests", runs, len(tried))
		}
	})
}

// The token ends after 100 days.
func TestDeadlineIsLoggedOncePerStage(t *testing.T) {
	var log strings.Builder
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	ends := now.AddDate(0, 0, 100)
	d := &Daemon{Log: slog.New(slog.NewTextHandler(&log, nil)),
		Runner: &run.Runner{Now: func() time.Time { return now }},
		deadlines: []deadline.Deadline{{Kind: deadline.Token, Subject: "aws", Path: "p", EndsAt: ends,
			Consequence: "nothing works"}}}
	d.mergeDeadlines()
	for range 110 {
		now = now.AddDate(0, 0, 1)
		d.logDeadlines()
		d.logDeadlines()
	}
	var days []string
	for line := range strings.Lines(log.String()) {
		_, stage, _ := strings.Cut(line, "days=")
		days = append(days, strings.TrimSpace(stage)+" "+strings.Fields(line)[1])
	}
	if want := []string{"90 level=WARN", "60 level=WARN", "30 level=WARN", "7 level=WARN", "1 level=WARN",
		"0 level=ERROR"}; !slices.Equal(days, want) {
		t.Errorf("the warnings are %q; want %q", days, want)
	}
	if s := d.State(); len(s.DueDeadlines) != 1 || len(s.AllDeadlines) != 1 {
		t.Errorf("the state has %v and %v", s.DueDeadlines, s.AllDeadlines)
	}
	d.deadlines = nil
	if d.logDeadlines(); len(d.logged) > 0 {
		t.Errorf("deadlines that are gone are still stored: %v", d.logged)
	}
}

func TestTheReasonOfARefusalIsBounded(t *testing.T) {
	problems := make(schema.Problems, 20_000)
	for i := range problems {
		problems[i] = schema.Problem{Code: "R1001", Message: fmt.Sprint("problem ", i)}
	}
	reason := reasonOf(fmt.Errorf("load: %w", problems))
	if n := strings.Count(reason, "problem "); n != maxProblems ||
		!strings.HasSuffix(reason, "... and 19900 more problems") {
		t.Errorf("the reason has %d problems and ends with %q", n, reason[max(0, len(reason)-60):])
	}
	if few := reasonOf(problems[:2]); few != problems[:2].Error() || reasonOf(nil) != "" {
		t.Errorf("the reason of two problems is %q", few)
	}
}

// While polls fail, a run holds what it cannot verify. It is repeated when a poll succeeds, long
// before the schedule.
func TestARunThatHeldChangesDuringAnOutageIsRepeatedAfterIt(t *testing.T) {
	runDaemon(t, declarations(2, `schedule: "0 * * * *"`), func(s *fixture) {
		s.wantRuns(t, "commit 0: applied")
		s.repo.fail(errors.New("no route to host"))
		s.directory.mu.Lock()
		s.directory.users = s.directory.users[:1] // as if an administrator had deleted a user in AWS
		s.directory.mu.Unlock()
		advance(time.Hour + time.Minute)
		s.wantRuns(t, "commit 0: applied", "schedule 0: held")
		held := s.audit.report(1)
		if !slices.ContainsFunc(held.Warnings, func(w string) bool { return strings.Contains(w, "no route to host") }) {
			t.Errorf("the report does not say why: %q", held.Warnings)
		}
		s.repo.fail(nil)
		s.trigger <- struct{}{}
		synctest.Wait()
		s.wantRuns(t, "commit 0: applied", "schedule 0: held", "retry 0: held") // by gate vanished
		if w := s.audit.report(2).Warnings; slices.ContainsFunc(w, func(w string) bool {
			return strings.Contains(w, "out of reach")
		}) {
			t.Errorf("after the outage the report says %q", w)
		}
		s.trigger <- struct{}{}
		synctest.Wait()
		s.wantRuns(t, "commit 0: applied", "schedule 0: held", "retry 0: held")
	})
}

func TestTheDaemonStartsWithTheCommitThatItKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, `schedule: "*/10 * * * *"`))
		s.repo.fail(errors.New("no route to host"))
		s.Known = func() (reconcile.CommitRef, error) { return reconcile.CommitRef{ID: "0"}, nil }
		s.during(t, func() {
			s.wantRuns(t, "commit 0: held")
			if st := s.State(); st.ValidCommit.ID != "0" || st.PollError == "" {
				t.Errorf("the state is %+v", st)
			}
			s.repo.push(declarations(3, ""))
			s.repo.fail(nil)
			advance(6 * time.Minute)
			s.wantRuns(t, "commit 0: held", "commit 1: applied")
		})
	})
}

func TestTheDaemonWaitsForGitIfItKnowsNoCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, ""))
		s.repo.fail(errors.New("no route to host"))
		s.Known = func() (reconcile.CommitRef, error) { return reconcile.CommitRef{}, errors.New("never fetched") }
		s.during(t, func() {
			advance(time.Minute)
			s.wantRuns(t)
			s.repo.fail(nil)
			advance(6 * time.Minute)
			s.wantRuns(t, "commit 0: applied")
		})
	})
}

// reviewer is a forge that answers only if it is up.
type reviewer struct {
	mu   sync.Mutex
	up   bool
	asks []time.Time
}

// set makes the forge answer, or not.
func (r *reviewer) set(up bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up = up
}

// asked returns when the forge was asked.
func (r *reviewer) asked() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asks)
}

func (r *reviewer) Approved(context.Context, string, string) ([]reconcile.ReviewedMerge, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asks = append(r.asks, time.Now())
	if !r.up {
		return nil, errors.New("the forge answered 502")
	}
	return nil, nil
}

// The forge does not answer at the moment of a merge. It is asked again within a minute of its
// return, with growing pauses, and the scheduled runs come as always.
func TestAForgeThatDidNotAnswerIsAskedAgain(t *testing.T) {
	runDaemon(t, declarations(2, `schedule: "0 12 * * *"`), func(s *fixture) {
		forge := &reviewer{}
		s.Runner.Review = forge
		s.repo.push(declarations(3, `review: "required", schedule: "0 12 * * *"`))
		advance(34 * time.Second)
		s.wantRuns(t, "commit 0: applied", "commit 1: held")
		first := len(forge.asked())
		if first == 0 {
			t.Fatalf("the forge was not asked: %+v", s.audit.report(1).Changes)
		}
		advance(20 * time.Minute)
		asks := forge.asked()[first-1:]
		for i := 1; i < len(asks); i++ {
			pause, want := asks[i].Sub(asks[i-1]), 40*time.Second
			if i <= 3 {
				want = 5 * time.Second << (i - 1)
			}
			if pause != want {
				t.Errorf("question %d came after %s, want %s", i, pause, want)
			}
		}
		s.wantRuns(t, "commit 0: applied", "commit 1: held")
		forge.set(true)
		advance(time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: held", "retry 1: held") // nobody reviewed it
		last := len(forge.asked())
		advance(time.Hour)
		if len(forge.asked()) != last {
			t.Errorf("a forge that answers was asked %d times more", len(forge.asked())-last)
		}
		forge.set(false)
		advance(11 * time.Hour)
		s.wantRuns(t, "commit 0: applied", "commit 1: held", "retry 1: held", "schedule 1: held")
		advance(24 * time.Hour)
		s.wantRuns(t, "commit 0: applied", "commit 1: held", "retry 1: held", "schedule 1: held", "schedule 1: held")
	})
}
