package reconcile_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestNamesInAnotherFormOfUnicodeAreTheSameObject has a user and a group in the directory whose
// names write an accent as a character of its own (NFD). Declarations are in NFC.
func TestNamesInAnotherFormOfUnicodeAreTheSameObject(t *testing.T) {
	const composed, decomposed = "Zo\u00eb", "Zoe\u0308"
	observed := &reconcile.Observed{
		Users: []reconcile.RemoteUser{{ID: "id-u", Attributes: reconcile.Attributes{
			{Path: "displayName", Value: decomposed}, {Path: "userName", Value: decomposed + "@example.com"}}}},
		Groups: []reconcile.RemoteGroup{{ID: "id-g", DisplayName: decomposed}},
	}
	desired := &reconcile.Desired{
		Users: map[string]*reconcile.DesiredUser{"u-1": {Key: "u-1", Attributes: reconcile.Attributes{
			{Path: "displayName", Value: composed}, {Path: "userName", Value: composed + "@example.com"}}}},
		Groups: map[string]*reconcile.DesiredGroup{"g": {Key: "g", DisplayName: composed}},
	}
	t.Run("without a ledger they can be adopted", func(t *testing.T) {
		l := reconcile.Link(observed, &reconcile.Ledger{}, desired)
		if l.Users["u-1"] != reconcile.Adoptable || l.Groups["g"] != reconcile.Adoptable || len(l.Unmanaged) > 0 {
			t.Errorf("the user is %q, the group is %q, unmanaged are %v", l.Users["u-1"], l.Groups["g"], l.Unmanaged)
		}
	})
	t.Run("in the ledger each differs in its name", func(t *testing.T) {
		l := reconcile.Link(observed, &reconcile.Ledger{
			Users:  map[string]reconcile.Owned{"u-1": {ID: "id-u"}},
			Groups: map[string]reconcile.Owned{"g": {ID: "id-g"}},
		}, desired)
		if len(l.Users)+len(l.Groups)+len(l.Unmanaged) > 0 {
			t.Fatalf("situations %v and %v, unmanaged %v", l.Users, l.Groups, l.Unmanaged)
		}
		if name := l.State.Groups["g"].DisplayName; name != decomposed {
			t.Errorf("the group's name is %q: the difference must be seen", name)
		}
	})
}
