package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// LoadState returns what the earlier runs left. It first publishes the reports that wait in the
// state directory, and fails if that fails. While the branch is out of reach and Known is set, they
// go on waiting, and the state is that of the head that was last read.
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
	head, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	if writable {
		if head, err = r.handleStored(ctx, provisioner, pending, head); err != nil {
			return nil, err
		}
		pending = nil
		if err := r.removeUnusedParts(provisioner); err != nil {
			return nil, err
		}
	}
	record, err := r.readLocalRecord(provisioner)
	if err != nil {
		return nil, err
	}
	b, err := r.stateAt(head, provisioner)
	if err != nil {
		return nil, err
	}
	if err := r.recallTenant(provisioner, record, b); err != nil {
		return nil, err
	}
	a, err := r.assess(ctx, provisioner, record, b)
	if err != nil {
		return nil, err
	}
	recordable := writable && head.unreachable == nil
	if err := r.recordAssessment(ctx, provisioner, p, record, b, a, recordable); err != nil {
		return nil, err
	}
	return r.stateOf(ctx, provisioner, p, loadedState{record, b, a, pending, locked, head.unreachable})
}

// handleStored publishes the reports in the state directory, and returns the head after them. While
// the branch is out of reach, it queues a pending report, so that further runs can follow it.
func (r *Recorder) handleStored(
	ctx context.Context, provisioner string, pending *pendingReport, head branchHead,
) (branchHead, error) {
	if head.unreachable != nil {
		if pending == nil {
			return head, nil
		}
		_, err := r.queueReport(pending)
		return head, err
	}
	if r.CheckHead != nil && head.commit != "" { // why this machine must not add commits
		if err := r.CheckHead(ctx, head.commit); err != nil {
			return head, err
		}
	}
	published, err := r.publishStored(ctx, provisioner, pending)
	if err != nil || !published {
		return head, err
	}
	return r.head(ctx)
}

// loadedState is what LoadState read.
type loadedState struct {
	record  *localRecord
	branch  *branchState
	a       *assessment
	pending *pendingReport // nil unless it is only read
	locked  bool
	// unreachable is why the branch is out of reach; nil if it is not.
	unreachable error
}

// stateOf returns the state that a run starts from, and makes it the base of the next run.
func (r *Recorder) stateOf(
	ctx context.Context, provisioner string, p *provisionerState, l loadedState,
) (*reconcile.AuditState, error) {
	b, a := l.branch, l.a
	queue, err := r.readQueue(provisioner)
	if err != nil {
		return nil, err
	}
	journaled, err := r.journaledRun(provisioner, b, l.pending, queue, l.locked)
	var corrupt *CorruptError
	if err != nil && !errors.As(err, &corrupt) {
		return nil, err
	}
	found, err := r.effectiveState(ctx, provisioner, l, queue)
	if err != nil {
		return nil, err
	}
	state := &reconcile.AuditState{Status: found.status, Trust: a.trust,
		Ledger: withUndecided(found.ledger, a.undecided), Unproved: a.unproved, Dropped: a.dropped}
	if r.CheckSignatures == nil {
		state.ReviewedFrom = l.record.reviewedFrom(found.status)
	}
	if corrupt != nil {
		state.JournalError = corrupt
	}
	if l.unreachable != nil {
		state.Unreachable = l.unreachable.Error()
	}
	if l.locked && p.open == nil {
		state.Interrupted = journaled
	}
	others := slices.DeleteFunc(b.intents.except(localRun(journaled, l.pending)),
		func(in reconcile.Intent) bool { return queue.has(in.Run) })
	state.OpenIntents = others
	state.OpenUses = openUses(b.intents, journaled)
	if l.locked { // otherwise the lease may be that of the process with the lock
		state.Leased = b.intents.leasedTo(r.claim(localRun(journaled, l.pending)), r.now())
		if state.Leased != nil && queue.has(state.Leased.Run) { // it has ended
			state.Leased = nil
		}
		if state.Leased == nil && l.unreachable != nil {
			state.Leased = r.lastWriter(provisioner, l, localRun(journaled, l.pending), queue)
		}
	}
	if p.open == nil { // an open run keeps its base
		p.base = &baseState{head: b.head, status: found.status, ledger: found.ledger, report: reportOf(b.status),
			trust: a.trust, offline: l.unreachable != nil, intents: b.intents,
			leased: state.Leased}
		for i := range others {
			p.base.openRuns = append(p.base.openRuns, others[i].Run)
		}
		for _, queued := range queue.Reports {
			p.base.queued = append(p.base.queued, queued.Report.Run)
		}
	}
	return state, nil
}

// lastWriter returns a LeaseError unless this process wrote to the branch last, as far as it is
// known. While the branch is out of reach there are no leases, so only the last writer may go on.
// With an election, the leader may. run is the unreported run of this machine.
func (r *Recorder) lastWriter(
	provisioner string, l loadedState, run string, queue *reportQueue,
) *reconcile.LeaseError {
	own := reportOf(l.branch.status).SHA256 == l.record.LastWritten
	if open := l.branch.intents.Lease; open != nil {
		own = r.claim(run).owns(open) || queue.has(open.Intent.Run)
	}
	if own || r.CheckLeader != nil {
		return nil
	}
	return &reconcile.LeaseError{Provisioner: provisioner, Until: r.now().Add(r.leaseDuration()), OutOfReach: true}
}

