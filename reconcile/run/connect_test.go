package run

import (
	"errors"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestNeedsAuthorizationIsUnauthorized(t *testing.T) {
	for _, tt := range []struct {
		err, target error
		want        bool
	}{
		{ErrNeedsAuthorization, reconcile.ErrUnauthorized, true},
		{reconcile.ErrUnauthorized, ErrNeedsAuthorization, false},
	} {
		if got := errors.Is(tt.err, tt.target); got != tt.want {
			t.Errorf("errors.Is(%q, %q) = %v, want %v", tt.err, tt.target, got, tt.want)
		}
	}
}
