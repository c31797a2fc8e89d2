package scim_test

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestIdsThatAddressSomethingElse(t *testing.T) {
	s := serve(t)
	c := s.client(t, nil)
	for _, id := range []string{"", ".", ".."} {
		_, err := c.GetUser(t.Context(), id)
		errs := []error{
			err,
			c.DeleteUser(t.Context(), id),
			c.DeleteGroup(t.Context(), id),
			c.PatchGroup(t.Context(), id, scim.GroupPatch{Add: []string{"u"}}),
		}
		_, err = c.PutUser(t.Context(), id, testUser(1))
		errs = append(errs, err)
		for i, err := range errs {
			if err == nil || !strings.Contains(err.Error(), "is not an id") {
				t.Errorf("%q, call %d: error %v", id, i, err)
			}
		}
	}
	_, _ = c.GetUser(t.Context(), "../Groups/1?x#y%2f")
	if got := s.requests(); len(got) != 1 || got[0] != "GET /Users/..%2FGroups%2F1%3Fx%23y%252f" {
		t.Errorf("requests %q", got)
	}
	large := &scim.Group{DisplayName: "x", Members: make([]scim.Member, 101)}
	if _, err := c.CreateGroup(t.Context(), large); err == nil || !strings.Contains(err.Error(), "101 members") {
		t.Errorf("error %v", err)
	}
}

// TestRolesAreChangedByPUT changes an attribute that a PATCH cannot change on AWS.
func TestRolesAreChangedByPUT(t *testing.T) {
	sim := &awssim.Server{}
	c := simulated(t, sim)
	have := must(c.CreateUser(t.Context(), testUser(1)))(t)
	want := *have
	want.Roles = []scim.Role{{Value: "auditor", Primary: true}}
	have = must(c.UpdateUser(t.Context(), have, &want))(t)
	sameUser(t, must(c.GetUser(t.Context(), have.ID))(t), &want)
	must(c.UpdateUser(t.Context(), have, &want))(t) // nothing to do
	if got := sim.Calls().ByMethod; got["PUT"] != 1 || got["PATCH"] != 0 {
		t.Errorf("calls %v, want one PUT", got)
	}
}
