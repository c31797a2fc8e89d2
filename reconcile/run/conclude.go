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

// confirmGone looks for what the ledger has, a listing had not, and nobody wants. Only what is not found a second time is gone: a ledger
// that forgets somebody who waits for deletion on the word of one listing leaves them in AWS for ever. Groups that are no longer pushed were
// not listed; they are released.
func (s *session) confirmGone(ctx context.Context) reconcile.Missing {
	plan, gone := s.out.Plan, reconcile.Missing{Users: map[string]bool{}, Groups: map[string]bool{}}
	if plan.Mode == reconcile.ModePaused || plan.Mode == reconcile.ModeNeverEnabled {
		return gone
	}
	for key := range s.past.Ledger.Users {
		if plan.Linking.State.Users[key] == nil && plan.Target.State.Users[key] == nil {
			_, found, err := s.dir.UserByExternalID(ctx, key)
			gone.Users[key] = err == nil && !found
		}
	}
	renamed := map[string]bool{} // by their earlier keys
	for _, old := range plan.Linking.Moved {
		renamed[old] = true
	}
	for key := range s.past.Ledger.Groups {
		switch {
		case renamed[key] || plan.Linking.State.Groups[key] != nil || plan.Target.State.Groups[key] != nil:
		case !s.provisioner.PushGroups:
			gone.Groups[key] = plan.Mode == reconcile.ModeEnabled
		default:
			_, found, err := s.dir.GroupByExternalID(ctx, key)
			gone.Groups[key] = err == nil && !found
		}
	}
	return gone
}

// report sums a run up. stopped is what ended it early, or nil.
func (s *session) report(results []reconcile.Done, stopped error) *reconcile.Report {
	r := s.blankReport()
	r.Record(s.out.Plan, results)
	if stopped != nil {
		r.Errors = append(r.Errors, stopped.Error())
		switch {
		case errors.Is(stopped, ErrNeedsAuthorization):
			r.Outcome = reconcile.RunNeedsAuthorization
		case errors.Is(stopped, reconcile.ErrUnauthorized):
			r.Outcome = reconcile.RunFailed
		case errors.Is(stopped, context.Canceled), errors.Is(stopped, ErrSuperseded), errors.Is(stopped, reconcile.ErrLeaseLost):
			r.Outcome = reconcile.RunInterrupted
		default:
			r.Outcome = reconcile.RunFailed
		}
	}
	return r
}

func (s *session) blankReport() *reconcile.Report {
	return &reconcile.Report{Version: 1, Run: s.id(), Provisioner: s.provisioner.Key, Identity: s.provisioner.Identity(), Trigger: s.req.Trigger,
		Commit: s.req.Commit, Started: s.started, Finished: s.now(), Changes: []reconcile.Done{}, RosterVersion: s.Version}
}

// conclude publishes the report with what follows from it.
func (s *session) conclude(ctx context.Context, r *reconcile.Report, ledger *reconcile.Ledger) error {
	in := reconcile.StatusInput{Before: s.past.Status, Report: r, Ledger: ledger, Plan: s.out.Plan, Provisioner: s.provisioner, Started: s.started}
	if s.req.Declarations != nil { // nil for a commit that is refused
		in.Approvals = s.req.Declarations.Approvals
	}
	status := reconcile.NextStatus(in)
	r.Changes = s.redactor.Results(r.Changes)
	s.out.Report = r
	// A stopped run still owes its report.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	receipt, err := s.Audit.Conclude(ctx, reconcile.Conclusion{Report: r, Ledger: ledger, Status: status, TrustBranch: s.trusts()})
	if err != nil {
		if s.Cache != nil {
			s.Cache.Store(s.provisioner.Key, nil)
		}
		return fmt.Errorf("publish the report: %w", err)
	}
	s.out.Receipt = receipt
	s.store(r.Run, receipt)
	return nil
}

// trusts reports whether somebody has approved what the audit gate held: from here on the branch is trusted again.
func (s *session) trusts() bool {
	return s.past.DistrustReason != "" && s.out.Plan != nil && slices.ContainsFunc(s.out.Plan.Overruled, func(h reconcile.Hold) bool { return h.Gate == "audit" })
}

// concludeFailure reports a run that came to no plan.
func (s *session) concludeFailure(ctx context.Context, failure error) error {
	r := s.blankReport()
	r.Outcome = reconcile.RunFailed
	if errors.Is(failure, ErrNeedsAuthorization) {
		r.Outcome = reconcile.RunNeedsAuthorization
	}
	r.Errors = []string{failure.Error()}
	return s.conclude(ctx, r, s.past.Ledger)
}

// Refuse reports that a commit's declarations are invalid, in the chain of a provisioner that an earlier commit declared. Nothing is
// read or sent.
func (r *Runner) Refuse(ctx context.Context, p *schema.Provisioner, commit reconcile.CommitRef, trigger string, problems error) (*Result, error) {
	past, err := r.Audit.Past(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read what earlier runs left: %w", err)
	}
	s := &session{Runner: r, req: Request{Provisioner: p.Key, Commit: commit, Trigger: trigger, Apply: true}, provisioner: p, past: past,
		started: r.now(), out: &Result{}}
	s.cached = observe.LoadCached(r.Cache, p, past)
	if past.Interrupted != nil {
		return s.out, nil // the next valid run completes that one; its report must come first
	}
	return s.out, s.concludeFailure(ctx, problems)
}
