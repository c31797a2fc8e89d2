package run_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
)

// env is the simulated environment with what the tests of runs share.
type env struct{ *reconciletest.Env }

func newEnv(t testing.TB) *env { return &env{reconciletest.NewEnv(t)} }
