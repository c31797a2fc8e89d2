package run_test

import (
	"errors"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestARunReadsNothingFromAWSWhileAnotherHolderHasTheLease(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(3))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", people(4))
	w.Sim.ResetCalls()
	leased := &reconcile.LeaseError{Provisioner: "p", Run: "r2", Host: "beta", Until: w.Now.Add(time.Minute)}
	w.Audit.Leased = leased
	_, err := w.Run(true)
	var have *reconcile.LeaseError
	if !errors.Is(err, reconcile.ErrLeased) || !errors.As(err, &have) || *have != *leased {
		t.Errorf("the run ended with %v, want %v", err, leased)
	}
	if n := w.Sim.Calls().Total; n != 0 {
		t.Errorf("the run made %d calls, want none", n)
	}
	if _, err := w.Run(false); err != nil {
		t.Errorf("a plan: %v", err)
	}
	w.Audit.Leased = nil
	w.Apply(reconcile.RunApplied)
}
