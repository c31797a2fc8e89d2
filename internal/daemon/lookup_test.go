package daemon

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// runDaemonAfterLostCreation runs a daemon whose first creations of a user have no response. Its
// schedule has one run a day.
func runDaemonAfterLostCreation(t *testing.T, lost int, do func(s *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, `schedule: "@daily"`))
		s.directory.lost = map[string]int{"u-1": lost}
		s.during(t, func() { do(s) })
	})
}

func TestAnUnconfirmedObjectIsLookedUpAfterFiveMinutes(t *testing.T) {
	runDaemonAfterLostCreation(t, 2, func(s *fixture) {
		s.wantRuns(t, "commit 0: partial")
		advance(4*time.Minute + 59*time.Second)
		s.wantRuns(t, "commit 0: partial")
		advance(2 * time.Second)
		s.wantRuns(t, "commit 0: partial", "retry 0: partial")
		advance(5 * time.Minute)
		s.wantRuns(t, "commit 0: partial", "retry 0: partial", "retry 0: applied")
		advance(12 * time.Hour)
		s.wantRuns(t, "commit 0: partial", "retry 0: partial", "retry 0: applied")
	})
}

// Only two lookups five minutes apart show that an object which is not declared any more was never
// created.
func TestASecondLookupFollowsTheFirstAfterFiveMinutes(t *testing.T) {
	runDaemonAfterLostCreation(t, 1, func(s *fixture) {
		s.repo.push(declarations(1, `schedule: "@daily"`))
		advance(time.Minute)
		s.wantRuns(t, "commit 0: partial", "commit 1: partial")
		if n := s.audit.unconfirmed(); n != 1 {
			t.Errorf("after the first lookup, %d objects are unconfirmed; want 1", n)
		}
		advance(5 * time.Minute)
		s.wantRuns(t, "commit 0: partial", "commit 1: partial", "retry 1: in sync")
		if n := s.audit.unconfirmed(); n != 0 {
			t.Errorf("after the second lookup, %d objects are unconfirmed; want none", n)
		}
	})
}

// A run that cannot load its state does not get to the lookup. It is repeated, but not without a
// pause.
func TestALookupOfARunThatFailedIsRepeatedAfterFiveMinutes(t *testing.T) {
	runDaemonAfterLostCreation(t, 1, func(s *fixture) {
		loads := 0
		s.audit.eachLoad(func() error { loads++; return errLoad })
		advance(15*time.Minute + time.Second)
		if loads != 3 {
			t.Errorf("the run was repeated %d times in 15 minutes; want 3", loads)
		}
		s.audit.eachLoad(nil)
		advance(5 * time.Minute)
		s.wantRuns(t, "commit 0: partial", "retry 0: applied")
	})
}

// A daemon that is restarted between the two lookups makes the second one in time.
func TestASecondLookupFollowsAfterARestart(t *testing.T) {
	daily := declarations(2, `schedule: "@daily"`)
	for name, add := range map[string]func(*reconcile.Ledger){
		"an unconfirmed creation": func(l *reconcile.Ledger) {
			l.Unconfirmed[reconcile.UserRef("lost")] = reconcile.Unconfirmed{
				Attempt: reconcile.Attempt{Run: "r", Commit: "0"}}
		},
		"an object that the directory does not have": func(l *reconcile.Ledger) {
			l.Users["lost"] = reconcile.Owned{ID: "id-lost"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newFixture(daily)
				s.audit.ledger = reconcile.NewLedger()
				add(s.audit.ledger)
				s.during(t, func() {}) // the first lookup
				<-time.After(3 * time.Minute)
				s.commit = reconcile.CommitRef{} // another process knows no commit
				s.during(t, func() {
					if have := len(s.audit.runs()); have != 2 {
						t.Fatalf("%d runs were made, want one of each process", have)
					}
					advance(2*time.Minute - time.Second)
					if have := s.audit.entries(); have != 3 {
						t.Errorf("the ledger has %d entries before the second lookup, want 3", have)
					}
					advance(2 * time.Second)
					if have := s.audit.entries(); have != 2 {
						t.Errorf("the ledger has %d entries after the second lookup, want 2", have)
					}
					advance(12 * time.Hour)
					if have := len(s.audit.runs()); have != 3 {
						t.Errorf("%d runs were made, want 3", have)
					}
				})
			})
		})
	}
}

// A run that AWS does not answer is repeated soon, and then less and less often.
func TestARunThatFailsIsRepeatedWithGrowingPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(declarations(2, `schedule: "@yearly"`))
		s.directory.refuse(errors.New("500 Internal Server Error"))
		s.during(t, func() {
			for n, pause := range []time.Duration{5, 10, 20, 40, 60, 60} {
				advance(pause*time.Minute - time.Second)
				if have := len(s.audit.runs()); have != n+1 {
					t.Errorf("%d runs were made before the pause of %d minutes ended, want %d", have, pause, n+1)
				}
				advance(time.Second)
				if have := len(s.audit.runs()); have != n+2 {
					t.Errorf("%d runs were made after the pause of %d minutes, want %d", have, pause, n+2)
				}
			}
			s.directory.refuse(nil)
			advance(time.Hour)
			runs := s.audit.runs()
			if last := runs[len(runs)-1]; last != "retry 0: applied" {
				t.Errorf("the last run is %q", last)
			}
			advance(24 * time.Hour)
			if have := s.audit.runs(); len(have) != len(runs) {
				t.Errorf("a run that succeeded is repeated: %q", have)
			}
		})
	})
}
