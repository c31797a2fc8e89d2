package reconcile

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Kinds of a later roster have no row in the table. They sort as those of rank 0.
func TestChangesAreSortedByTheirReferences(t *testing.T) {
	kinds := []Kind{"", "a kind of a later version", "a kind whose name is longer than that of any kind in the table"}
	for _, info := range Kinds() {
		kinds = append(kinds, info.Kind)
	}
	rapid.Check(t, func(t *rapid.T) {
		changes := make([]Change, rapid.IntRange(0, 60).Draw(t, "changes"))
		for i := range changes {
			changes[i] = Change{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
				Key:    rapid.StringMatching(`[a-c]`).Draw(t, "key"),
				Member: rapid.StringMatching(`[a-c]?`).Draw(t, "member")}
		}
		list := sorted(changes)
		if !slices.IsSortedFunc(list, func(i, j int32) int { return changes[i].Ref().Compare(changes[j].Ref()) }) {
			t.Fatalf("the order is %v", list)
		}
		slices.Sort(list)
		for i, n := range list {
			if int(n) != i {
				t.Fatalf("the order has %d at %d", n, i)
			}
		}
	})
}

func TestNoKindHasARankAboveTheHighest(t *testing.T) {
	highest := 0
	for _, info := range Kinds() {
		highest = max(highest, info.Rank)
	}
	if highest != maxRank {
		t.Errorf("the highest rank in the table is %d, but maxRank is %d", highest, maxRank)
	}
}

// Only a kind whose dependencies have a lower rank may leave out to look them up.
func TestMembershipsFollowWhatTheyDependOnUnlessTheirUserIsDeactivated(t *testing.T) {
	for kind, want := range map[Kind]bool{AddMember: true, RemoveMember: false, CreateUser: false, "unknown": false} {
		if have := kind.followsDependencies(); have != want {
			t.Errorf("%q follows its dependencies by rank: %t, want %t", kind, have, want)
		}
	}
}
