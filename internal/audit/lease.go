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
		if err := open.checkLease(r.claim(in.Run), now); err != nil {
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
			r.log().WarnContext(ctx, "taking over the lease of a run without a report", "provisioner", in.Provisioner,
				"run", old.Intent.Run, "host", old.Intent.Host)
		}
		expiresAt = now.Add(r.leaseDuration())
		open.grantLease(&lease{Intent: in, BaseCommit: head, Holder: r.Holder, Election: r.Election,
			RenewedAt: now, ExpiresAt: expiresAt})
		return open.commitInput(in.Provisioner, intentMessage(&in))
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("publish the intent of run %s: %w", in.Run, err)
	}
	return expiresAt, nil
}

// claim returns what a run of this process claims the lease with.
func (r *Recorder) claim(run string) claim {
	return claim{run: run, holder: r.Holder, election: r.Election}
}

// renewedLease is the lease of an open run, which a goroutine renews.
type renewedLease struct {
	intent  reconcile.Intent
	cancel  context.CancelFunc                  // ends the renewal
	done    chan struct{}                       // closed when the renewal has ended
	elapsed func(since time.Time) time.Duration // by the monotonic clock

	mu    sync.Mutex
	valid validity // no write begins after it, unless the lease is renewed
	lost  error
}

// validity is the time in which the holder of a lease may write, by both clocks of the machine. The
// wall clock may be set back. The monotonic clock stops while the machine sleeps.
type validity struct {
	until   time.Time     // by the wall clock
	since   time.Time     // with a monotonic clock reading
	atMost  time.Duration // after since, by the monotonic clock
	expires time.Time     // of the lease, for messages
}

// validity returns how long a run may write after it asked for a lease at since. That ends a
// fifteenth of the lease before the expiry, because calls may be in flight and clocks may differ.
func (r *Recorder) validity(since, expiresAt time.Time) validity {
	margin := r.leaseDuration() / 15
	return validity{until: expiresAt.Add(-margin), since: since, atMost: r.leaseDuration() - margin, expires: expiresAt}
}

// check returns an ErrLeaseLost if the run must not write any more. A nil lease is not lost.
func (l *renewedLease) check(now time.Time) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil && (!now.Before(l.valid.until) || l.elapsed(l.valid.since) >= l.valid.atMost) {
		l.lost = fmt.Errorf("%w: run %s could not renew it before it expired at %s", reconcile.ErrLeaseLost,
			l.intent.Run, l.valid.expires.Format(time.RFC3339))
	}
	return l.lost
}

func (l *renewedLease) extend(v validity) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost == nil {
		l.valid = v
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

// startRenewal renews a lease in the background, also after the context has ended.
func (r *Recorder) startRenewal(ctx context.Context, in reconcile.Intent, v validity) *renewedLease {
	renewal, cancel := context.WithCancel(context.WithoutCancel(ctx))
	l := &renewedLease{intent: in, cancel: cancel, done: make(chan struct{}), elapsed: r.elapsed, valid: v}
	if l.elapsed == nil {
		l.elapsed = time.Since
	}
	go r.renewLease(renewal, l)
	return l
}

// renewLease renews a lease until the context ends or the lease is lost. An expired lease is lost:
// another run may have taken it over and ended.
func (r *Recorder) renewLease(ctx context.Context, l *renewedLease) {
	defer close(l.done)
	log := r.log().With("provisioner", l.intent.Provisioner, "run", l.intent.Run)
	for interval := r.renewInterval(); wait(ctx, interval); {
		err := l.check(r.now())
		if err == nil {
			err = r.renewOnce(ctx, l)
		}
		switch {
		case err == nil:
			interval = r.renewInterval()
			continue
		case ctx.Err() != nil:
			return
		case errors.Is(err, reconcile.ErrLeaseLost):
			l.lose(err)
		}
		if lost := l.check(r.now()); lost != nil {
			log.ErrorContext(ctx, "lost the lease; the run stops writing", "error", errors.Join(lost, err))
			return
		}
		log.WarnContext(ctx, "cannot renew the lease; retrying", "error", err)
		interval = r.renewInterval() / 10
	}
}

func (r *Recorder) renewOnce(ctx context.Context, l *renewedLease) error {
	in, since := l.intent, time.Now()
	var expiresAt time.Time
	_, err := r.commit(ctx, func(_ string, files fs.FS) (commitInput, error) {
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
	if err == nil {
		l.extend(r.validity(since, expiresAt))
	}
	return err
}
