package reconcile

import "time"

// NextLedger returns the ledger before the writes of a plan. A renamed key is updated if the
// directory has the new one already; otherwise the write of the new key updates it. Users who
// returned to the scope or left it without a call are recorded, and users who are inactive as
// declared. Objects that are confirmed to be missing are dropped.
func NextLedger(ledger *Ledger, plan *Plan, missing Missing, now time.Time) *Ledger {
	l := plan.Linking.dated(ledger).Clone()
	if plan.Mode == ModePaused || plan.Mode == ModeNeverEnabled {
		return l
	}
	l.renameWritten(plan.Linking)
	for key, owned := range l.Users {
		have, disposition := plan.Linking.State.Users[key], plan.Target.Leavers[key]
		var want *User // nil for a leaver
		if disposition == "" {
			want = plan.Target.State.Users[key]
		}
		_, contradicted := plan.Linking.Contradicted["user/"+key]
		switch {
		case contradicted:
		case want != nil && have != nil && have.Active() && (owned.LeftScopeAt != nil || owned.InactiveSince != nil):
			owned.LeftScopeAt, owned.InactiveSince = nil, nil
			l.Users[key] = owned
		case want != nil && have != nil && !have.Active() && !want.Active() && owned.InactiveSince == nil:
			owned.LeftScopeAt, owned.InactiveSince = nil, &now
			l.Users[key] = owned
		case have != nil && disposition == Deactivated && owned.LeftScopeAt == nil && !have.Active():
			owned.LeftScopeAt = &now
			l.Users[key] = owned
		case missing.Users[key]:
			delete(l.Users, key)
		}
	}
	shrinking := map[string]bool{}
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Kind == RemoveMember {
			shrinking[c.Key] = true
		}
	}
	for key, owned := range l.Groups {
		if owned.MembersUndecided && !shrinking[key] { // its previous members are desired, or no longer members
			owned.MembersUndecided = false
			l.Groups[key] = owned
		}
		if missing.Groups[key] {
			delete(l.Groups, key)
		}
	}
	return l
}

// renameWritten updates the renamed keys that the directory has already: an earlier run wrote them
// and did not learn it.
func (l *Ledger) renameWritten(linking *Linking) {
	for key, old := range linking.RenamedUsers {
		_, contradicted := linking.Contradicted["user/"+key]
		if u := linking.State.Users[key]; u != nil && u.ExternalID() == key && !contradicted {
			l.Users[key] = l.Users[old]
			delete(l.Users, old)
		}
	}
	for key, old := range linking.RenamedGroups {
		_, contradicted := linking.Contradicted["group/"+key]
		if g := linking.State.Groups[key]; g != nil && g.ExternalID == key && !contradicted {
			l.Groups[key] = l.Groups[old]
			delete(l.Groups, old)
		}
	}
}

// Missing are the managed objects that are not desired and that the directory does not have.
type Missing struct{ Users, Groups map[string]bool }
