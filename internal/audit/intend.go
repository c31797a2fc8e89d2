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

// run is one between Intend and Conclude.
type run struct {
	intent  reconcile.Intent
	lock    *lock
	journal *journal

	stop    context.CancelFunc // ends the renewing
	stopped chan struct{}

	mu    sync.Mutex
	until time.Time // when writing must end, unless the lease is renewed
	lost  error
}

// rest ends the renewing of the lease.
func (r *run) rest() {
	r.stop()
	<-r.stopped
}

// held returns ErrLeaseLost when nothing more may be written.
func (r *run) held(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost == nil && !now.Before(r.until) {
		r.lost = fmt.Errorf("%w: run %s could not renew it by %s", reconcile.ErrLeaseLost, r.intent.Run, r.until.Format(time.RFC3339))
	}
	return r.lost
}

func (r *run) renewed(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost == nil {
		r.until = until
	}
}

func (r *run) lose(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost == nil {
		r.lost = err
	}
}

// Intend proves that evidence can be written: it creates the journal and commits
// the intent. Until Conclude or Close the lease is renewed in the background.
// It fails with reconcile.ErrLeased when another run is at work, or was at work
// since Past, on this machine or another.
func (b *Book) Intend(ctx context.Context, in reconcile.Intent) error {
	d, err := b.enter(ctx, in.Provisioner)
	if err != nil {
		return err
	}
	defer d.leave()
	if in.Host == "" {
		in.Host = b.Host
	}
	switch {
	case b.ReadOnly:
		return errReadOnly
	case in.Run == "":
		return errors.New("an intent needs the name of its run")
	case d.run != nil:
		return fmt.Errorf("%s: run %s is not concluded yet", in.Provisioner, d.run.intent.Run)
	case d.seen == nil:
		return fmt.Errorf("%s: an intent needs the past to be read first", in.Provisioner)
	}
	l, err := b.hold(in.Provisioner)
	if err != nil {
		return err
	}
	var r *run
	defer func() {
		if r == nil {
			l.release()
		}
	}()
	if r, err = b.intend(ctx, in, d.seen); err != nil {
		return err
	}
	r.lock = l
	b.setRun(d, r)
	return nil
}

// hold takes the provisioner's lock among the processes of this machine.
func (b *Book) hold(provisioner string) (*lock, error) {
	l, err := acquire(b.lockPath(provisioner))
	if err != nil {
		return nil, err
	}
	if l == nil {
		return nil, &LeaseError{Provisioner: provisioner, Lock: holder(b.lockPath(provisioner))}
	}
	l.sign()
	return l, nil
}

func (b *Book) intend(ctx context.Context, in reconcile.Intent, s *seen) (*run, error) {
	if waiting, err := b.readPending(in.Provisioner); err != nil {
		return nil, err
	} else if waiting != nil {
		return nil, fmt.Errorf("the report of run %s waits to be published first", waiting.Report.Run)
	}
	b.at("before the journal is created")
	j, err := createJournal(b.journalPath(in.Provisioner), &in, b.crash)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("the run in %s is to be concluded first", b.journalPath(in.Provisioner))
	}
	if err != nil {
		return nil, fmt.Errorf("create the journal: %w", err)
	}
	b.at("journal created")
	until, err := b.publishIntent(ctx, in, s)
	if err != nil {
		return nil, b.abandon(ctx, in, j, err)
	}
	b.at("intent committed")
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	r := &run{intent: in, journal: j, until: b.stopBy(until), stop: stop, stopped: make(chan struct{})}
	go b.renew(renewing, r)
	return r, nil
}

