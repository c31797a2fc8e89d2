package apply

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestASlowDiskKeepsNoCallWaiting applies 100 writes with five calls at once. The disk takes nearly
// as long as a call. While five calls are in flight, the next five are written to the journal, so
// the whole takes hardly longer than the calls.
func TestASlowDiskKeepsNoCallWaiting(t *testing.T) {
	const n, atOnce, latency, disk = 100, 5, 20 * time.Millisecond, 15 * time.Millisecond
	synctest.Test(t, func(t *testing.T) {
		d := &deleter{slots: make(chan struct{}, atOnce), latency: latency,
			answer: func(string, int) error { return nil }}
		in := deletions(n, d, slowJournal{disk})
		in.Workers, in.RefusalTime = atOnce, 5*time.Millisecond
		began := time.Now()
		r, err := Apply(t.Context(), in)
		if done := results(r)[reconcile.ResultDone]; err != nil || done != n {
			t.Fatalf("%d changes were applied, %v", done, err)
		}
		calls := n / atOnce * latency
		// The first call waits for the disk, the fifth until four could not be refused any more.
		if took, most := time.Since(began), calls+disk+2*in.RefusalTime; took > most {
			t.Errorf("the writes took %v, want at most %v: the calls %v, and the start", took, most, calls)
		}
	})
}

// slowJournal is on a disk that takes some time for each entry before a write. Concurrent entries
// share it.
type slowJournal struct{ disk time.Duration }

func (j slowJournal) BeginWrite(reconcile.Entry) error {
	time.Sleep(j.disk)
	return nil
}

func (j slowJournal) EndWrite(reconcile.Entry) error { return nil }
