package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/schema"
)

// report returns the report of a run that had a plan. stopped is what ended it early, or nil.
func (r *Runner) report(id string, s runState, plan *reconcile.Plan, applied *reconcile.ApplyResult,
	stopped error) *reconcile.Report {
	stopped = r.advised(s, stopped)
	report := r.emptyReport(id, s)
	results := applied.Changes // there may be a million: only a run with unsettled writes copies them
	if unsettled := s.unsettled(applied.Ledger); len(unsettled) > 0 {
		results = append(unsettled, results...)
	}
	report.Record(plan, results, applied.Ledger)
	if stopped != nil {
		report.Errors = append(report.Errors, stopped.Error())
		report.Outcome = outcomeOf(stopped)
	}
	r.reportQuarantine(report, s, stopped)
	return report
}

// advised adds to an error that ended a run what to do about it.
func (r *Runner) advised(s runState, err error) error {
	if err == nil || r.Advise == nil || errors.Is(err, ErrNeedsAuthorization) {
		return err
	}
	return reconcile.WithAdvice(err, r.Advise(s.provisioner, s.audit.Status, err))
}

func (r *Runner) emptyReport(id string, s runState) *reconcile.Report {
	return &reconcile.Report{
		Version: 1, Run: id, Provisioner: s.provisioner.Key, Identity: s.provisioner.Identity(),
		Trigger: s.request.Trigger, RequestedBy: s.request.RequestedBy, Commit: s.request.Commit,
		Started: s.started, Finished: r.now(),
		Changes: []reconcile.Done{}, RosterVersion: r.Version,
		Audit: reconcile.NewAuditSummary(s.audit.Trust, s.audit.Unproved, nil, s.started),
	}
}

// outcomeOf returns the outcome of a run that an error ended.
func outcomeOf(err error) reconcile.Outcome {
	switch {
	case errors.Is(err, ErrNeedsAuthorization):
		return reconcile.RunNeedsAuthorization
	case errors.Is(err, reconcile.ErrUnauthorized):
		return reconcile.RunFailed
	case errors.Is(err, context.Canceled), errors.Is(err, ErrSuperseded), errors.Is(err, reconcile.ErrLeaseLost):
		return reconcile.RunInterrupted
	}
	return reconcile.RunFailed
}

// conclusion is what a run has to publish, and what it knows of the directory now.
type conclusion struct {
	report   *reconcile.Report
	plan     *reconcile.Plan    // nil for a run that failed before it had a plan
	desired  *reconcile.Desired // nil if it is not known
	ledger   *reconcile.Ledger
	cached   *observe.CachedDirectory // nil if nothing reliable is known
	redactor *reconcile.Redactor
	evidence map[string]*reconcile.ApprovalEvidence
	// reviewRules are the review rules in force once the commit is applied.
	reviewRules []schema.Review
	// auditRelease is the approval that released gate audit; nil if there was none.
	auditRelease *reconcile.Approved
}

// publishTime is how long publishing a report may take. A million changes take half a minute of
// processor time to encode, compress and commit, and the processor may be busy.
func publishTime(changes int) time.Duration {
	return time.Minute + time.Duration(changes)*300*time.Microsecond
}

// conclude publishes a report with the ledger and the status that follow from it, and stores what
// is known of the directory. It sets the report of the result as published, even if publishing
// fails.
func (r *Runner) conclude(ctx context.Context, s runState, c conclusion, result *Result) error {
	status := reconcile.NextStatus(reconcile.StatusInput{
		Before: s.audit.Status, Report: c.report, Ledger: c.ledger, Plan: c.plan, Provisioner: s.provisioner,
		Evidence: c.evidence, OpenUses: s.audit.OpenUses, ReviewRules: c.reviewRules, Started: s.started,
		Interrupted: s.lostRuns(),
	})
	published := *c.report
	published.Changes, published.Facts = c.redactor.Results(c.report.Changes), c.redactor.Facts(c.report.Facts)
	published.Summarize()
	// A run that was told to stop must still publish its report.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTime(len(c.report.Changes)))
	defer cancel()
	record := reconcile.RunRecord{
		Report: &published, Ledger: c.ledger, Status: status, Verified: verifiedEntries(c.plan),
		DroppedLookedUp: s.lookedUp && c.plan != nil,
	}
	if c.plan == nil || !c.plan.HoldsLostRun {
		record.TakenOver = s.takenOver
	}
	if c.plan != nil {
		record.Release = c.auditRelease
	}
	record.Unproved.Unconfirmed = s.audit.Unproved.Unconfirmed
	if s.previousKey != "" {
		record.Unproved = s.audit.Unproved
	}
	result.Report, result.After = &published, &After{Desired: c.desired, Ledger: c.ledger, Status: status}
	receipt, err := r.Audit.CommitReport(ctx, record)
	if err != nil {
		// If it waits on this machine, the next run publishes it first. Then the cache counts.
		r.store(s, c.cached, published.Run, reconcile.Receipt{Queued: true})
		return fmt.Errorf("publish the report: %w", err)
	}
	result.Receipt = receipt
	r.store(s, c.cached, published.Run, receipt)
	return nil
}

