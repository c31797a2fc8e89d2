package reconcile

import (
	"maps"
	"reflect"
	"time"
)

// Ledger lists the objects of a directory that roster manages, by key. roster changes no other
// object, except to adopt it.
type Ledger struct {
	Users  map[string]Owned `json:"users,omitempty"`
	Groups map[string]Owned `json:"groups,omitempty"`
	// Unconfirmed are the objects that roster may have created or adopted, by their references. It
	// may be nil.
	Unconfirmed map[string]Unconfirmed `json:"unconfirmed,omitempty"`

	// sharedUsers and sharedGroups are true while the entries are those of another ledger too.
	sharedUsers, sharedGroups bool
}

// Owned is a managed object.
type Owned struct {
	ID string `json:"id"`
	// LeftScopeAt is when the deactivation of a user that left the scope was confirmed.
	// deleteAfterDays counts from it. Nil for all other objects.
	LeftScopeAt *time.Time `json:"leftScopeAt,omitempty"`
	// InactiveSince is when roster deactivated a user in scope, or first saw a user inactive who is
	// declared so. Nil for all other objects: an inactive user was deactivated outside roster.
	InactiveSince *time.Time `json:"inactiveSince,omitempty"`
	// MembersUndecided is true for an adopted group until the removal of its previous members was
	// approved or rejected.
	MembersUndecided bool `json:"membersUndecided,omitempty"`
	// MissedAt is when a lookup first did not find an object that is not desired any more; nil if
	// the directory has the object. A later lookup confirms that it is gone.
	MissedAt *time.Time `json:"missedAt,omitempty"`
	// DeleteSentAt is when roster sent the deletion of the object and got no valid response; nil
	// for all other objects. If the directory does not have the object, it was not deleted outside.
	DeleteSentAt *time.Time `json:"deleteSentAt,omitempty"`
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{Users: map[string]Owned{}, Groups: map[string]Owned{}, Unconfirmed: map[string]Unconfirmed{}}
}

// Clone returns a copy that shares nothing.
func (l *Ledger) Clone() *Ledger {
	return &Ledger{Users: maps.Clone(l.Users), Groups: maps.Clone(l.Groups), Unconfirmed: maps.Clone(l.Unconfirmed)}
}

// Equal reports whether two ledgers have the same entries.
func (l *Ledger) Equal(other *Ledger) bool {
	same := func(a, b Owned) bool { return reflect.DeepEqual(a, b) }
	return maps.EqualFunc(l.Users, other.Users, same) && maps.EqualFunc(l.Groups, other.Groups, same) &&
		maps.EqualFunc(l.Unconfirmed, other.Unconfirmed, func(a, b Unconfirmed) bool { return reflect.DeepEqual(a, b) })
}

// forChanges returns a ledger with the same entries that a run changes by the methods of Ledger. It
// shares the entries of users, and those of groups, until the first of them changes: most runs
// change none.
func (l *Ledger) forChanges() *Ledger {
	return &Ledger{Users: l.Users, Groups: l.Groups, Unconfirmed: maps.Clone(l.Unconfirmed), sharedUsers: true,
		sharedGroups: true}
}

// editUsers returns the entries of users to change them.
func (l *Ledger) editUsers() map[string]Owned {
	if l.sharedUsers {
		l.Users, l.sharedUsers = maps.Clone(l.Users), false
	}
	return l.Users
}

// editGroups returns the entries of groups to change them.
func (l *Ledger) editGroups() map[string]Owned {
	if l.sharedGroups {
		l.Groups, l.sharedGroups = maps.Clone(l.Groups), false
	}
	return l.Groups
}

// editEntries returns the entries of the objects that a kind of change is about, to change them.
func (l *Ledger) editEntries(k Kind) map[string]Owned {
	if k.Info().Object == ObjectGroup {
		return l.editGroups()
	}
	return l.editUsers()
}

// WithMissing returns the ledger with the entries of another one whose keys it does not have.
func (l *Ledger) WithMissing(other *Ledger) *Ledger {
	out := NewLedger()
	maps.Copy(out.Users, other.Users)
	maps.Copy(out.Groups, other.Groups)
	maps.Copy(out.Unconfirmed, other.Unconfirmed)
	maps.Copy(out.Users, l.Users)
	maps.Copy(out.Groups, l.Groups)
	maps.Copy(out.Unconfirmed, l.Unconfirmed)
	return out
}

// entriesOf returns the entries of the objects that a kind of change is about; nil if it is about
// memberships.
func (l *Ledger) entriesOf(k Kind) map[string]Owned {
	switch k.Info().Object {
	case ObjectUser:
		return l.Users
	case ObjectGroup:
		return l.Groups
	}
	return nil
}

