package run

import (
	"context"
	"fmt"
	"github.com/seed-d64a251c/roster/reconcile"
	"maps"
	"slices"
)

// recover completes the report of a run that a crash cut off: what its journal says was done enters the ledger, what was under way is
// looked up where that can be known, and the report says interrupted. When nothing is to be applied, the ledger is completed for the plan
// alone.
func (s *session) recover(ctx context.Context) error {
	cut := s.past.Interrupted
	if err := s.open(ctx); err != nil {
		return err
	}
	ledger := s.past.Ledger.Clone()
	changes, err := resolve(ctx, s.dir, cut.Entries)
	if err != nil {
		return err
	}
	for i := range changes {
		if d := &changes[i]; d.Result == reconcile.ResultDone && d.Member == "" {
			ledger.Record(&d.Change, d.ID, leavingIf(d), s.now())
		}
	}
	if !s.req.Apply {
		past := *s.past
		past.Ledger = ledger
		s.past = &past
		s.cutOff = fmt.Sprintf("run %s was interrupted after %d of %d changes had been begun; apply completes its report first", cut.Intent.Run,
			len(changes), cut.Intent.ReleasedChanges)
		return nil
	}
	r := &reconcile.Report{Version: 1, Run: cut.Intent.Run, Provisioner: cut.Intent.Provisioner, Identity: cut.Intent.Identity, Outcome: reconcile.RunInterrupted,
		Trigger: cut.Intent.Trigger, Commit: cut.Intent.Commit, Started: cut.Intent.Started, Finished: s.now(), Digest: cut.Intent.Digest,
		Changes: changes, RosterVersion: s.Version}
	r.Errors = []string{fmt.Sprintf("the run ended without a report: %d of %d changes had been begun; completed from the journal by the next run",
		len(changes), cut.Intent.ReleasedChanges)}
	r.Count()
	status := reconcile.NextStatus(reconcile.StatusInput{Before: s.past.Status, Report: r, Ledger: ledger, Provisioner: s.provisioner, Started: s.started})
	if _, err := s.Audit.Conclude(ctx, reconcile.Conclusion{Report: r, Ledger: ledger, Status: status}); err != nil {
		return fmt.Errorf("publish its report: %w", err)
	}
	s.out.Recovered = r
	s.past, err = s.Audit.Past(ctx, s.provisioner.Key)
	return err
}

func leavingIf(d *reconcile.Done) reconcile.Disposition {
	if d.Kind == reconcile.DeactivateUser && d.Reason.LeftScope {
		return reconcile.Deactivated
	}
	return ""
}

// resolve folds a journal into results: a write's last entry counts. A creation without an end is looked up by externalId; other writes
// without an end stay unknown, for the next plan compares them anyway.
func resolve(ctx context.Context, f reconcile.Finder, entries []reconcile.Entry) ([]reconcile.Done, error) {
	last := map[int]reconcile.Entry{}
	for _, e := range entries {
		last[e.Seq] = e
	}
	var out []reconcile.Done
	for _, seq := range slices.Sorted(maps.Keys(last)) {
		e := last[seq]
		for _, d := range e.Changes {
			if !e.Ended {
				d.Result = reconcile.ResultUnknown
				if err := lookUp(ctx, f, &d); err != nil {
					return nil, err
				}
			}
			out = append(out, d)
		}
	}
	if out == nil {
		out = []reconcile.Done{}
	}
	return out, nil
}

func lookUp(ctx context.Context, f reconcile.Finder, d *reconcile.Done) error {
	found := func(id string, ok bool, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("look up %s: %w", d.Ref(), err)
		case ok:
			d.Result, d.ID = reconcile.ResultDone, id
		default:
			d.Result, d.Error = reconcile.ResultFailed, "not there when looked up after the interruption"
		}
		return nil
	}
	switch d.Kind {
	case reconcile.CreateUser:
		u, ok, err := f.UserByExternalID(ctx, d.Key)
		return found(u.ID, ok, err)
	case reconcile.CreateGroup:
		g, ok, err := f.GroupByExternalID(ctx, d.Key)
		return found(g.ID, ok, err)
	}
	return nil
}
