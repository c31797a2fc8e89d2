package apply

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
)

// leased is a context of reconcile.WithSending that also ends when the run has lost its lease. Err
// asks for the lease each time, so that no timer has to fire first: after a machine slept, a
// request could be faster than a timer.
type leased struct {
	context.Context
	check func() error
	stop  context.CancelCauseFunc // of the run
}

// whileLeased returns a context that ends with sending, or when the run has lost its lease.
func (a *applier) whileLeased(sending context.Context) context.Context {
	if a.checkLease == nil {
		return sending
	}
	return leased{sending, a.checkLease, a.admission.stop}
}

func (l leased) Err() error {
	if err := l.Context.Err(); err != nil {
		return err
	}
	err := l.check()
	if err != nil {
		l.stop(err)
	}
	return err
}

// completed returns the context of the second request of a write: it is sent even after a stop, as
// long as the run has the lease.
func (a *applier) completed(ctx context.Context) context.Context {
	return reconcile.WithSending(ctx, a.whileLeased(context.Background()))
}

// halfSent returns the error of a second request. If it was not sent, the write is not done, and
// the first request has taken effect.
func halfSent(err error) error {
	if errors.Is(err, reconcile.ErrNotSent) {
		return fmt.Errorf("%w: only the externalId was written: %v", reconcile.ErrUncertain, err)
	}
	return err
}
