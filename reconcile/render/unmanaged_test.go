package render

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Objects that equal what is declared and that roster does not manage are in the text of a plan.
func TestThePlanCountsWhatEqualsTheDeclarationsUnmanaged(t *testing.T) {
	plan := &reconcile.Plan{Counts: reconcile.Counts{Adoptable: 51, Unmanaged: 2}}
	want := `51 of the declared users and groups are in AWS as declared, but roster does not manage them`
	if got := unmanagedFacts(plan); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "; 2 unmanaged") {
		t.Errorf("got %s", got)
	}
	plan.Counts.Adoptable = 0
	if got := unmanagedFacts(plan); got != "2 unmanaged" {
		t.Errorf("got %s", got)
	}
}
