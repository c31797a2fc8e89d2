package run_test

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestARevertIsNotHeldByGateUpdates applies an approved mapping edit, then a commit that goes back.
func TestARevertIsNotHeldByGateUpdates(t *testing.T) {
	good := people(12)
	bad := strings.ReplaceAll(good, `lastName: "Test"`, `lastName: "Tset"`)
	for name, between := range map[string]string{
		"at once": "", "two commits later": "groups: g: {displayName: \"Group\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", good)
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", bad)
			digest := w.Apply(reconcile.RunHeld).HeldDigest
			w.Commit("enabled: true", bad+approve(digest))
			w.Apply(reconcile.RunApplied)
			if between != "" {
				w.Commit("enabled: true", bad+between)
				w.Apply(reconcile.RunApplied)
			}
			w.Commit("enabled: true", good+between)
			for _, c := range w.Preview(len(w.Commits)-1, len(w.Commits), false).Changes {
				if len(c.Held()) > 0 {
					t.Errorf("the preview holds %s: %v", c.Ref(), c.Held())
				}
			}
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", between+strings.ReplaceAll(good, `lastName: "Test"`, `lastName: "Other"`))
			if gates := heldBy(w.Apply(reconcile.RunHeld)); len(gates) != 1 || gates[0] != "updates" {
				t.Errorf("held by %v, want updates", gates)
			}
		})
	}
}
