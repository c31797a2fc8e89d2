package schema_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestCountUsesThePluralForAllNumbersButOne(t *testing.T) {
	for _, row := range []struct {
		n    int
		noun string
		want string
	}{
		{0, "user", "0 users"}, {1, "user", "1 user"}, {2, "user", "2 users"},
		{1, "entry", "1 entry"}, {2, "entry", "2 entries"}, {2, "key", "2 keys"},
		{3, "address", "3 addresses"}, {2, "branch", "2 branches"}, {2, "membership", "2 memberships"},
	} {
		if got := schema.Count(row.n, row.noun); got != row.want {
			t.Errorf("Count(%d, %q) = %q, want %q", row.n, row.noun, got, row.want)
		}
	}
}

func TestShortListCountsWhatItLeavesOut(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	for limit, want := range map[int]string{1: "a and 3 more", 3: "a, b, c and 1 more", 4: "a, b, c, d",
		9: "a, b, c, d"} {
		if got := schema.ShortList(names, limit); got != want {
			t.Errorf("ShortList(%d) = %q, want %q", limit, got, want)
		}
	}
}