func (b *Book) publishIntent(ctx context.Context, in reconcile.Intent, s *seen) (until time.Time, err error) {
	_, err = b.change(ctx, func(head string, files fs.FS) (edit, error) {
		open, err := readIntents(files, in.Provisioner)
		if err != nil {
			return edit{}, err
		}
		now := b.now()
		if open.Lease != nil && open.Lease.Intent.Run == in.Run { // it got there although an error came back
			until = open.Lease.Until
			return edit{}, nil
		}
		if err := open.alive(in.Run, now); err != nil {
			return edit{}, err
		}
		status, err := readStatus(files, in.Provisioner)
		if err != nil {
			return edit{}, err
		}
		if have := link(status); have != link(s.status) {
			return edit{}, fmt.Errorf("%w: run %s has ended since the past was read", reconcile.ErrLeased, status.Run)
		}
		if dead := open.Lease; dead != nil {
			b.log().Warn("taking over from a run that left no report", "provisioner", in.Provisioner, "run", dead.Intent.Run, "host", dead.Intent.Host)
		}
		until = now.Add(b.leaseFor())
		open.open(&lease{Intent: in, Base: head, Renewed: now, Until: until})
		return open.edit(in.Provisioner, intentMessage(&in))
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("publish the intent of run %s: %w", in.Run, err)
	}
	return until, nil
}

func (in *intents) edit(provisioner, message string) (edit, error) {
	content, err := in.encode()
	return edit{files: map[string][]byte{intentsPath(provisioner): content}, message: message}, err
}

// abandon gives up a run whose intent was not published. The journal goes only
// if the intent is known not to be on the branch: otherwise the next Past finds
// an interrupted run that sent nothing.
func (b *Book) abandon(ctx context.Context, in reconcile.Intent, j *journal, cause error) error {
	errs := []error{cause, j.close()}
	there := true
	_, err := b.attempt(ctx, func(_ string, files fs.FS) (edit, error) {
		open, err := readIntents(files, in.Provisioner)
		there = err != nil || open.Lease != nil && open.Lease.Intent.Run == in.Run
		return edit{}, err
	})
	if err == nil && !there {
		errs = append(errs, removeDurably(j.name))
	}
	return errors.Join(errs...)
}

// stopBy is when writing ends under a lease: a fifteenth earlier than others
// take it over, for calls in flight and for clocks that differ.
func (b *Book) stopBy(until time.Time) time.Time { return until.Add(-b.leaseFor() / 15) }

// renew keeps a lease until the context ends or the lease is lost.
func (b *Book) renew(ctx context.Context, r *run) {
	defer close(r.stopped)
	for pause := b.renewEvery(); wait(ctx, pause); {
		until, err := b.renewOnce(ctx, r)
		switch {
		case err == nil:
			r.renewed(b.stopBy(until))
			pause = b.renewEvery()
			continue
		case ctx.Err() != nil:
			return
		case errors.Is(err, reconcile.ErrLeaseLost):
			r.lose(err)
		}
		if lost := r.held(b.now()); lost != nil {
			b.log().Error("lost the lease", "provisioner", r.intent.Provisioner, "run", r.intent.Run, "err", errors.Join(lost, err))
			return
		}
		b.log().Warn("could not renew the lease", "provisioner", r.intent.Provisioner, "run", r.intent.Run, "err", err)
		pause = b.renewEvery() / 10
	}
}

func (b *Book) renewOnce(ctx context.Context, r *run) (until time.Time, err error) {
	_, err = b.change(ctx, func(_ string, files fs.FS) (edit, error) {
		open, err := readIntents(files, r.intent.Provisioner)
		if err != nil {
			return edit{}, err
		}
		if open.Lease == nil {
			return edit{}, fmt.Errorf("%w: the intent of run %s is not on the audit branch any more", reconcile.ErrLeaseLost, r.intent.Run)
		}
		if now := open.Lease.Intent; now.Run != r.intent.Run {
			return edit{}, fmt.Errorf("%w: taken over by run %s on %s", reconcile.ErrLeaseLost, now.Run, now.Host)
		}
		open.Lease.Renewed = b.now()
		until = open.Lease.Renewed.Add(b.leaseFor())
		open.Lease.Until = until
		return open.edit(r.intent.Provisioner, renewMessage(&r.intent))
	})
	return until, err
}

// Begin returns when the entry is on disk.
func (b *Book) Begin(e reconcile.Entry) error {
	e.Ended = false
	r, err := b.runOf(&e)
	if err != nil {
		return err
	}
	if err := r.held(b.now()); err != nil {
		return err
	}
	b.at("before an entry begins")
	if err := r.journal.append(record{Entry: &e}); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	b.at("entry begun")
	return r.held(b.now()) // the disk may have taken long
}

// End returns when the entry is on disk, also when the lease is lost.
func (b *Book) End(e reconcile.Entry) error {
	e.Ended = true
	r, err := b.runOf(&e)
	if err != nil {
		return err
	}
	b.at("before an entry ends")
	if err := r.journal.append(record{Entry: &e}); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	b.at("entry ended")
	return r.held(b.now())
}

func (b *Book) runOf(e *reconcile.Entry) (*run, error) {
	r := b.running(e.Provisioner)
	if r == nil || r.intent.Run != e.Run {
		return nil, fmt.Errorf("%s: run %s has no open intent", e.Provisioner, e.Run)
	}
	if e.Time.IsZero() {
		e.Time = b.now()
	}
	e.Time = stamp(e.Time)
	return r, nil
}
