package reconcile

import "time"

// NextLedger returns the ledger before the writes of a plan. A renamed key is updated if the
// directory has the new one already; otherwise the write of the new key updates it. Users who
// returned to the scope or left it without a call are recorded, and users who are inactive as
// declared. Objects that were missed in two lookups, ConfirmAfter apart, are dropped.
func NextLedger(ledger *Ledger, plan *Plan, missing Missing, now time.Time) *Ledger {
	l := plan.Linking.dated(ledger).forChanges()
	if plan.Mode == ModePaused || plan.Mode == ModeNeverEnabled {
		return l
	}
	l.renameWritten(plan.Linking)
	entries := plan.Entries(l)
	for key, owned := range entries.Users {
		_, contradicted := plan.Linking.Contradicted[UserRef(key)]
		if seen := owned.seen(plan.Linking.State.Users[key] != nil, now); seen != owned {
			owned = seen
			l.editUsers()[key] = owned
		}
		dated, changed := plan.datedWithoutCall(key, owned, now)
		switch {
		case contradicted:
		case changed:
			l.editUsers()[key] = dated
		case missing.Users[key]:
			dropMissed(l.editUsers(), key, now)
		}
	}
	shrinking := map[string]bool{}
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Kind == RemoveMember {
			shrinking[c.Key] = true
		}
	}
	for key, owned := range entries.Groups {
		if owned.MembersUndecided && !shrinking[key] { // its previous members are desired, or no longer members
			owned.MembersUndecided = false
			l.editGroups()[key] = owned
		}
		if seen := owned.seen(plan.Linking.State.Groups[key] != nil, now); seen != owned {
			owned = seen
			l.editGroups()[key] = owned
		}
		if missing.Groups[key] {
			dropMissed(l.editGroups(), key, now)
		}
	}
	return l
}

// seen returns an entry after a read that has its object or not. An object that is there was not
// missed. A deletion without a response did not take effect if the object is still there later.
func (o Owned) seen(there bool, now time.Time) Owned {
	if !there {
		return o
	}
	o.MissedAt = nil
	if o.DeleteSentAt != nil && now.Sub(*o.DeleteSentAt) >= ConfirmAfter {
		o.DeleteSentAt = nil
	}
	return o
}

// datedBefore reports whether the entry has dates, all of them before a time. A user who is active
// after that was activated; before, the read may be older than the deactivation.
func (o Owned) datedBefore(at time.Time) bool {
	dated := false
	for _, date := range []*time.Time{o.LeftScopeAt, o.InactiveSince} {
		if date != nil && date.After(at) {
			return false
		}
		dated = dated || date != nil
	}
	return dated
}

// dropMissed drops an entry whose object a lookup did not find, if an earlier lookup did not find
// it either.
func dropMissed(entries map[string]Owned, key string, now time.Time) {
	owned := entries[key]
	switch {
	case owned.MissedAt == nil, owned.MissedAt.After(now): // the clock was set back
		owned.MissedAt = &now
		entries[key] = owned
	case now.Sub(*owned.MissedAt) >= ConfirmAfter:
		delete(entries, key)
	}
}

// MissedCount returns the number of entries that wait for a second lookup.
func (l *Ledger) MissedCount() int {
	n := 0
	for _, entries := range []map[string]Owned{l.Users, l.Groups} {
		for _, owned := range entries {
			if owned.MissedAt != nil {
				n++
			}
		}
	}
	return n
}

// datedWithoutCall returns the entry of a user with the dates that follow from the directory as it
// is, and whether they differ.
func (p *Plan) datedWithoutCall(key string, owned Owned, now time.Time) (Owned, bool) {
	have, disposition := p.Linking.State.Users[key], p.Target.Leavers[key]
	if have == nil {
		return owned, false
	}
	if disposition != "" {
		if disposition != Deactivated || owned.LeftScopeAt != nil || have.Active() {
			return owned, false
		}
		owned.LeftScopeAt = &now
		return owned, true
	}
	want := p.Target.State.Users[key]
	switch {
	case want == nil:
		return owned, false
	case have.Active() && owned.datedBefore(now.Add(-ConfirmAfter)):
		owned.LeftScopeAt, owned.InactiveSince = nil, nil
		return owned, true
	case !have.Active() && !want.Active() && owned.InactiveSince == nil:
		owned.LeftScopeAt, owned.InactiveSince = nil, &now
		return owned, true
	}
	return owned, false
}

// renameWritten updates the renamed keys that the directory has already: an earlier run wrote them
// and did not learn it.
func (l *Ledger) renameWritten(linking *Linking) {
	for key, old := range linking.RenamedUsers {
		_, contradicted := linking.Contradicted[UserRef(key)]
		if u := linking.State.Users[key]; u != nil && u.ExternalID() == key && !contradicted {
			l.editUsers()[key] = l.Users[old]
			delete(l.Users, old)
		}
	}
	for key, old := range linking.RenamedGroups {
		_, contradicted := linking.Contradicted[GroupRef(key)]
		if g := linking.State.Groups[key]; g != nil && g.ExternalID == key && !contradicted {
			l.editGroups()[key] = l.Groups[old]
			delete(l.Groups, old)
		}
	}
}

// Missing are the managed objects that are not desired and that a lookup did not find.
type Missing struct {
	Users, Groups map[string]bool
	// Unlisted is the number of those that a lookup found although the directory did not list them.
	Unlisted int
}
