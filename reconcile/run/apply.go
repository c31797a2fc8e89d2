package run

import (
	"context"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/apply"
)

// intent returns the record that is published before the first write.
func (r *Runner) intent(id string, s runState, plan *reconcile.Plan) reconcile.Intent {
	in := reconcile.Intent{
		Version: 1, Run: id, Provisioner: plan.Provisioner, Identity: plan.Identity, Digest: plan.Digest,
		ReleasedChanges: plan.Released(), Commit: s.request.Commit, Trigger: s.request.Trigger, Started: s.started,
		UsedApprovals: plan.UsedApprovals(s.started),
		Host:          r.Host, RosterVersion: r.Version,
	}
	in.RecordKeys(plan)
	return in
}

// The times in which an endpoint refuses a call, if it does. A write that takes longer, for example
// because it is repeated, does not delay others. The time of an endpoint on this machine allows 400
// writes a second, however long each takes.
const (
	refusalTime      = 3 * time.Second
	localRefusalTime = 5 * time.Millisecond
)

// apply sends what a plan releases. The error is what stopped the run early; the result is complete
// either way.
func (r *Runner) apply(ctx context.Context, id string, s runState, in inputs, plan *reconcile.Plan,
	ledger *reconcile.Ledger) (*reconcile.ApplyResult, error) {
	input := apply.Input{
		Directory: in.directory, Journal: redactingJournal{r.Audit, in.redactor}, Plan: plan, Ledger: ledger,
		Attempt: reconcile.Attempt{Run: id, Commit: s.request.Commit.ID, Started: s.started},
		Now:     r.now, Workers: s.provisioner.Rate.Concurrency, Grace: r.Grace,
	}
	if plan.Released() == 0 {
		return apply.Nothing(input), nil
	}
	input.Probe = func(ctx context.Context, refused reconcile.Ref) error { return probe(ctx, in.directory, refused) }
	input.Cautious = s.quarantine != nil
	input.RefusalTime = refusalTime
	if s.provisioner.Rate.PerSecond == 0 { // unlimited, so the endpoint is on this machine
		input.RefusalTime = localRefusalTime
	}
	if input.Grace == 0 {
		input.Grace = 10 * time.Second
	}
	input.CheckLease = func() error { return r.Audit.CheckLease(s.provisioner.Key, id) }
	if progress := r.progress(s.request); progress != nil {
		input.Progress = func(done, total int) { progress("apply", done, total) }
	}
	return apply.Apply(ctx, input)
}

// redactingJournal redacts the entries of a journal: they become the report of a run that is
// interrupted.
type redactingJournal struct {
	apply.Journal
	redactor *reconcile.Redactor
}

func (j redactingJournal) BeginWrites(entries ...reconcile.Entry) error {
	out := slices.Clone(entries)
	for i := range out {
		out[i].Changes = j.redactor.Results(out[i].Changes)
	}
	return j.Journal.BeginWrites(out...)
}

func (j redactingJournal) EndWrite(e reconcile.Entry) error {
	e.Changes = j.redactor.Results(e.Changes)
	return j.Journal.EndWrite(e)
}
