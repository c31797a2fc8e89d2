package apply

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestACallThatWaitsIsNotSentAfterTheLeaseIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost atomic.Bool
		d := newDeleter(func(_ string, n int) error {
			lost.Store(n >= 5) // while two calls are in flight and others wait for a slot
			return nil
		})
		j := &memoryJournal{}
		in := deletions(20, d, j)
		in.CheckLease = func() error {
			if lost.Load() {
				return reconcile.ErrLeaseLost
			}
			return nil
		}
		r, err := Apply(t.Context(), in)
		checkStopped(t, d, j, r, err, reconcile.ErrLeaseLost, 6)
	})
}

// adopter is a directory whose users can be updated. It loses the lease after the first update.
type adopter struct {
	reconcile.Directory
	sent int
	lost bool
}

func (a *adopter) UpdateUser(ctx context.Context, have reconcile.RemoteUser, _ reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	if sending := reconcile.Sending(ctx); sending.Err() != nil {
		return have, reconcile.CallReceipt{}, fmt.Errorf("%w: %w", reconcile.ErrNotSent, context.Cause(sending))
	}
	a.sent++
	a.lost = true
	return have, reconcile.CallReceipt{}, nil
}

func TestTheSecondRequestOfAnAdoptionIsNotSentAfterTheLeaseIsLostAndItsOutcomeIsUnknown(t *testing.T) {
	d := &adopter{}
	in := deletions(1, d, &memoryJournal{})
	in.Plan.Changes[0].Kind = reconcile.AdoptUser
	in.Plan.Linking.State.Users["u000"] = &reconcile.User{}
	in.Plan.Changes[0].Attributes = []reconcile.AttributeChange{{Path: "externalId", New: "u000"},
		{Path: "title", New: "Engineer"}}
	in.CheckLease = func() error {
		if d.lost {
			return reconcile.ErrLeaseLost
		}
		return nil
	}
	r, err := Apply(t.Context(), in)
	if !errors.Is(err, reconcile.ErrLeaseLost) || d.sent != 1 {
		t.Errorf("the run ended with %v after %d requests, want the lost lease after 1", err, d.sent)
	}
	if c := r.Changes[0]; c.Result != reconcile.ResultUnknown {
		t.Errorf("the adoption is %s: %s; want %s", c.Result, c.Error, reconcile.ResultUnknown)
	}
}
