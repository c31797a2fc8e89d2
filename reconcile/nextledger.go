package reconcile

import "time"

// NextLedger returns the ledger before the writes of a plan. Renamed keys are updated. Users who
// returned to the scope or left it without a call are recorded. Released objects, and those
// confirmed to be missing, are dropped.
func NextLedger(ledger *Ledger, plan *Plan, missing Missing, now time.Time) *Ledger {
	l := ledger.Clone()
	if plan.Mode == ModePaused || plan.Mode == ModeNeverEnabled {
		return l
	}
	for key, old := range plan.Linking.RenamedGroups {
		l.Groups[key] = l.Groups[old]
		delete(l.Groups, old)
	}
	for key, owned := range l.Users {
		have, disposition := plan.Linking.State.Users[key], plan.Target.Leavers[key]
		desired := disposition == "" && plan.Target.State.Users[key] != nil
		switch {
		case desired && have != nil && owned.LeftScopeAt != nil && have.Active():
			owned.LeftScopeAt = nil
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
	if plan.Mode == ModeEnabled {
		for _, key := range plan.Target.ReleasedUsers {
			delete(l.Users, key)
		}
		for _, key := range plan.Target.ReleasedGroups {
			delete(l.Groups, key)
		}
	}
	return l
}

// Missing are the managed objects that are not desired and that the directory does not have.
type Missing struct{ Users, Groups map[string]bool }
