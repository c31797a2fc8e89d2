package explain

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// A user is in few of thousands of groups: the others cost no memory.
func TestTheDeclaredMembershipsOfAUserCostTheSameAmongManyGroups(t *testing.T) {
	allocations := func(groups int) float64 {
		d := &schema.Declarations{Users: map[string]*schema.User{"u": {}}, Groups: map[string]*schema.Group{}}
		for g := range groups {
			key := fmt.Sprint("g", g)
			d.Groups[key] = &schema.Group{Key: key, Members: []schema.GroupMember{{User: "other"}}}
		}
		for _, key := range []string{"g3", "g1"} {
			d.Groups[key].Members = []schema.GroupMember{{User: "u"}}
		}
		org := &Organization{}
		return testing.AllocsPerRun(5, func() {
			direct := DeclaredUser(d, org, "u", reconcile.CommitRef{}, time.Time{}).User.Direct
			if len(direct) != 2 || direct[0].Group != "g1" || direct[1].Group != "g3" {
				t.Fatalf("the memberships are %v", direct)
			}
		})
	}
	if few, many := allocations(10), allocations(5000); many > few {
		t.Errorf("%.0f allocations among 10 groups, %.0f among 5,000", few, many)
	}
}

// The memberships of a user cost no memory for groups that have only declared members.
func TestTheMembershipsOfAUserCostTheSameAmongManyGroups(t *testing.T) {
	allocations := func(groups int) float64 {
		org := &Organization{Groups: map[string]*schema.Group{}}
		for g := range groups {
			key := fmt.Sprint("g", g)
			org.Groups[key] = &schema.Group{Key: key}
		}
		org.Groups["all"] = &schema.Group{Key: "all", Where: &schema.Rule{}}
		facts := &Declared{Organization: org, User: &UserFacts{User: &schema.User{Key: "u"},
			Direct: []DirectMembership{{Group: "g1"}, {Group: "g3"}}}}
		return testing.AllocsPerRun(5, func() {
			if got := facts.memberships(time.Time{}); len(got) < 2 || got[len(got)-1].group != "g3" {
				t.Fatalf("the memberships are %v", got)
			}
		})
	}
	if few, many := allocations(10), allocations(5000); many > few {
		t.Errorf("%.0f allocations among 10 groups, %.0f among 5,000", few, many)
	}
}

// A question about a declared key does not visit the others.
func TestADeclaredKeyIsFoundWithoutTheEarlierKeysOfAll(t *testing.T) {
	d := &schema.Declarations{Users: map[string]*schema.User{"u": {Key: "u"},
		"new": {Key: "new", Previously: []string{"old"}}}}
	names := newNameList("user", d, nil, nil)
	if got := names.find("u"); !slices.Equal(got, []string{"u"}) || names.earlierKeys != nil {
		t.Errorf("found %v, with the earlier keys %v", got, names.earlierKeys)
	}
	if got := CurrentKey("user", "old", d); got != "new" {
		t.Errorf("the current key of an earlier one is %q", got)
	}
}
