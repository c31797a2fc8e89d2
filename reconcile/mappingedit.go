package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// MappingEdit is the effect of an edited mapping on the users in scope.
type MappingEdit struct {
	Mapping      string   `json:"mapping"`
	Position     string   `json:"position"` // file:line:column
	ChangedUsers int      `json:"changedUsers"`
	UsersInScope int      `json:"usersInScope"`
	Attributes   []string `json:"attributes,omitempty"` // that differ for a user
}

func (e *MappingEdit) String() string {
	if e.ChangedUsers == 0 {
		return fmt.Sprintf("mapping %q (%s) was edited; it changes no values", e.Mapping, e.Position)
	}
	return fmt.Sprintf("mapping %q (%s) was edited: it changes values for %d of %d users (%s)", e.Mapping, e.Position,
		e.ChangedUsers, e.UsersInScope, strings.Join(e.Attributes, ", "))
}

// NewMappingEdit maps all users in scope with the earlier and the current mapping, and counts the
// differences.
func NewMappingEdit(before, now *schema.Mapping, d *schema.Declarations, desired *Desired, at time.Time) *MappingEdit {
	e := &MappingEdit{Mapping: now.Key, Position: now.Pos.String(), UsersInScope: len(desired.Users)}
	differ := map[string]bool{}
	for key, u := range desired.Users {
		mapped, err := before.Map(UserAt(d.Users[key], at), desired.Membership.GroupsOf(key))
		if err != nil { // the earlier mapping fails for the user: all values are new
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
