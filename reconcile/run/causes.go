package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// commitsSince returns the first-parent history after the last applied commit; nil if it is not
// known.
func (r *Runner) commitsSince(ctx context.Context, s runState) ([]reconcile.CommitRef, error) {
	status := s.audit.Status
	if status == nil || status.LastApplied == nil || s.request.Dirty {
		return nil, nil
	}
	commits, err := r.Source.FirstParents(ctx, status.LastApplied.Commit, s.request.Commit.ID)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the history since the last applied commit: %w", err)
	}
	return commits, nil
}

// causes returns the function that finds the causes of changes. Uncommitted changes have none.
func (r *Runner) causes(s runState, last lastApplied) func(context.Context, *reconcile.Plan,
	reconcile.PlanInput) (reconcile.KnownCauses, error) {
	if s.request.Dirty {
		return nil
	}
	return func(ctx context.Context, p *reconcile.Plan, in reconcile.PlanInput) (reconcile.KnownCauses, error) {
		causes, err := reconcile.FindCauses(p, in, func(commit string) (*schema.Declarations, error) {
			if commit == "" {
				return last.declarations, nil
			}
			return r.validDeclarations(ctx, commit)
		})
		if err != nil {
			return nil, fmt.Errorf("find the causes of the held changes: %w", err)
		}
		return causes, nil
	}
}
