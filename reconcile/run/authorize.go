package run

import (
	"context"
	"fmt"
	"github.com/seed-d64a251c/roster/reconcile"
)

// ErrNeedsAuthorization says that no credentials for a directory can be had until somebody acts. It is an ErrUnauthorized: nothing more is
// sent.
var ErrNeedsAuthorization error = needsAuthorization{}

type needsAuthorization struct{}

func (needsAuthorization) Error() string        { return "needs authorization" }
func (needsAuthorization) Is(target error) bool { return target == reconcile.ErrUnauthorized }

// open connects to the directory, unless that is done. An auth that was changed in Git has to pass a test call first: until it does,
// nothing is sent with it.
func (s *session) open(ctx context.Context) error {
	if s.dir != nil {
		return nil
	}
	p := s.provisioner
	dir, err := s.Open(ctx, p, !s.req.Apply)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", p.Identity(), err)
	}
	if status := s.past.Status; s.Test != nil && status != nil && status.AuthFingerprint != "" && status.AuthFingerprint != reconcile.AuthFingerprint(p) {
		if err := s.Test(ctx, p); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return fmt.Errorf("%w: `auth` was changed in Git, and its test call failed: %w", ErrNeedsAuthorization, err)
		}
	}
	s.dir = dir
	return nil
}