// Record records a change that has taken effect. disposition is that of the change's user.
func (l *Ledger) Record(c *Change, id string, disposition Disposition, now time.Time) {
	if c.Kind.OfMembership() {
		return
	}
	switch c.Kind.Action() {
	case ActionCreate, ActionAdopt:
		delete(l.Unconfirmed, c.ObjectRef())
	}
	switch c.Kind.Action() {
	case ActionCreate:
		l.editEntries(c.Kind)[c.Key] = Owned{ID: id}
		return
	case ActionAdopt:
		l.editEntries(c.Kind)[c.Key] = Owned{ID: id, MembersUndecided: c.Kind.OfGroup()}
		return
	case ActionDelete, ActionRelease:
		delete(l.editEntries(c.Kind), c.Key)
		return
	}
	key := l.renameEntry(c, id)
	switch owned := (Owned{ID: id}); {
	case c.Kind == DeactivateUser && disposition == Deactivated:
		owned.LeftScopeAt = &now
		l.editUsers()[key] = owned
	case c.Kind == DeactivateUser && disposition == "":
		owned.InactiveSince = &now
		l.editUsers()[key] = owned
	case c.Kind == ActivateUser:
		l.editUsers()[key] = owned
	}
}

// RecordLate records a change that has taken effect in a run whose journal was read only
// now. Other runs may have recorded the object under the same key since: then lookups decide which
// object the key has.
func (l *Ledger) RecordLate(c *Change, id string, disposition Disposition, by Attempt, now time.Time) {
	entries := l.entriesOf(c.Kind)
	owned, found := entries[c.Key]
	switch action := c.Kind.Action(); {
	case !found:
	case (action == ActionCreate || action == ActionAdopt) && owned.ID == id:
		return
	case action == ActionCreate, action == ActionAdopt:
		l.RecordUncertain(c, by, now)
		return
	case (action == ActionDelete || action == ActionRelease) && owned.ID != id:
		return
	}
	l.Record(c, id, disposition, now)
}

// RecordUncertain records a change that may have taken effect: no valid response proves whether it
// did. by is the run that sent it.
//
//	change     | recorded until lookups or reads decide
//	-----------+---------------------------------------------------------------------------
//	creation   | unconfirmed
//	adoption   | unconfirmed
//	deletion   | sent: if the object is gone, it was not deleted outside
//	activation | the user was not deactivated outside, and does not wait for the deletion
//	deactivation | the user was not deactivated outside
//
// All other changes need no record: the next plan compares the object.
func (l *Ledger) RecordUncertain(c *Change, by Attempt, now time.Time) {
	switch c.Kind.Action() {
	case ActionCreate, ActionAdopt:
		if !c.Kind.OfMembership() {
			l.unconfirm(c.ObjectRef(), c.ID, by)
		}
		return
	case ActionDelete:
		if !c.Kind.OfMembership() {
			l.recordDeleteSent(c, now)
		}
		return
	}
	owned, found := l.Users[c.Key]
	switch {
	case !c.Kind.OfUser() || !found:
		return
	case c.Kind == DeactivateUser && owned.LeftScopeAt == nil && owned.InactiveSince == nil:
		owned.InactiveSince = &now
	case c.Kind == ActivateUser:
		owned.LeftScopeAt, owned.InactiveSince = nil, &now
	}
	l.editUsers()[c.Key] = owned
}

func (l *Ledger) recordDeleteSent(c *Change, now time.Time) {
	if owned, found := l.entriesOf(c.Kind)[c.Key]; found && owned.ID == c.ID {
		owned.DeleteSentAt = &now
		l.editEntries(c.Kind)[c.Key] = owned
	}
}

// renameEntry gives the entry of an object the key of a change that has written this key as
// externalId. It returns the key of the entry: that of the change, or an earlier one if the change
// did not write the externalId.
func (l *Ledger) renameEntry(c *Change, id string) string {
	objects := l.entriesOf(c.Kind)
	if _, found := objects[c.Key]; found {
		return c.Key
	}
	old := ""
	for _, a := range c.Attributes {
		if a.Path == "externalId" {
			old = a.Old
		}
	}
	if objects[old].ID != id { // the externalId was changed outside roster
		for key, owned := range objects {
			if owned.ID == id {
				old = key
			}
		}
	}
	owned, found := objects[old]
	switch {
	case !found || owned.ID != id:
		return c.Key
	case !c.setsExternalID():
		return old
	}
	objects = l.editEntries(c.Kind)
	delete(objects, old)
	objects[c.Key] = owned
	return c.Key
}
