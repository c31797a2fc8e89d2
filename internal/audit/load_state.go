package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// LoadState returns what the earlier runs left. It first publishes a pending report, and fails if
// that fails.
func (r *Recorder) LoadState(ctx context.Context, provisioner string) (*reconcile.AuditState, error) {
	p, err := r.lockProvisioner(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	defer p.unlock()
	state, err := r.loadState(ctx, provisioner, p)
	if err != nil {
		return nil, fmt.Errorf("load the audit state of %s: %w", provisioner, err)
	}
	return state, nil
}

func (r *Recorder) loadState(
	ctx context.Context, provisioner string, p *provisionerState,
) (*reconcile.AuditState, error) {
	locked, release, err := r.tryLock(provisioner, p)
	if err != nil {
		return nil, err
	}
	defer release()
	writable := locked && !r.ReadOnly
	if writable {
		if err := r.removeTemporaryFiles(provisioner); err != nil {
			return nil, err
		}
	}
	pending, err := r.readPending(provisioner)
	if err != nil {
		return nil, err
	}
	if pending != nil && writable {
		if _, err := r.publishPending(ctx, pending); err != nil {
			return nil, err
		}
		pending = nil
	}
	b, err := r.readBranch(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	state := &reconcile.AuditState{}
	if state.DistrustReason, err = r.checkTrust(ctx, provisioner, b, writable); err != nil {
		return nil, err
	}
	journaled, err := r.journaledRun(provisioner, b, pending, locked)
	if err != nil {
		return nil, err
	}
	if locked && p.open == nil {
		state.Interrupted = journaled
	}
	if pending != nil { // for a reader, it is as good as published
		built, err := r.buildCommit(b, pending)
		if err != nil {
			return nil, err
		}
		b.status, b.ledger = built.status, built.ledger
	}
	state.Status, state.Ledger = b.status, b.ledger.Clone()
	others := b.intents.except(localRun(journaled, pending))
	if len(others) > 0 {
		state.OpenIntent = &others[0]
	}
	if p.open == nil { // an open run keeps its base
		p.base = &baseState{status: b.status, ledger: b.ledger, digest: b.digest, trusted: state.DistrustReason == ""}
		for i := range others {
			p.base.openRuns = append(p.base.openRuns, others[i].Run)
		}
	}
	return state, nil
}

// removeTemporaryFiles removes the files that a crash during a write left. Only the holder of the
// lock may call it.
func (r *Recorder) removeTemporaryFiles(provisioner string) error {
	err := errors.Join(atomicfile.Sweep(r.pendingPath(provisioner)), atomicfile.Sweep(r.localRecordPath(provisioner)))
	if err != nil {
		return fmt.Errorf("remove the temporary files of a crash: %w", err)
	}
	return nil
}

// localRun is the unreported run of this machine, or "".
func localRun(journaled *reconcile.Interrupted, pending *pendingReport) string {
	switch {
	case journaled != nil:
		return journaled.Intent.Run
	case pending != nil:
		return pending.Report.Run
	}
	return ""
}

// tryLock takes the provisioner's lock. locked is false while another process works on the
// provisioner; then the run in the journal is not interrupted.
func (r *Recorder) tryLock(provisioner string, p *provisionerState) (locked bool, release func(), err error) {
	if p.open != nil {
		return true, func() {}, nil
	}
	if r.ReadOnly {
		if _, err := os.Stat(r.lockPath(provisioner)); errors.Is(err, fs.ErrNotExist) {
			return true, func() {}, nil // no process ever worked here
		}
	}
	lock, err := tryLock(r.lockPath(provisioner))
	if r.ReadOnly && errors.Is(err, fs.ErrPermission) {
		err = nil // another user's state directory: treat its run as active
	}
	if err != nil {
		return false, nil, err
	}
	return lock != nil, lock.release, nil
}

// journaledRun returns the run in the journal of this machine. If its report is on the branch, it
// removes the journal and returns nil.
func (r *Recorder) journaledRun(
	provisioner string, b *branchState, pending *pendingReport, locked bool,
) (*reconcile.Interrupted, error) {
	name := r.journalPath(provisioner)
	run, err := readJournal(name)
	if err != nil {
		return nil, err
	}
	if run != nil && (pending == nil || pending.Report.Run != run.Intent.Run) {
		if run.Intent.Provisioner != provisioner {
			return nil, fmt.Errorf("%s is the journal of provisioner %q", name, run.Intent.Provisioner)
		}
		report, err := findRunReport(b.files, b.status, run.Intent.Run, run.Intent.Started)
		if err != nil || report == nil {
			return run, err
		}
	}
	if !locked || r.ReadOnly || r.openRun(provisioner) != nil {
		return nil, nil
	}
	return nil, atomicfile.Remove(name)
}
