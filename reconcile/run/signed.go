package run

import (
	"context"
	"fmt"
)

// signed demands signatures of all commits since what was last applied, if the runner does. A status that cannot be trusted tells of no
// commit that was looked at before.
func (s *session) signed(ctx context.Context) error {
	if s.Signed == nil || s.req.Dirty {
		return nil
	}
	since := ""
	if st := s.past.Status; st != nil && st.LastApplied != nil && s.past.DistrustReason == "" {
		since = st.LastApplied.Commit
	}
	if err := s.Signed(ctx, since, s.req.Commit.ID); err != nil {
		return fmt.Errorf("verify who signed what is to be applied: %w", err)
	}
	return nil
}
