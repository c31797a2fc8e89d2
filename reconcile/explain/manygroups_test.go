package explain

import (
	"fmt"
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