// publishStored publishes the reports in the state directory, and reports whether there were any.
// If the branch is broken, it queues them.
func (r *Recorder) publishStored(
	ctx context.Context, provisioner string, pending *pendingReport,
) (published bool, err error) {
	if pending == nil {
		published, err = r.publishQueue(ctx, provisioner, nil, false)
		if asBroken(err) != nil {
			return true, nil
		}
		return published, err
	}
	_, err = r.publishPending(ctx, pending)
	if asBroken(err) != nil {
		_, err = r.queueReport(pending)
	}
	return true, err
}

// recordAssessment logs a change of the level of trust and updates the local record: the accepted
// state, or the break.
func (r *Recorder) recordAssessment(
	ctx context.Context, provisioner string, p *provisionerState, record *localRecord, b *branchState, a *assessment,
	writable bool,
) error {
	if level := a.trust.Level; level != p.level && !r.ReadOnly {
		log, args := r.log().InfoContext, []any{"provisioner", provisioner, "trust", level, "reason", a.trust.Reason}
		if level == reconcile.TrustBroken {
			log, args = r.log().ErrorContext, append(args, "approval", a.trust.Release())
		}
		if p.level != "" || level != reconcile.TrustProved {
			log(ctx, "trust in the audit branch", args...)
		}
		p.level = level
	}
	switch {
	case !writable:
		return nil
	case a.trust.Broken():
		found := branchBreak{Head: a.trust.Break, StateDigest: b.digest}
		if record.Break != nil && *record.Break == found {
			return nil
		}
		record.Break = &found
	case b.head == "" || record.sameState(b):
		return nil
	default:
		record.accept(b, a, r.mergeForeign(record, b))
	}
	return r.writeState(r.localRecordPath(provisioner), record)
}

// effectiveState returns the state that a run starts from: that of the branch, with what this
// machine knows and has not published.
func (r *Recorder) effectiveState(
	ctx context.Context, provisioner string, l loadedState, queue *reportQueue,
) (*branchState, error) {
	if l.a.trust.Broken() {
		restored, err := r.restoredState(ctx, provisioner, l.record, l.branch, l.a)
		if err != nil {
			return nil, err
		}
		out := *restored
		out.ledger = restored.ledger.Clone()
		if l.pending != nil {
			queue.add(l.pending)
		}
		queue.applyTo(&out)
		return &out, nil
	}
	out := *l.branch
	if l.pending != nil { // for a reader, it is as good as published
		built, err := r.buildCommit(l.branch, l.pending, nil)
		if err != nil {
			return nil, err
		}
		out.status, out.ledger = built.status, built.ledger
	}
	merge := r.mergeForeign(l.record, l.branch)
	if l.unreachable != nil && len(queue.Reports) > 0 {
		out.ledger = out.ledger.Clone()
		queue.applyTo(&out)
		merge = unionStatus
	}
	if l.pending != nil { // it was made from the merged status
		merge = unionStatus
	}
	out.status = merge(out.status, l.record.Status)
	return &out, nil
}

// mergeForeign returns how the status of a state is merged with what this machine knew.
func (r *Recorder) mergeForeign(
	record *localRecord, b *branchState,
) func(s, known *reconcile.Status) *reconcile.Status {
	own := record.Next != nil && record.Next.StateDigest == b.digest // committed before a crash
	if own || r.CheckSignatures != nil {
		return unionStatus
	}
	return strictStatus
}

// openUses returns the approvals that the runs without a report have used, that of this machine
// included.
func openUses(in *intents, journaled *reconcile.Interrupted) []reconcile.ApprovalUse {
	var out []reconcile.ApprovalUse
	for _, intent := range in.except("") {
		out = append(out, intent.UsedApprovals...)
	}
	if journaled != nil {
		out = append(out, journaled.Intent.UsedApprovals...)
	}
	return reconcile.MergeApprovalRecords(out, nil)
}

// removeTemporaryFiles removes the files that a crash during a write left. Only the holder of the
// lock may call it.
func (r *Recorder) removeTemporaryFiles(provisioner string) error {
	err := errors.Join(atomicfile.Sweep(r.pendingPath(provisioner)), atomicfile.Sweep(r.localRecordPath(provisioner)),
		atomicfile.Sweep(r.queuePath(provisioner)))
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
	lock, err := lockFile(r.lockPath(provisioner))
	if r.ReadOnly && errors.Is(err, fs.ErrPermission) {
		err = nil // another user's state directory: treat its run as active
	}
	if err != nil {
		return false, nil, err
	}
	return lock != nil, lock.Release, nil
}

// journaledRun returns the run in the journal of this machine. If its report is on the branch, it
// removes the journal and returns nil.
func (r *Recorder) journaledRun(
	provisioner string, b *branchState, pending *pendingReport, queue *reportQueue, locked bool,
) (*reconcile.Interrupted, error) {
	name := r.journalPath(provisioner)
	run, err := readJournal(name)
	if err != nil {
		return nil, err
	}
	if run != nil && (pending == nil || pending.Report.Run != run.Intent.Run) && !queue.has(run.Intent.Run) {
		if run.Intent.Provisioner != provisioner {
			return nil, fmt.Errorf("%s is the journal of provisioner %q", name, run.Intent.Provisioner)
		}
		report, err := findRunReport(b.files, b.status, run.Intent.Run, run.Intent.Started,
			reconcile.ReportLink{})
		if err != nil || report == nil {
			return run, err
		}
	}
	if !locked || r.ReadOnly || r.openRun(provisioner) != nil {
		return nil, nil
	}
	if info, err := os.Stat(name); run == nil && err == nil && (info.Size() > 0 || len(b.intents.except("")) > 0) {
		return nil, r.moveDamaged(name, "nothing, if roster ended before the run began; otherwise the next run "+
			"looks up what the run may have created", errors.New("it has no complete line"))
	}
	return nil, atomicfile.Remove(name)
}
