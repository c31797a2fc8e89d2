package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// MappingEdit is what becomes of an edited mapping: whom it gives other values than before.
type MappingEdit struct {
	Mapping      string   `json:"mapping"`
	Position     string   `json:"position"` // file:line:column
	ChangedUsers int      `json:"changedUsers"`
	UsersInScope int      `json:"usersInScope"`         // people in scope
	Attributes   []string `json:"attributes,omitempty"` // that differ for somebody
}

func (e *MappingEdit) String() string {
	if e.ChangedUsers == 0 {
		return fmt.Sprintf("mapping %q (%s) was edited; nobody gets other values by it", e.Mapping, e.Position)
	}
	return fmt.Sprintf("mapping %q (%s) was edited: %d of %d people get other values (%s)", e.Mapping, e.Position, e.ChangedUsers, e.UsersInScope, strings.Join(e.Attributes, ", "))
}

// NewMappingEdit maps everybody in scope by the mapping of before and by that of now, and counts the difference.
func NewMappingEdit(before, now *schema.Mapping, d *schema.Declarations, want *Desired, at time.Time) *MappingEdit {
	e := &MappingEdit{Mapping: now.Key, Position: now.Pos.String(), UsersInScope: len(want.Users)}
	differ := map[string]bool{}
	for key, u := range want.Users {
		mapped, err := before.Map(userAt(d.Users[key], at), want.Membership.GroupsOf(key))
		if err != nil { // the old one fails for them: whatever comes now is new
			e.ChangedUsers++
			continue
		}
		changes := diffAttributes(mapped.Attributes, u.Attributes)
		if len(changes) > 0 {
			e.ChangedUsers++
		}
		for _, c := range changes {
			differ[c.Path] = true
		}
	}
	e.Attributes = slices.Sorted(maps.Keys(differ))
	return e
}
