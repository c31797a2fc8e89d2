package run

import (
	"context"
	"errors"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// restored returns what an earlier applied commit declared, if the declarations go back to it: if
// few users differ from it, although many differ from the last applied commit. It is nil if there
// is no such commit. A commit that cannot be read or evaluated is left out.
func (r *Runner) restored(ctx context.Context, s runState, in reconcile.PlanInput) (*reconcile.Desired, error) {
	if s.audit.Status == nil || in.LastApplied == nil || in.Desired.Removed || !in.ManyUpdates(in.LastApplied) {
		return nil, nil
	}
	for _, at := range s.audit.Status.EarlierApplied {
		desired, err := r.desiredAt(ctx, s, at)
		if err != nil {
			return nil, err
		}
		if desired != nil && !in.ManyUpdates(desired) {
			return desired, nil
		}
	}
	return nil, nil
}

// desiredAt returns what an earlier applied commit declared; nil if the commit is not in the
// history of the branch, or cannot be read or evaluated.
func (r *Runner) desiredAt(ctx context.Context, s runState, at reconcile.AppliedAt) (*reconcile.Desired, error) {
	if !s.request.Dirty {
		ok, err := r.Source.IsAncestor(ctx, at.Commit, s.request.Commit.ID)
		if err != nil && !errors.Is(err, fs.ErrNotExist) || ctx.Err() != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		if !ok {
			return nil, nil
		}
	}
	decls, err := r.readableDeclarations(ctx, at.Commit)
	if err != nil || decls == nil {
		return nil, err
	}
	p := reconcile.ProvisionerOf(decls, s.provisioner.Identity())
	if p == nil {
		return nil, nil
	}
	desired, err := reconcile.Desire(decls, p, at.Time)
	if err != nil {
		return nil, nil
	}
	return desired, nil
}
