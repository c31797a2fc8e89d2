package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// publishIntent commits the intent, with a lease. It returns when the lease expires.
func (r *Recorder) publishIntent(
	ctx context.Context, in reconcile.Intent, base *baseState,
) (expiresAt time.Time, err error) {
	_, err = r.commit(ctx, func(head string, files fs.FS) (commitInput, error) {
		open, err := readIntents(files, in.Provisioner)
		if malformed(err) && base.trust.Broken() { // an approval released the branch
			open, err = &intents{Version: version}, nil
		}
		if err != nil {
			return commitInput{}, err
		}
		for _, run := range base.queued { // they have ended
			open.remove(run)
		}
		now := r.now()
		if open.Lease != nil && open.Lease.Intent.Run == in.Run { // an attempt that failed has committed it
			expiresAt = open.Lease.ExpiresAt
			return commitInput{}, nil
		}
		if err := open.checkLease(in.Run, now); err != nil {
			return commitInput{}, err
		}
		status, err := readStatus(files, in.Provisioner)
		if malformed(err) && base.trust.Broken() {
			err = nil
		}
		if err != nil {
			return commitInput{}, err
		}
		if reportOf(status) != base.report {
			return commitInput{}, fmt.Errorf("%w: %s has ended since this run read the audit branch",
				reconcile.ErrLeased, runName(status))
		}
		if old := open.Lease; old != nil {
			r.log().Warn("taking over the lease of a run without a report", "provisioner", in.Provisioner,
				"run", old.Intent.Run, "host", old.Intent.Host)
		}
		expiresAt = now.Add(r.leaseDuration())
		open.grantLease(&lease{Intent: in, BaseCommit: head, RenewedAt: now, ExpiresAt: expiresAt})
		return open.commitInput(in.Provisioner, intentMessage(&in))
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("publish the intent of run %s: %w", in.Run, err)
	}
	return expiresAt, nil
}

// renewedLease is the lease of an open run, which a goroutine renews.
type renewedLease struct {
	intent reconcile.Intent
	cancel context.CancelFunc // ends the renewal
	done   chan struct{}      // closed when the renewal has ended

	mu         sync.Mutex
	writeUntil time.Time // no write begins after it, unless the lease is renewed
	lost       error
}

// check returns an ErrLeaseLost if the run must not write any more. A nil lease is not lost.
func (l *renewedLease) check(now time.Time) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil && !now.Before(l.writeUntil) {
		l.lost = fmt.Errorf("%w: run %s could not renew it by %s", reconcile.ErrLeaseLost, l.intent.Run,
			l.writeUntil.Format(time.RFC3339))
	}
	return l.lost
}

func (l *renewedLease) extend(writeUntil time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		l.writeUntil = writeUntil
	}
}

func (l *renewedLease) lose(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		l.lost = err
	}
}

func (l *renewedLease) stopRenewal() {
	if l == nil {
		return
	}
	l.cancel()
	<-l.done
}

// writeDeadline returns when a run must stop writing. It is a fifteenth of the lease before the
// expiry, because calls may be in flight and clocks may differ.
func (r *Recorder) writeDeadline(expiresAt time.Time) time.Time {
	return expiresAt.Add(-r.leaseDuration() / 15)
}

// startRenewal renews a lease in the background, also after the context has ended.
func (r *Recorder) startRenewal(ctx context.Context, in reconcile.Intent, expiresAt time.Time) *renewedLease {
	renewal, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &renewedLease{intent: in, cancel: cancel, done: make(chan struct{}), writeUntil: r.writeDeadline(expiresAt)}
	go r.renewLease(renewal, l)
	return l
}

// renewLease renews a lease until the context ends or the lease is lost.
func (r *Recorder) renewLease(ctx context.Context, l *renewedLease) {
	defer close(l.done)
	log := r.log().With("provisioner", l.intent.Provisioner, "run", l.intent.Run)
	for interval := r.renewInterval(); wait(ctx, interval); {
		expiresAt, err := r.renewOnce(ctx, l.intent)
		switch {
		case err == nil:
			l.extend(r.writeDeadline(expiresAt))
			interval = r.renewInterval()
			continue
		case ctx.Err() != nil:
			return
		case errors.Is(err, reconcile.ErrLeaseLost):
			l.lose(err)
		}
		if lost := l.check(r.now()); lost != nil {
			log.Error("lost the lease; the run stops writing", "error", errors.Join(lost, err))
			return
		}
		log.Warn("cannot renew the lease; retrying", "error", err)
		interval = r.renewInterval() / 10
	}
}

func (r *Recorder) renewOnce(ctx context.Context, in reconcile.Intent) (expiresAt time.Time, err error) {
	_, err = r.commit(ctx, func(_ string, files fs.FS) (commitInput, error) {
		open, err := readIntents(files, in.Provisioner)
		if err != nil {
			return commitInput{}, err
		}
		if open.Lease == nil {
			return commitInput{}, fmt.Errorf("%w: the intent of run %s is no longer on the audit branch",
				reconcile.ErrLeaseLost, in.Run)
		}
		if holder := open.Lease.Intent; holder.Run != in.Run {
			return commitInput{}, fmt.Errorf("%w: run %s on %s has taken it over",
				reconcile.ErrLeaseLost, holder.Run, holder.Host)
		}
		open.Lease.RenewedAt = r.now()
		expiresAt = open.Lease.RenewedAt.Add(r.leaseDuration())
		open.Lease.ExpiresAt = expiresAt
		return open.commitInput(in.Provisioner, renewMessage(&in))
	})
	return expiresAt, err
}

// LeaseError names the run or process that works on a provisioner. It is a reconcile.ErrLeased.
type LeaseError struct {
	Provisioner string
	Run, Host   string    // of the holder; empty if only the lock on this machine is known
	Since       time.Time // zero: unknown
	Until       time.Time // when the lease expires, unless it is renewed
	Lock        string    // the process that holds the lock on this machine; empty if the lease is on the branch
}

func (e *LeaseError) Error() string {
	if e.Lock != "" {
		return fmt.Sprintf("%s: %v: %s on this machine", e.Provisioner, reconcile.ErrLeased, e.Lock)
	}
	return fmt.Sprintf("%s: %v: run %s on %s since %s; its lease expires at %s unless it is renewed; "+
		"try again then", e.Provisioner,
		reconcile.ErrLeased, e.Run, e.Host, e.Since.Format(time.RFC3339), e.Until.Format(time.RFC3339))
}

// Is makes a LeaseError a reconcile.ErrLeased.
func (e *LeaseError) Is(target error) bool { return target == reconcile.ErrLeased }
