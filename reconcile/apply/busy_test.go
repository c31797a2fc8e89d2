package apply

import (
	"context"
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
		for i := range in.Plan.Changes { // of removals, fewer are written ahead
			in.Plan.Changes[i].Kind = reconcile.UpdateUser
		}
		in.Directory = updater{d}
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

// updater is a deleter whose users are updated.
type updater struct{ *deleter }

func (u updater) UpdateUser(ctx context.Context, have reconcile.RemoteUser, _ reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error) {
	receipt, err := u.DeleteUser(ctx, have.ID)
	return have, receipt, err
}

// slowJournal is on a disk that takes some time before writes. Entries that are written
// together share it.
type slowJournal struct{ disk time.Duration }

func (j slowJournal) BeginWrites(...reconcile.Entry) error {
	time.Sleep(j.disk)
	return nil
}

func (j slowJournal) EndWrite(reconcile.Entry) error { return nil }
