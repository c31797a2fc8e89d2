package apply

import (
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestEveryKindHasASender(t *testing.T) {
	unused := map[reconcile.Kind]bool{}
	for kind := range senders {
		unused[kind] = true
	}
	for _, info := range reconcile.Kinds() {
		if senders[info.Kind] == nil {
			t.Errorf("no function sends changes of kind %s", info.Kind)
		}
		delete(unused, info.Kind)
	}
	for kind := range unused {
		t.Errorf("a function sends changes of kind %s, which does not exist", kind)
	}
}

func TestChangesOfUnknownKindFail(t *testing.T) {
	a := &applier{plan: &reconcile.Plan{Changes: []reconcile.Change{{Kind: "merge-user", Key: "u1"}}}}
	if _, err := a.send(t.Context(), &write{changes: []int{0}}); err == nil {
		t.Error("no error")
	}
}

// A stage without a builder of writes would drop its changes.
func TestEveryReleasedKindIsInAWrite(t *testing.T) {
	for _, info := range reconcile.Kinds() {
		t.Run(string(info.Kind), func(t *testing.T) {
			c := reconcile.Change{Kind: info.Kind, Key: "x", ID: "id-x", Name: "x"}
			if info.Object == reconcile.ObjectMembership {
				c.Member = "y"
			}
			changes := []reconcile.Change{c}
			if info.Action == reconcile.ActionTemporaryRename { // only with the change that depends on it
				after := c
				after.Kind = reconcile.UpdateGroup
				after.Decision = &reconcile.Decision{DependsOn: []reconcile.Ref{c.Ref()}}
				if c.Kind.OfUser() {
					after.Kind = reconcile.UpdateUser
				}
				changes = append(changes, after)
			}
			plan := &reconcile.Plan{Changes: changes, Linking: &reconcile.Linking{State: reconcile.NewState()}}
			a := newApplier(Input{Plan: plan, Ledger: reconcile.NewLedger()})
			var in []reconcile.Stage
			for stage := range reconcile.Stages {
				for _, w := range a.stageWrites(stage) {
					if slices.Contains(w.changes, 0) {
						in = append(in, stage)
					}
				}
			}
			if len(in) != 1 || in[0] != info.Stage {
				t.Errorf("the stages %v send the change, want stage %d", in, info.Stage)
			}
		})
	}
}
