package reconcile_test

import (
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"testing"
)

// env is the simulated environment with what the tests of runs share.
type env struct{ *reconciletest.Env }

func newEnv(t testing.TB) *env { return &env{reconciletest.NewEnv(t)} }
