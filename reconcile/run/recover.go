package run

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
)

// recovery is the result of recover.
type recovery struct {
	state  runState          // from which the run goes on
	report *reconcile.Report // of the interrupted run, as published; nil if there was none
	notice string            // for a plan: what a run with Apply will do first
}

// recover completes an interrupted run. What its journal has as done enters the ledger. What has no
// end, or had no valid response, is recorded as uncertain. Then the report is published with
// outcome "interrupted". A run without Apply publishes nothing: the ledger is completed for its
// plan only.
func (r *Runner) recover(ctx context.Context, s runState) (recovery, error) {
	interrupted := s.audit.Interrupted
	if interrupted == nil {
		return recovery{state: s}, nil
	}
	out := recovery{state: s}
	changes := reconcile.Results(interrupted.Entries)
	by := reconcile.Attempt{Run: interrupted.Intent.Run, Commit: interrupted.Intent.Commit.ID,
		Started: interrupted.Intent.Started}
	ledger := s.audit.Ledger.Clone()
	for i := range changes {
		switch d := &changes[i]; {
		case d.Member != "":
		case d.Result == reconcile.ResultDone:
			ledger.RecordLate(d.Change, d.ID, dispositionOf(d), by, r.now())
		case d.Result == reconcile.ResultUnknown:
			ledger.RecordUncertain(d.Change, by, r.now())
		}
	}
	intent := interrupted.Intent
	report := r.interruptedReport(intent, changes)
	status := reconcile.NextStatus(
		reconcile.StatusInput{Before: s.audit.Status, Report: report, Ledger: ledger, Provisioner: s.provisioner,
			OpenUses: s.audit.OpenUses, Started: s.started,
			Interrupted: []reconcile.InterruptedRun{intent.Interrupted(report)}},
	)
	if !s.request.Apply {
		audit := *s.audit
		audit.Ledger, audit.Status = ledger, status
		out.state.audit = &audit
		out.notice = fmt.Sprintf(
			"run %s was interrupted after it had started %d of %d changes; apply completes its report first",
			intent.Run, len(changes), intent.ReleasedChanges)
		return out, nil
	}
	conclusion := reconcile.RunRecord{Report: report, Ledger: ledger, Status: status}
	if _, err := r.Audit.CommitReport(ctx, conclusion); err != nil {
		return out, fmt.Errorf("publish its report: %w", err)
	}
	out.report = report
	var err error
	out.state.audit, err = r.Audit.LoadState(ctx, s.provisioner.Key)
	return out, err
}

func (r *Runner) interruptedReport(intent reconcile.Intent, changes []reconcile.Done) *reconcile.Report {
	report := &reconcile.Report{
		Version: 1, Run: intent.Run, Provisioner: intent.Provisioner, Identity: intent.Identity,
		Outcome: reconcile.RunInterrupted, Trigger: intent.Trigger, Commit: intent.Commit,
		Started: intent.Started, Finished: r.now(), Digest: intent.Digest, Changes: changes,
		RosterVersion: r.Version,
	}
	report.Errors = []string{
		fmt.Sprintf("the run ended without a report after it had started %d of %d changes; the next run completed "+
			"this report from the journal", len(changes), intent.ReleasedChanges),
	}
	for _, used := range intent.UsedApprovals {
		report.Approvals = append(report.Approvals, reconcile.Approved{Digest: used.Digest, Commit: used.Commit})
	}
	report.Count()
	return report
}

// dispositionOf returns the disposition of the user that a journaled change is about.
func dispositionOf(d *reconcile.Done) reconcile.Disposition {
	if d.Kind == reconcile.DeactivateUser && d.Reason.LeftScope {
		return reconcile.Deactivated
	}
	return ""
}
