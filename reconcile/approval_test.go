package reconcile

import (
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestAnApprovalWithoutAPositionIsNamedByItsDigest(t *testing.T) {
	computed := &schema.Approval{Key: "sha256:0123456789abcdef0123"}
	if at := placeOf(computed); at != "sha256:0123456789ab" {
		t.Errorf("it is named %q", at)
	}
}

// heldDeactivation is a held change of a user, for the reason of drift.
func heldDeactivation(key string) Change {
	return Change{Kind: DeactivateUser, Key: key, ID: "id-" + key, Origin: Drift, Cause: Cause{Kind: CauseDrift},
		Attributes: []AttributeChange{{Path: "active", Old: "true", New: "false"}},
		Decision:   &Decision{Held: []Hold{{Gate: gateMaxRemovals, Reason: "too many"}}}}
}

func TestAnApprovalCoversOnlyWhatItsReportPrinted(t *testing.T) {
	ann, bob := heldDeactivation("ann"), heldDeactivation("bob")
	printed := &Report{Identity: "tenant", Changes: []Done{{Change: &ann, Result: ResultHeld}}}
	printed.HeldDigest = digest("tenant", []Change{ann}, func(*Change) bool { return true })
	forged := *printed
	forged.Changes = append(forged.Changes, Done{Change: &bob, Result: ResultHeld})
	for _, row := range []struct {
		name     string
		printed  *Report
		trust    TrustLevel
		ann, bob bool
	}{
		{"on a proved branch", printed, TrustProved, true, false},
		{"on an unproved branch", printed, TrustUnproved, true, false},
		{"a list that was extended on an unproved branch", &forged, TrustUnproved, false, false},
	} {
		p := &Plan{Identity: "tenant", Changes: []Change{ann, bob}}
		covers := p.coverage(printed.HeldDigest, row.printed, PlanInput{Trust: AuditTrust{Level: row.trust}})
		if covers(&ann) != row.ann || covers(&bob) != row.bob {
			t.Errorf("%s: it covers ann: %v, bob: %v", row.name, covers(&ann), covers(&bob))
		}
	}
}

func TestAChangeStaysHeldIfItDependsOnAChangeThatIsNotCovered(t *testing.T) {
	ann, bob := heldDeactivation("ann"), heldDeactivation("bob")
	bob.dependOn(ann.Ref())
	p := &Plan{Changes: []Change{ann, bob}}
	if p.release("sha256:1", func(c *Change) bool { return c.Key == "bob" }) {
		t.Error("something was released")
	}
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Released() || c.Approval() != "" {
			t.Errorf("the change of %s is released by %q", c.Key, c.Approval())
		}
	}
}
