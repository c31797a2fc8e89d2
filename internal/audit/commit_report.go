package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// CommitReport publishes the report of a run with its ledger and status, and ends the run. If it
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
		return lock.release, err
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
	return run.lock.release, nil
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
	if earlier != nil {
		return r.publishEarlier(ctx, p, earlier, c.Report.Run)
	}
	record, err := r.readLocalRecord(provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	pending, last := newPendingReport(p.base, c, record), reportOf(p.base.status)
	if journaled == nil && len(pending.ResolvedRuns) == 0 && pending.LedgerChanges.empty() &&
		repeats(p.base.status, c) && record.sameErrors(last, c.Report.Errors) {
		return r.countRepeat(c, record, last)
	}
	r.at("before the report is stored")
	if err := r.writeState(r.pendingPath(provisioner), pending); err != nil {
		return reconcile.Receipt{}, fmt.Errorf("store the report: %w", err)
	}
	r.at("report stored")
	receipt, err := r.publish(ctx, pending, journaled == nil)
	if errors.Is(err, reconcile.ErrLeased) {
		return receipt, errors.Join(err, atomicfile.Remove(r.pendingPath(provisioner)))
	}
	if err != nil {
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
	r.log().Info("published a pending report", "provisioner", p.Report.Provisioner, "run", p.Report.Run)
	return receipt, nil
}

// publish commits a stored report and then removes it from the state directory. It can be repeated
// at any time. With failIfLeased, it fails with reconcile.ErrLeased while another run has the
// lease.
func (r *Recorder) publish(ctx context.Context, p *pendingReport, failIfLeased bool) (reconcile.Receipt, error) {
	provisioner := p.Report.Provisioner
	record, err := r.readLocalRecord(provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	var built *builtCommit
	var trusted bool
	commit, err := r.commit(ctx, func(head string, files fs.FS) (commitInput, error) {
		b, err := readBranchState(files, provisioner, r.ledgerCache())
		if err != nil {
			return commitInput{}, err
		}
		if built, err = r.buildCommit(b, p); err != nil || len(built.input.files) == 0 {
			trusted = false
			return commitInput{}, err
		}
		if err := b.intents.checkLease(p.Report.Run, r.now()); failIfLeased && err != nil {
			return commitInput{}, err
		}
		if trusted = p.Trusted && r.baseUnchanged(ctx, record, head, b, p); trusted {
			record.NextStateDigest = built.digest
			if err := r.writeState(r.localRecordPath(provisioner), record); err != nil {
				return commitInput{}, err
			}
		}
		r.at("before the report is committed")
		return built.input, nil
	})
	if err != nil {
		return reconcile.Receipt{}, err
	}
	r.at("report committed")
	record.setLastReport(built.link, p.Report.Errors)
	if trusted {
		record.TrustedHead, record.StateDigest, record.NextStateDigest = commit, built.digest, ""
	}
	if err := r.writeState(r.localRecordPath(provisioner), record); err != nil {
		return reconcile.Receipt{}, err
	}
	r.at("local record updated")
	return reconcile.Receipt{Commit: commit, Report: built.link}, r.removeRunFiles(provisioner)
}

// baseUnchanged reports whether the branch is as the run found it, or is signed. Only then the
// commit is as trusted as what the run found.
func (r *Recorder) baseUnchanged(
	ctx context.Context, record *localRecord, head string, b *branchState, p *pendingReport,
) bool {
	return b.digest == p.BaseDigest ||
		r.CheckSignatures != nil && head != "" && r.CheckSignatures(ctx, record.TrustedHead, head) == nil
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
