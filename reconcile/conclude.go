package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// confirmGone looks for what the ledger has, a listing had not, and nobody wants. Only what is not found a second time is gone: a ledger
// that forgets somebody who waits for deletion on the word of one listing leaves them in AWS for ever. Groups that are no longer pushed were
// not listed; they are released.
func (s *session) confirmGone(ctx context.Context) Missing {
	plan, gone := s.out.Plan, Missing{map[string]bool{}, map[string]bool{}}
	if plan.Mode == ModePaused || plan.Mode == ModeNeverEnabled {
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
			gone.Groups[key] = plan.Mode == ModeEnabled
		default:
			_, found, err := s.dir.GroupByExternalID(ctx, key)
			gone.Groups[key] = err == nil && !found
		}
	}
	return gone
}

// report sums a run up. stopped is what ended it early, or nil.
func (s *session) report(results []Done, stopped error) *Report {
	r := s.blankReport()
	r.Record(s.out.Plan, results)
	if stopped != nil {
		r.Errors = append(r.Errors, stopped.Error())
		switch {
		case errors.Is(stopped, ErrNeedsAuthorization):
			r.Outcome = RunNeedsAuthorization
		case errors.Is(stopped, ErrUnauthorized):
			r.Outcome = RunFailed
		case errors.Is(stopped, context.Canceled), errors.Is(stopped, ErrSuperseded), errors.Is(stopped, ErrLeaseLost):
			r.Outcome = RunInterrupted
		default:
			r.Outcome = RunFailed
		}
	}
	return r
}

func (s *session) blankReport() *Report {
	return &Report{Version: 1, Run: s.id(), Provisioner: s.provisioner.Key, Identity: s.provisioner.Identity(), Trigger: s.req.Trigger,
		Commit: s.req.Commit, Started: s.started, Finished: s.now(), Changes: []Done{}, RosterVersion: s.Version}
}

// conclude publishes the report with what follows from it.
func (s *session) conclude(ctx context.Context, r *Report, ledger *Ledger) error {
	status := NextStatus(StatusInput{Before: s.past.Status, Report: r, Ledger: ledger, Plan: s.out.Plan, Provisioner: s.provisioner,
		Approvals: s.req.Declarations.Approvals, Started: s.started})
	r.Changes = s.veil.done(r.Changes)
	s.out.Report = r
	// A stopped run still owes its report.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	receipt, err := s.Audit.Conclude(ctx, Conclusion{Report: r, Ledger: ledger, Status: status, TrustBranch: s.trusts()})
	if err != nil {
		if s.Memory != nil {
			s.Memory.Keep(s.provisioner.Key, nil)
		}
		return fmt.Errorf("publish the report: %w", err)
	}
	s.out.Receipt = receipt
	s.keep(r.Run, receipt)
	return nil
}

// trusts reports whether somebody has approved what the audit gate held: from here on the branch is trusted again.
func (s *session) trusts() bool {
	return s.past.DistrustReason != "" && s.out.Plan != nil && slices.ContainsFunc(s.out.Plan.Overruled, func(h Hold) bool { return h.Gate == "audit" })
}

// concludeFailure reports a run that came to no plan.
func (s *session) concludeFailure(ctx context.Context, failure error) error {
	r := s.blankReport()
	r.Outcome = RunFailed
	if errors.Is(failure, ErrNeedsAuthorization) {
		r.Outcome = RunNeedsAuthorization
	}
	r.Errors = []string{failure.Error()}
	return s.conclude(ctx, r, s.past.Ledger)
}

// Refuse reports that a commit's declarations are invalid, in the chain of a provisioner that an earlier commit declared. Nothing is
// read or sent.
func (r *Runner) Refuse(ctx context.Context, p *schema.Provisioner, commit CommitRef, trigger string, problems error) (*RunResult, error) {
	past, err := r.Audit.Past(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read what earlier runs left: %w", err)
	}
	s := &session{Runner: r, req: Request{Provisioner: p.Key, Commit: commit, Trigger: trigger, Apply: true}, provisioner: p, past: past,
		started: r.now(), out: &RunResult{}}
	s.memory = Recall(r.Memory, p, past)
	if past.Interrupted != nil {
		return s.out, nil // the next valid run completes that one; its report must come first
	}
	return s.out, s.concludeFailure(ctx, problems)
}
