package run

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ErrNeedsAuthorization means that there are no credentials for a directory until an operator
// authorizes roster again. It is also an ErrUnauthorized: nothing more is sent.
var ErrNeedsAuthorization error = needsAuthorization{}

type needsAuthorization struct{}

func (needsAuthorization) Error() string        { return "needs authorization" }
func (needsAuthorization) Is(target error) bool { return target == reconcile.ErrUnauthorized }

// connect connects to the directory of a run. If `auth` was changed in Git since the last run, its
// test call must succeed first; until then nothing is sent with it.
func (r *Runner) connect(ctx context.Context, s runState) (reconcile.Directory, error) {
	p, status := s.provisioner, s.audit.Status
	dir, err := r.Open(ctx, p, !s.request.Apply)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.Identity(), err)
	}
	changed := status != nil && status.AuthFingerprint != "" && status.AuthFingerprint != reconcile.AuthFingerprint(p)
	if r.Test == nil || !changed {
		return dir, nil
	}
	if err := r.Test(ctx, p); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w: `auth` was changed in Git, and its test call failed: %w", ErrNeedsAuthorization,
			err)
	}
	return dir, nil
}
