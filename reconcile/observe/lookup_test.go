package observe

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// emptyDirectory has no user and no group. answer is its answer to the lookup of an object that no
// directory has.
type emptyDirectory struct {
	reconcile.Directory
	answer error
}

func (emptyDirectory) User(context.Context, string) (reconcile.RemoteUser, bool, error) {
	return reconcile.RemoteUser{}, false, nil
}

func (emptyDirectory) Group(context.Context, string) (reconcile.RemoteGroup, bool, error) {
	return reconcile.RemoteGroup{}, false, nil
}

func (d emptyDirectory) UserByExternalID(context.Context, string) (reconcile.RemoteUser, bool, error) {
	return reconcile.RemoteUser{}, false, d.answer
}

// AWS answers 404 to every lookup by id if the whole endpoint disappeared.
func TestAnEndpointThatDisappearedIsNotAMissingObject(t *testing.T) {
	for _, l := range []lookup{{lookupUser, "id"}, {lookupGroup, "id"}} {
		for _, answer := range []error{nil, errNoAnswer} {
			r := &Reader{Directory: emptyDirectory{answer: answer}}
			if _, err := r.lookUpOne(t.Context(), newView(&CachedDirectory{}), l); !errors.Is(err, answer) {
				t.Errorf("look up a missing %s: %v, want %v", l.Kind, err, answer)
			}
		}
	}
}

// The deletion of a user removes memberships that no change names.
func TestADeletionDependsOnTheMembershipsOfTheUser(t *testing.T) {
	v := newView(&CachedDirectory{Observed: &reconcile.Observed{Members: map[string][]string{"id-g": {"id-u"}}}})
	state := reconcile.NewState()
	state.Groups["g"] = &reconcile.Group{Key: "g", ID: "id-g", Members: []string{"u"}}
	deletion := reconcile.Change{Kind: reconcile.DeleteUser, Key: "u", ID: "id-u"}
	plan := &reconcile.Plan{Changes: []reconcile.Change{deletion}, Linking: &reconcile.Linking{State: state}}
	in := reconcile.PlanInput{Provisioner: provisioner, Desired: &reconcile.Desired{}}
	required := v.requiredLookups(plan, in)
	if !slices.Contains(required.lookups, lookup{lookupGroupsOf, "id-u"}) {
		t.Errorf("the lookups are %v, want the groups of the user", required.lookups)
	}
	if n := required.minMembers["id-g"]; n < 2 {
		t.Errorf("%d members of the group are counted, want one more than it loses", n)
	}
}
