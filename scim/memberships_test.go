package scim_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestMemberships reads the same memberships from each server, and counts the calls: by group, by
// user, or with the groups.
func TestMemberships(t *testing.T) {
	rows := map[string]struct {
		server string
		users  bool           // whether all users are known
		sizes  map[string]int // by display name, what they were thought to be
		calls  map[string]int // by operation of the simulator
	}{
		"few groups, many users: by group": {"simulated AWS", true, nil, map[string]int{"ListUsers": 3}},
		"few users, large groups: by user": {
			"simulated AWS",
			true,
			map[string]int{"A": 250, "B": 250},
			map[string]int{"ListGroups": 6},
		},
		"users unknown: by group": {
			"simulated AWS",
			false,
			map[string]int{"A": 250, "B": 250},
			map[string]int{"ListUsers": 3},
		},
		"a server that shows members":          {"simulated RFC", true, nil, map[string]int{"ListGroups": 1}},
		"a server of others that shows, too":   {"elimity", true, nil, nil},
		"another server of others shows again": {"SCIMMY", true, nil, nil},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			sim := &awssim.Server{}
			var c *scim.Client
			switch row.server {
			case "simulated AWS":
				c = simulated(t, sim)
			case "simulated RFC":
				sim.Profile = awssim.ProfileRFC
				c = simulated(t, sim)
				c.Profile = scim.RFC
			default:
				c = servers()[row.server](t)
			}
			var ids []string
			for i := range 6 {
				ids = append(ids, must(c.CreateUser(t.Context(), testUser(i)))(t).ID)
			}
			slices.Sort(ids)
			q := scim.MembershipQuery{Sizes: map[string]int{}}
			want := map[string][]string{}
			for name, in := range map[string][]string{"A": ids[:4], "B": ids[2:5], "C": {}, "unasked": ids[:1]} {
				g := &scim.Group{DisplayName: name}
				for _, id := range in {
					g.Members = append(g.Members, scim.Member{Value: id})
				}
				g = must(c.CreateGroup(t.Context(), g))(t)
				if name != "unasked" {
					q.Groups, want[g.ID], q.Sizes[g.ID] = append(q.Groups, g.ID), in, row.sizes[name]
				}
			}
			if row.users {
				q.Users = ids
			}
			sim.ResetCalls()
			got := must(c.Memberships(t.Context(), q))(t)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("memberships %v, want %v", got, want)
			}
			if calls := sim.Calls().ByOperation; row.calls != nil && !reflect.DeepEqual(calls, row.calls) {
				t.Errorf("calls %v, want %v", calls, row.calls)
			}
		})
	}
}

func TestMembershipsAreAllOrNothing(t *testing.T) {
	sim := &awssim.Server{}
	c := simulated(t, sim)
	c.Sleep = func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) }
	var groups []string
	for i := range 10 {
		groups = append(groups, must(c.CreateGroup(t.Context(), &scim.Group{DisplayName: fmt.Sprint("g", i)}))(t).ID)
	}
	must(0, sim.Inject(awssim.Fault{Name: awssim.FaultError500, Operation: "ListUsers", Nth: 5, Times: 1000}))(t)
	got, err := c.Memberships(t.Context(), scim.MembershipQuery{Groups: groups})
	if got != nil || scim.Status(err) != 500 {
		t.Errorf("memberships %v, error %v; want a 500 and nothing", got, err)
	}
	sim.ClearFaults()
	if got := must(c.Memberships(t.Context(), scim.MembershipQuery{}))(t); len(got) != 0 {
		t.Errorf("memberships of no groups: %v", got)
	}
	gone := scim.MembershipQuery{Groups: groups, Users: []string{"90677c6081-00000000-0000-4000-8000-000000000000"}}
	if got := must(c.Memberships(t.Context(), gone))(t); len(got) != 10 {
		t.Errorf("with a deleted user: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Memberships(ctx, scim.MembershipQuery{Groups: groups}); err == nil {
		t.Error("an ended context gives a result")
	}
}

// TestMemberIDsAreThoseOfUsers compares MemberIDs with Users: it must list the same users with
// fewer allocations.
func TestMemberIDsAreThoseOfUsers(t *testing.T) {
	c := simulated(t, &awssim.Server{})
	var members []scim.Member
	for i := range 130 {
		members = append(members, scim.Member{Value: must(c.CreateUser(t.Context(), testUser(i)))(t).ID})
	}
	g := must(c.CreateGroup(t.Context(), &scim.Group{DisplayName: "G", Members: members[:100]}))(t)
	patch := scim.GroupPatch{Add: []string{members[120].Value, members[110].Value}}
	if err := c.PatchGroup(t.Context(), g.ID, patch); err != nil {
		t.Fatal(err)
	}
	var long, short []string
	byUsers := testing.AllocsPerRun(3, func() {
		long = nil
		for u, err := range c.Users(t.Context(), scim.GroupsValueEq(g.ID)) {
			if err != nil {
				t.Fatal(err)
			}
			long = append(long, u.ID)
		}
	})
	byIDs := testing.AllocsPerRun(3, func() {
		short = nil
		for id, err := range c.MemberIDs(t.Context(), g.ID) {
			if err != nil {
				t.Fatal(err)
			}
			short = append(short, id)
		}
	})
	if len(short) != 102 || !slices.Equal(short, long) {
		t.Errorf("%d ids, %d users", len(short), len(long))
	}
	if byIDs > byUsers-5*102 { // both with what the simulator in this process takes
		t.Errorf("%.0f allocations for ids, %.0f for users", byIDs, byUsers)
	}
	for _, err := range c.MemberIDs(t.Context(), "") {
		if err == nil {
			t.Error("a listing of no group's members began")
		}
	}
}
