package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// CommitReport publishes the report of a run with its ledger and status, and ends the run. If the
// branch was out of reach when the run loaded the state, it queues the report instead. If it
// fails after it stored the report in the state directory, the run has ended too: LoadState
// publishes the report later. It fails with reconcile.ErrLeased, and stores nothing, if the run had
// no intent and another run is active.
func (r *Recorder) CommitReport(ctx context.Context, c reconcile.RunRecord) (reconcile.Receipt, error) {
	if c.Report == nil || c.Ledger == nil || c.Status == nil {
		return reconcile.Receipt{}, errors.New("a run record needs a report, a ledger and a status")
	}
	provisioner := c.Report.Provisioner
	p, err := r.lockProvisioner(context.WithoutCancel(ctx), provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	defer p.unlock()
	release, err := r.closeRun(p, &c)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	defer release()
	receipt, err := r.commitReport(ctx, p, &c)
	if err != nil {
		return reconcile.Receipt{}, fmt.Errorf("report run %s of %s: %w", c.Report.Run, provisioner, err)
	}
	return receipt, nil
}

// closeRun closes the journal of the open run and stops its renewal. It takes the lock if there is
// no open run. The result releases the lock.
func (r *Recorder) closeRun(p *provisionerState, c *reconcile.RunRecord) (release func(), err error) {
	provisioner := c.Report.Provisioner
	switch {
	case r.ReadOnly:
		return nil, errReadOnly
	case c.Report.Run == "" || c.Status.Provisioner != provisioner || c.Status.Run != c.Report.Run:
		return nil, errors.New("the report and the status of a run record must name the same run")
	case p.base == nil:
		return nil, fmt.Errorf("%s: CommitReport needs LoadState first", provisioner)
	case p.open == nil:
		lock, err := r.lockOrFail(provisioner)
		return lock.Release, err
	case p.open.intent.Run != c.Report.Run:
		return nil, fmt.Errorf("%s: run %s has not been reported yet", provisioner, p.open.intent.Run)
	}
	run := p.open
	r.setOpenRun(p, nil)
	run.lease.stopRenewal()
	if err := run.journal.close(); err != nil {
		r.log().Warn("cannot close the journal; its entries are on disk",
			"provisioner", provisioner, "run", run.intent.Run, "error", err)
	}
	return run.lock.Release, nil
}

func (r *Recorder) commitReport(
	ctx context.Context, p *provisionerState, c *reconcile.RunRecord,
) (reconcile.Receipt, error) {
	provisioner := c.Report.Provisioner
	journaled, err := readIntent(r.journalPath(provisioner))
	if err != nil {
		return reconcile.Receipt{}, err
	}
	if journaled != nil && journaled.Run != c.Report.Run {
		return reconcile.Receipt{}, fmt.Errorf("run %s must be reported first", journaled.Run)
	}
	earlier, err := r.readPending(provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	if earlier != nil && !p.base.offline { // LoadState has queued it otherwise
		return r.publishEarlier(ctx, p, earlier, c.Report.Run)
	}
	record, err := r.readLocalRecord(provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	pending := newPendingReport(p.base, c, record)
	broken := p.base.trust.Broken()
	if broken && c.Release == nil {
		return r.queueReport(pending)
	}
	if p.base.offline && len(p.base.queued) > 0 { // the queue counts what repeats its last report
		return r.queueReport(pending)
	}
	if !broken && journaled == nil && len(pending.ResolvedRuns) == 0 && pending.LedgerChanges.empty() &&
		repeats(p.base.status, c) && record.sameErrors(p.base.report, c.Report.Errors) {
		return r.countRepeat(c, record, p.base.report)
	}
	if p.base.offline {
		return r.queueReport(pending)
	}
	r.at("before the report is stored")
	if err := r.storeParts(pending); err != nil {
		return reconcile.Receipt{}, fmt.Errorf("store the report: %w", err)
	}
	if err := r.writeState(r.pendingPath(provisioner), pending); err != nil {
		return reconcile.Receipt{}, fmt.Errorf("store the report: %w", err)
	}
	r.at("report stored")
	receipt, err := r.publish(ctx, pending, journaled == nil)
	switch {
	case errors.Is(err, reconcile.ErrLeased):
		return receipt, errors.Join(err, atomicfile.Remove(r.pendingPath(provisioner)), r.removeParts(pending))
	case asBroken(err) != nil:
		_, failed := r.queueReport(pending)
		return receipt, errors.Join(fmt.Errorf("publish the report (stored in %s until the branch is released): %w",
			r.queuePath(provisioner), err), failed)
	case err != nil:
		return receipt, fmt.Errorf("publish the report (stored in %s, the next run retries): %w",
			r.pendingPath(provisioner), err)
	}
	p.base = nil // the next run must load the state, with the commits of other runs
	return receipt, nil
}

// publishEarlier publishes a pending report that must precede the report of run.
func (r *Recorder) publishEarlier(
	ctx context.Context, p *provisionerState, earlier *pendingReport, run string,
) (reconcile.Receipt, error) {
	receipt, err := r.publishPending(ctx, earlier)
	if err != nil {
		return receipt, err
	}
	p.base = nil // it is not the state of the branch any more
	if earlier.Report.Run != run {
		err = fmt.Errorf("%w: run %s was reported since this run loaded the state", reconcile.ErrLeased,
			earlier.Report.Run)
	}
	return receipt, err
}

// countRepeat counts a run that repeats the last report.
func (r *Recorder) countRepeat(
	c *reconcile.RunRecord, record *localRecord, last reconcile.ReportLink,
) (reconcile.Receipt, error) {
	n := record.repeatsOf(last) + 1
	if record.LastReportSHA256 != last.SHA256 {
		record.setLastReport(last, c.Report.Errors)
	}
	record.Repeats = n
	record.Unproved = without(record.Unproved, c.Verified)
	record.UndecidedMembers = nil
	if c.DroppedLookedUp {
		record.Dropped = nil
	}
	if err := r.writeState(r.localRecordPath(c.Report.Provisioner), record); err != nil {
		return reconcile.Receipt{}, fmt.Errorf("count the run: %w", err)
	}
	return reconcile.Receipt{Report: last, Repeats: record.Repeats}, nil
}

// publishPending publishes a report that an earlier call stored.
func (r *Recorder) publishPending(ctx context.Context, p *pendingReport) (reconcile.Receipt, error) {
	receipt, err := r.publish(ctx, p, false)
	if err != nil {
		return receipt, fmt.Errorf("publish the pending report of run %s: %w", p.Report.Run, err)
	}
	r.log().InfoContext(ctx, "published a pending report", "provisioner", p.Report.Provisioner, "run", p.Report.Run)
	return receipt, nil
}

// publish publishes the queued reports, then commits a stored report and removes it from the state
// directory. It can be repeated at any time. With failIfLeased, it fails with reconcile.ErrLeased
// while another run has the lease. It fails with a brokenError if the branch is broken and the
// report does not restart the chain.
func (r *Recorder) publish(ctx context.Context, p *pendingReport, failIfLeased bool) (reconcile.Receipt, error) {
	if _, err := r.publishQueue(ctx, p.Report.Provisioner, p.Restart, failIfLeased); err != nil {
		return reconcile.Receipt{}, err
	}
	receipt, err := r.commitPending(ctx, p, failIfLeased)
	if err != nil {
		return receipt, err
	}
	return receipt, errors.Join(r.removeRunFiles(p.Report.Provisioner), r.removeParts(p))
}

// commitPending commits a report, unless it is on the branch, and records the state after it.
func (r *Recorder) commitPending(
	ctx context.Context, p *pendingReport, failIfLeased bool,
) (reconcile.Receipt, error) {
	provisioner := p.Report.Provisioner
	record, err := r.readLocalRecord(provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	var built *builtCommit
	var after *assessment // nil if the report is on the branch already
	commit, err := r.commit(ctx, func(head string, files fs.FS) (commitInput, error) {
		b, err := readBranchState(files, provisioner, r.ledgerCache())
		if err != nil {
			return commitInput{}, err
		}
		b.head = head
		if built, after, err = r.build(ctx, record, b, p); err != nil || after == nil {
			return commitInput{}, err
		}
		if err := b.intents.checkLease(r.claim(p.Report.Run), r.now()); failIfLeased && err != nil {
			return commitInput{}, err
		}
		record.Next = &nextState{StateDigest: built.digest, Unproved: after.unproved, Dropped: after.dropped}
		if err := r.writeState(r.localRecordPath(provisioner), record); err != nil {
			return commitInput{}, err
		}
		r.at("before the report is committed")
		return built.input, nil
	})
	if err != nil {
		return reconcile.Receipt{}, err
	}
	r.at("report committed")
	record.setLastReport(built.link, p.Report.Errors)
	record.LastWritten = built.link.SHA256
	if after != nil {
		record.accept(&branchState{head: commit, digest: built.digest, status: built.status}, after, unionStatus)
		record.acceptApplied(built.status, p.Report.Started)
	}
	if err := r.writeState(r.localRecordPath(provisioner), record); err != nil {
		return reconcile.Receipt{}, err
	}
	r.at("local record updated")
	return reconcile.Receipt{Commit: commit, Report: built.link}, nil
}

// removeRunFiles removes the journal and the pending report of a run whose report is on the branch.
func (r *Recorder) removeRunFiles(provisioner string) error {
	if err := atomicfile.Remove(r.journalPath(provisioner)); err != nil {
		return err
	}
	r.at("journal removed")
	if err := atomicfile.Remove(r.pendingPath(provisioner)); err != nil {
		return err
	}
	r.at("pending report removed")
	return nil
}
