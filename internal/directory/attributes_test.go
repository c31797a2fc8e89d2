package directory

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

// TestAttributes checks the table: it is sorted by path, as unflatten requires, and each row reads
// and writes the same field.
func TestAttributes(t *testing.T) {
	if !slices.IsSortedFunc(attributes[:], func(a, b attribute) int { return strings.Compare(a.path, b.path) }) {
		t.Error("the table is not sorted by path")
	}
	for _, a := range attributes {
		u := &scim.User{}
		a.set(u, "true")
		got := flatten(u)
		if len(got) != 1 || got[0].Path != a.path || got[0].Value != "true" {
			t.Errorf("%s: a user with only this attribute has %v", a.path, got)
		}
	}
}
