package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// lostRuns returns the interrupted runs of other machines that this run continues.
func (s runState) lostRuns() []reconcile.InterruptedRun {
	var out []reconcile.InterruptedRun
	if len(s.takenOver) == 0 {
		return nil
	}
	for i := range s.audit.OpenIntents {
		if run, ok := s.audit.OpenIntents[i].LostRun(s.audit.Status, s.started); ok {
			out = append(out, run)
		}
	}
	return out
}

// interruptedInputs returns what the plans of the interrupted runs are made from, the oldest run
// first. A run whose commit the branch does not have, or that cannot be recomputed, allows nothing.
// Nothing that an intent lists decides about it.
func (r *Runner) interruptedInputs(ctx context.Context, s *runState, in inputs) ([]reconcile.InterruptedInput, error) {
	var known []reconcile.InterruptedRun
	if s.audit.Status != nil {
		known = s.audit.Status.Interrupted
	}
	if s.audit.Trust.Broken() || s.outOfReach() != "" {
		return nil, nil
	}
	var out []reconcile.InterruptedInput
	for _, run := range reconcile.MergeInterrupted(known, s.lostRuns()) {
		found, err := r.interruptedInput(ctx, *s, run, in)
		if ctx.Err() != nil {
			return nil, errors.Join(err, context.Cause(ctx))
		}
		switch {
		case err != nil:
			s.notRecomputed = append(s.notRecomputed, fmt.Sprintf("what the interrupted run %s was allowed cannot be "+
				"recomputed: %v; gates may hold it again", run.Run, err))
		case found != nil:
			out = append(out, *found)
		}
	}
	return out, nil
}

// interruptedInput returns what the plan of an interrupted run is made from; nil if it allows
// nothing.
func (r *Runner) interruptedInput(
	ctx context.Context, s runState, run reconcile.InterruptedRun, in inputs,
) (*reconcile.InterruptedInput, error) {
	status := s.audit.Status
	if applied := status.LastAppliedCommit(); applied != "" {
		ok, err := r.Source.IsAncestor(ctx, applied, run.Commit)
		if errors.Is(err, fs.ErrNotExist) || err == nil && !ok {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("compare commit %.7s with the last applied one: %w", run.Commit, err)
		}
	}
	decls, err := r.declarationsOnBranch(ctx, s, run.Commit)
	if err != nil || decls == nil {
		return nil, err
	}
	p, declared := decls.Provisioners[s.provisioner.Key], s.request.Declarations.Provisioners[s.provisioner.Key]
	switch {
	case p == nil && declared != nil, p != nil && p.Identity() != s.provisioner.Identity():
		return nil, nil
	case p != nil:
		s.provisioner = p
	}
	audit := *s.audit
	audit.Status, audit.OpenUses = status.Before(run), run.WithoutUses(audit.OpenUses)
	s.audit, s.started, s.completes = &audit, run.Started, run.Run
	s.request.Declarations, s.request.Dirty = decls, false
	s.request.Commit = reconcile.CommitRef{ID: run.Commit}
	found, err := r.loadInputs(ctx, s, in.directory)
	if err != nil {
		return nil, err
	}
	return &reconcile.InterruptedInput{Run: run, Plan: found.plan, Reviews: found.reviews}, nil
}
