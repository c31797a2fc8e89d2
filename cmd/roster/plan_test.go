package main

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestExitCodesOfPlans(t *testing.T) {
	released := reconcile.Change{}
	held := reconcile.Change{Decision: &reconcile.Decision{Held: []reconcile.Hold{{Gate: "protected"}}}}
	waiting := reconcile.Change{Decision: &reconcile.Decision{Waiting: "paused"}}
	heldAndWaiting := reconcile.Change{Decision: &reconcile.Decision{Held: held.Held(), Waiting: "paused"}}
	for _, tt := range []struct {
		name    string
		changes []reconcile.Change
		want    exitCode
	}{
		{"no change", nil, exitDone},
		{"a change is sent", []reconcile.Change{released}, exitPending},
		{"a change waits, and is sent then", []reconcile.Change{waiting}, exitPending},
		{"a change waits, and a gate holds it then", []reconcile.Change{heldAndWaiting}, exitDone},
		{"of two changes that wait, a gate holds one then", []reconcile.Change{heldAndWaiting, waiting}, exitPending},
		{"a gate holds a change", []reconcile.Change{held}, exitHeld},
		{"a change is sent, and a gate holds another", []reconcile.Change{released, held, released}, exitHeld},
	} {
		if have := exitCodeOf(tt.changes); have != tt.want {
			t.Errorf("%s: the exit code is %d, want %d", tt.name, have, tt.want)
		}
	}
}
