package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/filelock"
	"github.com/seed-d64a251c/roster/reconcile"
)

// openRun is a run between BeginRun and CommitReport.
type openRun struct {
	intent  reconcile.Intent
	lock    *filelock.Lock
	journal *journal
	lease   *renewedLease // nil for a run that began while the branch was out of reach
}

// BeginRun creates the journal and commits the intent. It renews the lease in the background until
// CommitReport or Close. If the branch was out of reach in LoadState, the intent is in the journal
// only, and the run has no lease. BeginRun fails with reconcile.ErrLeased if another run is active
// on any machine, or has ended since LoadState.
func (r *Recorder) BeginRun(ctx context.Context, in reconcile.Intent) error {
	p, err := r.lockProvisioner(ctx, in.Provisioner)
	if err != nil {
		return err
	}
	defer p.unlock()
	if in.Host == "" {
		in.Host = r.Host
	}
	switch {
	case r.ReadOnly:
		return errReadOnly
	case in.Run == "":
		return errors.New("an intent needs a run id")
	case p.open != nil:
		return fmt.Errorf("%s: run %s has not been reported yet", in.Provisioner, p.open.intent.Run)
	case p.base == nil:
		return fmt.Errorf("%s: BeginRun needs LoadState first", in.Provisioner)
	}
	if t := p.base.trust; t.Broken() && !slices.ContainsFunc(in.UsedApprovals,
		func(used reconcile.ApprovalUse) bool { return used.Digest == t.Release() }) {
		return &brokenError{t}
	}
	if err := r.checkLeader(in.Provisioner); err != nil {
		return err
	}
	in.BaseCommit = p.base.head
	lock, err := r.lockOrFail(in.Provisioner)
	if err != nil {
		return err
	}
	begun := false
	defer func() {
		if !begun {
			lock.Release()
		}
	}()
	run, err := r.beginRun(ctx, in, p.base)
	if err != nil {
		return err
	}
	run.lock, begun = lock, true
	r.setOpenRun(p, run)
	return nil
}

// lockOrFail takes the provisioner's lock among the processes of this machine.
func (r *Recorder) lockOrFail(provisioner string) (*filelock.Lock, error) {
	lock, err := lockFile(r.lockPath(provisioner))
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, &reconcile.LeaseError{Provisioner: provisioner, Lock: filelock.Holder(r.lockPath(provisioner))}
	}
	lock.Name(filelock.ThisProcess())
	return lock, nil
}

func (r *Recorder) beginRun(ctx context.Context, in reconcile.Intent, base *baseState) (*openRun, error) {
	if base.offline {
		open := *base.intents
		open.Abandoned = slices.Clone(open.Abandoned)
		for _, run := range base.queued { // they have ended
			open.remove(run)
		}
		if err := open.checkLease(r.claim(in.Run), r.now()); err != nil {
			return nil, err
		}
		if base.leased != nil {
			return nil, base.leased
		}
	}
	if pending, err := r.readPending(in.Provisioner); err != nil {
		return nil, err
	} else if pending != nil {
		return nil, fmt.Errorf("the report of run %s must be published first", pending.Report.Run)
	}
	r.at("before the journal is created")
	j, err := createJournal(r.journalPath(in.Provisioner), &in, r.crash)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("the run in %s must be reported first", r.journalPath(in.Provisioner))
	}
	if err != nil {
		return nil, fmt.Errorf("create the journal: %w", err)
	}
	r.at("journal created")
	if base.offline {
		return &openRun{intent: in, journal: j}, nil
	}
	since := time.Now()
	expiresAt, err := r.publishIntent(ctx, in, base)
	if err != nil {
		return nil, r.cancelRun(ctx, in, j, err)
	}
	r.at("intent committed")
	return &openRun{intent: in, journal: j, lease: r.startRenewal(ctx, in, r.validity(since, expiresAt))}, nil
}

// cancelRun ends a run whose intent was not published. It removes the journal only if the intent is
// certainly not on the branch. Otherwise the next LoadState returns an interrupted run that sent
// nothing.
func (r *Recorder) cancelRun(ctx context.Context, in reconcile.Intent, j *journal, cause error) error {
	errs := []error{cause, j.close()}
	published := true
	_, err := r.tryCommit(ctx, func(_ string, files fs.FS) (commitInput, error) {
		open, err := readIntents(files, in.Provisioner)
		published = err != nil || open.Lease != nil && open.Lease.Intent.Run == in.Run
		return commitInput{}, err
	})
	if err == nil && !published {
		errs = append(errs, atomicfile.Remove(j.name))
	}
	return errors.Join(errs...)
}

// BeginWrites returns when the entries, which are of one run, are on disk.
func (r *Recorder) BeginWrites(entries ...reconcile.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var run *openRun
	records := make([]journalRecord, len(entries))
	for i := range entries {
		e, err := &entries[i], error(nil)
		e.Ended = false
		if run, err = r.runOfEntry(e); err != nil {
			return err
		}
		records[i].Entry = e
	}
	if err := r.mayWrite(run); err != nil {
		return err
	}
	r.at("before an entry begins")
	if err := run.journal.append(records...); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	r.at("entry begun")
	return r.mayWrite(run) // the disk may have been slow
}

// CheckLease returns a reconcile.ErrLeaseLost if a run must not send any more.
func (r *Recorder) CheckLease(provisioner, run string) error {
	open := r.openRun(provisioner)
	if open == nil || open.intent.Run != run {
		return fmt.Errorf("%s: run %s has no open intent", provisioner, run)
	}
	return r.mayWrite(open)
}

// mayWrite returns a reconcile.ErrLeaseLost if a run must not write any more.
func (r *Recorder) mayWrite(run *openRun) error {
	if err := run.lease.check(r.now()); err != nil {
		return err
	}
	return r.checkLeader(run.intent.Provisioner)
}

// EndWrite returns when the entry is in the journal. It writes the entry even if the lease is lost.
// If the machine crashes before the next BeginWrites, the entry may be lost: the next run then
// looks up what the write did.
func (r *Recorder) EndWrite(e reconcile.Entry) error {
	e.Ended = true
	run, err := r.runOfEntry(&e)
	if err != nil {
		return err
	}
	r.at("before an entry ends")
	if err := run.journal.appendUnsynced(recordOf(&e)); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	r.at("entry ended")
	return run.lease.check(r.now())
}

func (r *Recorder) runOfEntry(e *reconcile.Entry) (*openRun, error) {
	run := r.openRun(e.Provisioner)
	if run == nil || run.intent.Run != e.Run {
		return nil, fmt.Errorf("%s: run %s has no open intent", e.Provisioner, e.Run)
	}
	if e.Time.IsZero() {
		e.Time = r.now()
	}
	e.Time = normalizeTime(e.Time)
	return run, nil
}
