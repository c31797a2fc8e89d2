package run

import (
	"errors"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestNeedsAuthorizationIsUnauthorized(t *testing.T) {
	if !errors.Is(ErrNeedsAuthorization,
		reconcile.ErrUnauthorized) || errors.Is(reconcile.ErrUnauthorized, ErrNeedsAuthorization) {
		t.Error("ErrNeedsAuthorization must be an ErrUnauthorized, and not the reverse")
	}
}