// verifiedEntries returns the unproved entries for which a plan had evidence.
func verifiedEntries(plan *reconcile.Plan) reconcile.UnprovedEntries {
	if plan == nil || plan.Linking == nil {
		return reconcile.UnprovedEntries{}
	}
	return plan.Linking.Verified
}

// store stores the known state of the directory for the next run, under the run in the current
// status.
func (r *Runner) store(s runState, cached *observe.CachedDirectory, id string, receipt reconcile.Receipt) {
	if r.Cache == nil {
		return
	}
	if s.previousKey != "" {
		r.Cache.Store(s.previousKey, nil)
	}
	if cached == nil || s.audit.Trust.Broken() {
		r.Cache.Store(s.provisioner.Key, nil)
		return
	}
	c := *cached
	if c.Run = id; receipt.Commit == "" && !receipt.Queued { // the run was only counted
		c.Run = s.audit.Status.Run
	}
	r.Cache.Store(s.provisioner.Key, &c)
}

// fail ends a run that has no plan. If the run was to apply, the failure is reported, unless the
// run was told to stop: then there is nothing to report.
func (r *Runner) fail(ctx context.Context, s runState, cached *observe.CachedDirectory, result *Result,
	failure error) (*Result, error) {
	failure = r.advised(s, failure)
	if refusal := refusalOf(failure); refusal != nil {
		failure = refusal
	}
	if !s.request.Apply || ctx.Err() != nil {
		r.keep(s, cached)
		return result, failure
	}
	if s.audit.Interrupted != nil { // its report must come first
		r.refused(s, failure, 0)
		return result, failure
	}
	err := r.reportFailure(ctx, s, cached, failure, result)
	result.LookAgain = result.Report.NextLookup(s.audit.Ledger, r.now())
	return result, errors.Join(failure, err)
}

func (r *Runner) reportFailure(ctx context.Context, s runState, cached *observe.CachedDirectory,
	failure error, result *Result) error {
	report := r.emptyReport(r.idOf(s.request), s)
	report.Outcome = reconcile.RunFailed
	if errors.Is(failure, ErrNeedsAuthorization) {
		report.Outcome = reconcile.RunNeedsAuthorization
	}
	report.Errors = []string{failure.Error()}
	report.Changes = s.unsettled(s.audit.Ledger)
	report.Count()
	report.Quarantine = r.refused(s, failure, 0)
	return r.conclude(ctx, s, conclusion{report: report, ledger: s.audit.Ledger, cached: cached}, result)
}

// Refuse reports that the declarations of a commit are invalid, in the chain of a provisioner that
// an earlier commit declared. Nothing is read from the directory or sent.
func (r *Runner) Refuse(ctx context.Context, p *schema.Provisioner, commit reconcile.CommitRef, trigger string,
	problems error) (*Result, error) {
	audit, err := r.Audit.LoadState(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read the audit state: %w", err)
	}
	if audit.Interrupted != nil { // the next valid run completes that run; its report must come first
		return &Result{}, nil
	}
	s := runState{
		request:     Request{Provisioner: p.Key, Commit: commit, Trigger: trigger, Apply: true},
		provisioner: p,
		audit:       audit,
		started:     r.now(),
	}
	s = s.takeOver()
	cached, _ := observe.LoadCached(r.Cache, p, audit)
	result := &Result{LastApplied: audit.Status.LastAppliedCommit()}
	return result, r.reportFailure(ctx, s, cached, problems, result)
}
