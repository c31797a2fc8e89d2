package reconcile

import (
	"maps"
	"time"
)

// Ledger lists the objects of a directory that roster manages, by key. roster changes no other
// object, except to adopt it.
type Ledger struct {
	Users  map[string]Owned `json:"users,omitempty"`
	Groups map[string]Owned `json:"groups,omitempty"`
}

// Owned is a managed object.
type Owned struct {
	ID string `json:"id"`
	// LeftScopeAt is when the deactivation of a user that left the scope was confirmed.
	// deleteAfterDays counts from it. Nil for all other objects.
	LeftScopeAt *time.Time `json:"leftScopeAt,omitempty"`
	// MembersUndecided is true for an adopted group until the removal of its previous members was
	// approved or rejected.
	MembersUndecided bool `json:"membersUndecided,omitempty"`
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{Users: map[string]Owned{}, Groups: map[string]Owned{}}
}

// Clone returns a copy that shares nothing.
func (l *Ledger) Clone() *Ledger {
	return &Ledger{Users: maps.Clone(l.Users), Groups: maps.Clone(l.Groups)}
}

// Record records a change that has taken effect. disposition is that of the change's user.
func (l *Ledger) Record(c *Change, id string, disposition Disposition, now time.Time) {
	if c.Kind == DeactivateUser && disposition == Deactivated {
		l.Users[c.Key] = Owned{ID: id, LeftScopeAt: &now}
		return
	}
	var objects map[string]Owned
	switch c.Kind.Info().Object {
	case ObjectUser:
		objects = l.Users
	case ObjectGroup:
		objects = l.Groups
	default:
		return
	}
	switch c.Kind.Action() {
	case ActionCreate:
		objects[c.Key] = Owned{ID: id}
	case ActionAdopt:
		objects[c.Key] = Owned{ID: id, MembersUndecided: c.Kind.OfGroup()}
	case ActionDelete:
		delete(objects, c.Key)
	}
}
