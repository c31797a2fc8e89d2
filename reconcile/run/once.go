package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/schema"
)

// Once makes one run of one provisioner:
//
//	load state -> recover -> look up the unconfirmed -> load inputs -> observe and plan
//	-> intent -> apply -> conclude
//
// The inputs are the desired state, the last applied state, the reviews and the connection. The
// plan has the gates that hold its changes. Without req.Apply the run ends with the plan. The error
// is why the run did not reach its end. What was sent before the error is in the report. While
// another holder has the lease, a run with Apply reads nothing from the directory. A newer commit
// never ends a read: see Supersession.
func (r *Runner) Once(ctx context.Context, req Request) (*Result, error) {
	state, err := r.loadState(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := state.audit.JournalError; err != nil {
		return nil, err
	}
	if req.Dormant && state.neverEnabled() {
		return &Result{}, nil
	}
	if leased := state.audit.Leased; req.Apply && leased != nil {
		return nil, leased
	}
	known := r.known(&state)
	cached := known.cached
	result := &Result{LastApplied: state.audit.Status.LastAppliedCommit(), OutOfReach: state.outOfReach()}
	if err := r.tryQuarantined(ctx, &state); err != nil {
		return r.fail(ctx, state, cached, result, err)
	}
	recovered, err := r.recover(ctx, state)
	result.Recovered = recovered.report
	if err != nil {
		err = r.advised(state, err)
		r.refused(state, err, 0)
		return result, fmt.Errorf("complete the interrupted run %s: %w", state.audit.Interrupted.Intent.Run, err)
	}
	state, directory, err := r.restoreDropped(ctx, recovered.state)
	if err != nil {
		return r.fail(ctx, recovered.state, cached, result, err)
	}
	state = state.takeOver()
	if state, directory, err = r.resolveUnconfirmed(ctx, state, directory); err != nil {
		return r.fail(ctx, state, cached, result, err)
	}
	inputs, err := r.loadInputs(ctx, state, directory)
	if err != nil {
		return r.fail(ctx, state, cached, result, err)
	}
	result.Unanswered = inputs.unanswered
	reader := r.reader(state, inputs, known)
	planning := r.now()
	if reader.Interrupted, err = r.interruptedInputs(ctx, &state, inputs); err != nil {
		return r.fail(ctx, state, cached, result, err)
	}
	reader.Compared = func(difference string) { result.Compared, result.Mismatch = true, difference }
	plan, view, err := reader.ObserveAndPlan(ctx, inputs.plan, inputs.reviews)
	if view != nil {
		cached = view.CachedDirectory
	}
	if err != nil {
		return r.fail(ctx, state, cached, result, err)
	}
	if full := plan.FullRead; full != nil && r.Log != nil {
		r.Log.InfoContext(ctx, "the whole directory was read", "provisioner", state.provisioner.Key, "reason",
			full.Reason, "calls", full.Calls)
	}
	result.keepForNext(state, inputs, plan)
	r.annotate(plan, view.Observed, state, inputs, recovered.notice)
	if req.Supersession.replacesPlan() {
		result.Replaced = &ReplacedRun{state.audit.Status.RunID(), state.provisioner.Identity(), view}
		r.keep(state, cached)
		return result, ErrSuperseded
	}
	result.Plan = inputs.redactor.Plan(plan)
	if !req.Apply {
		return result, nil
	}
	if req.Digest != "" && req.Digest != plan.Digest {
		return result, &DigestError{Want: req.Digest, Have: plan.Digest}
	}
	missing := reader.ConfirmMissing(ctx, view, plan, state.audit.Ledger)
	p := planned{
		id: r.idOf(req), plan: plan, view: view, missing: missing,
		ledger: reconcile.NextLedger(state.audit.Ledger, plan, missing, state.started),
		rules:  inputs.reviews.NextRules(req.Declarations, state.provisioner.Identity()),
		began:  planning,
	}
	if req.Discard != nil {
		state.request.Declarations, req.Declarations, reader = nil, nil, nil
		inputs = inputs.forApply()
		plan.Basis, plan.Target, result.Plan, result.Kept = nil, plan.Target.ForApply(), nil, nil
		req.Discard()
	}
	return r.execute(ctx, state, inputs, p, result)
}

// planned is a plan with what else its execution takes.
type planned struct {
	id      string // of the run
	plan    *reconcile.Plan
	view    *observe.View
	missing reconcile.Missing
	ledger  *reconcile.Ledger
	rules   []schema.Review // the review rules in force once the commit is applied
	began   time.Time       // when the directory began to be read
}

// execute applies a plan and publishes the report.
func (r *Runner) execute(ctx context.Context, state runState, in inputs, p planned, result *Result) (*Result, error) {
	if p.plan.Released() > 0 {
		intent := r.intent(p.id, state, p.plan)
		if err := r.Audit.BeginRun(ctx, intent); err != nil {
			return result, fmt.Errorf("publish the intent: %w", err)
		}
	}
	noteMissing(p.plan, p.missing, p.ledger)
	applyCtx, release := state.request.Supersession.whileCurrent(ctx, r.now().Sub(p.began))
	applied, stopped := r.apply(applyCtx, p.id, state, in, p.plan, p.ledger)
	release()
	p.view.Record(applied, r.now())
	result.Ended = r.endQuarantine(state, applied, stopped)
	end := conclusion{
		report: r.report(p.id, state, p.plan, applied, stopped), plan: p.plan, ledger: p.ledger,
		reviewRules: p.rules, evidence: in.plan.ApprovalEvidence,
		cached: p.view.CachedDirectory, redactor: in.redactor, auditRelease: in.plan.AuditRelease,
		desired: in.plan.Desired,
	}
	result.LookAgain = leaveOpen(end.report, p.missing, applied.Ledger, r.now())
	return result, errors.Join(stopped, r.conclude(ctx, state, end, result))
}

// reader returns a reader of the directory for a run.
func (r *Runner) reader(s runState, in inputs, known known) *observe.Reader {
	return &observe.Reader{
		Directory: in.directory, Provisioner: s.provisioner, Started: s.started, Trigger: s.request.Trigger,
		Cached: known.cached, NotCached: known.notCached, Replaced: known.replaced,
		Basis: s.request.Kept.basisOf(), Verify: r.VerifyKept,
		Progress: r.progress(s.request), Evidence: r.evidence(s), Causes: r.causes(s, in.lastApplied),
	}
}

// annotate completes a plan with what does not decide about its changes: the violated assertions
// and the notices of the run.
func (r *Runner) annotate(plan *reconcile.Plan, observed *reconcile.Observed, s runState, in inputs,
	interrupted string) {
	req := s.request
	plan.Dirty = req.Dirty
	plan.Violations = append(reconcile.AssertDeclared(req.Declarations, s.started, in.plan.Desired),
		reconcile.AssertObserved(req.Declarations, observed, plan.Linking)...)
	plan.Violations = append(plan.Violations, reconcile.AssertWeakened(req.Declarations, in.plan, plan, observed)...)
	required := in.reviews.StillRequired(req.Declarations, s.provisioner.Identity())
	ofRun := []string{in.lastApplied.notice, in.policy.notice, interrupted, required}
	if reason := s.outOfReach(); reason != "" {
		plan.AddNotice("Git is out of reach, so only drift that takes no access is corrected: %s", reason)
	}
	for _, notice := range slices.Concat(ofRun, s.notRecomputed, r.Notices, req.Notices) {
		if notice != "" {
			plan.AddNotice("%s", notice)
		}
	}
	s.noteRestored(plan)
	s.noteUnconfirmed(plan)
	if s.previousKey != "" {
		plan.AddNotice("the provisioner was renamed from %q: its ledger and status continue under the new name",
			s.previousKey)
	}
}
