package daemon

import (
	"testing"
	"testing/synctest"
	"time"
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
		if n := len(s.audit.ledger.Unconfirmed); n != 1 {
			t.Errorf("after the first lookup, %d objects are unconfirmed; want 1", n)
		}
		advance(5 * time.Minute)
		s.wantRuns(t, "commit 0: partial", "commit 1: partial", "retry 1: in sync")
		if n := len(s.audit.ledger.Unconfirmed); n != 0 {
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
