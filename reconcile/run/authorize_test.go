package run

import (
	"errors"
	"github.com/seed-d64a251c/roster/reconcile"
	"testing"
)

func TestNeedsAuthorizationIsUnauthorized(t *testing.T) {
	if !errors.Is(ErrNeedsAuthorization, reconcile.ErrUnauthorized) || errors.Is(reconcile.ErrUnauthorized, ErrNeedsAuthorization) {
		t.Error("whoever stops at ErrUnauthorized has to stop at ErrNeedsAuthorization, and not the other way round")
	}
}
