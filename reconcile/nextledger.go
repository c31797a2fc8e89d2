package reconcile

import "time"

// NextLedger returns the ledger as the plan leaves it before anything is sent: renamed keys follow, people who returned or left without a
// call are noted, and what is released, or vanished and confirmed to be gone, is dropped.
func NextLedger(ledger *Ledger, plan *Plan, gone Missing, now time.Time) *Ledger {
	l := ledger.Clone()
	if plan.Mode == ModePaused || plan.Mode == ModeNeverEnabled {
		return l
	}
	for key, old := range plan.Linking.Moved {
		l.Groups[key] = l.Groups[old]
		delete(l.Groups, old)
	}
	for key, owned := range l.Users {
		have, left := plan.Linking.State.Users[key], plan.Target.Leavers[key]
		wanted := left == "" && plan.Target.State.Users[key] != nil
		switch {
		case wanted && have != nil && owned.LeftScopeAt != nil && have.Active():
			owned.LeftScopeAt = nil
			l.Users[key] = owned
		case have != nil && left == Deactivated && owned.LeftScopeAt == nil && !have.Active():
			owned.LeftScopeAt = &now
			l.Users[key] = owned
		case gone.Users[key]:
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
		if owned.MembersUndecided && !shrinking[key] { // whoever was in it before is wanted, or gone
			owned.MembersUndecided = false
			l.Groups[key] = owned
		}
		if gone.Groups[key] {
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

// Missing are objects of ours that nobody wants any more and that the directory does not have.
type Missing struct{ Users, Groups map[string]bool }
