package run

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// recovery is the result of recover.
type recovery struct {
	state     runState            // from which the run goes on
	directory reconcile.Directory // nil if no connection was needed
	report    *reconcile.Report   // of the interrupted run, as published; nil if there was none
	notice    string              // for a plan: what a run with Apply will do first
}

// recover completes an interrupted run. What its journal has as done enters the ledger. A creation
// without an end is looked up. Then the report is published with outcome "interrupted". A run
// without Apply publishes nothing: the ledger is completed for its plan only.
func (r *Runner) recover(ctx context.Context, s runState) (recovery, error) {
	interrupted := s.audit.Interrupted
	if interrupted == nil {
		return recovery{state: s}, nil
	}
	dir, err := r.connect(ctx, s)
	if err != nil {
		return recovery{}, err
	}
	out := recovery{state: s, directory: dir}
	changes, err := resolveEntries(ctx, dir, interrupted.Entries)
	if err != nil {
		return out, err
	}
	ledger := s.audit.Ledger.Clone()
	for i := range changes {
		switch d := &changes[i]; {
		case d.Member != "":
		case d.Result == reconcile.ResultDone:
			ledger.Record(&d.Change, d.ID, dispositionOf(d), r.now())
		case d.Result == reconcile.ResultUnknown:
			ledger.RecordUncertain(&d.Change, r.now())
		}
	}
	intent := interrupted.Intent
	if !s.request.Apply {
		audit := *s.audit
		audit.Ledger = ledger
		out.state.audit = &audit
		out.notice = fmt.Sprintf(
			"run %s was interrupted after it had started %d of %d changes; apply completes its report first",
			intent.Run, len(changes), intent.ReleasedChanges)
		return out, nil
	}
	report := r.interruptedReport(intent, changes)
	status := reconcile.NextStatus(
		reconcile.StatusInput{Before: s.audit.Status, Report: report, Ledger: ledger, Provisioner: s.provisioner,
			OpenUses: s.audit.OpenUses, Started: s.started},
	)
	conclusion := reconcile.RunRecord{Report: report, Ledger: ledger, Status: status}
	if _, err := r.Audit.CommitReport(ctx, conclusion); err != nil {
		return out, fmt.Errorf("publish its report: %w", err)
	}
	out.report = report
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

// resolveEntries turns a journal into results: the last entry of a write counts. A creation without
// an end is looked up by externalId. Other writes without an end stay unknown; the next plan
// compares their objects.
func resolveEntries(ctx context.Context, f reconcile.Finder, entries []reconcile.Entry) ([]reconcile.Done, error) {
	last := map[int]reconcile.Entry{}
	for _, e := range entries {
		last[e.Seq] = e
	}
	out := []reconcile.Done{}
	for _, seq := range slices.Sorted(maps.Keys(last)) {
		e := last[seq]
		for _, d := range e.Changes {
			if !e.Ended {
				d.Result = reconcile.ResultUnknown
				if err := lookUpCreated(ctx, f, &d); err != nil {
					return nil, fmt.Errorf("look up %s: %w", d.Ref(), err)
				}
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// lookUpCreated looks up whether a creation took effect, and sets the result. It leaves other
// changes as they are.
func lookUpCreated(ctx context.Context, f reconcile.Finder, d *reconcile.Done) error {
	if d.Kind.Action() != reconcile.ActionCreate {
		return nil
	}
	var id string
	var ok bool
	switch d.Kind.Info().Object {
	case reconcile.ObjectUser:
		u, found, err := f.UserByExternalID(ctx, d.Key)
		if err != nil {
			return err
		}
		id, ok = u.ID, found
	case reconcile.ObjectGroup:
		g, found, err := f.GroupByExternalID(ctx, d.Key)
		if err != nil {
			return err
		}
		id, ok = g.ID, found
	default:
		return nil
	}
	if ok {
		d.Result, d.ID = reconcile.ResultDone, id
	} else {
		d.Result, d.Error = reconcile.ResultFailed, "not found when it was looked up after the interruption"
	}
	return nil
}
