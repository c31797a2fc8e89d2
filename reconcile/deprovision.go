package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Disposition is what happens to a managed user who left the scope.
type Disposition string

// The dispositions of leavers.
const (
	Deactivated Disposition = "deactivated"
	Deleted     Disposition = "deleted"
	Kept        Disposition = "kept" // unchanged in the directory, and dropped from the ledger
)

// dispositionOf decides what happens to a managed user who left the scope.
func dispositionOf(u *User, owned Owned, policy schema.Deprovision, now time.Time) Disposition {
	switch {
	case policy.Mode == "keep":
		return Kept
	case policy.Mode == "delete", deletionDue(owned, policy, now) && !u.Active():
		return Deleted
	}
	return Deactivated
}

// deletionDue reports whether a deactivated user has waited long enough for the deletion.
func deletionDue(owned Owned, policy schema.Deprovision, now time.Time) bool {
	return policy.DeleteAfterDays != nil && owned.LeftScopeAt != nil &&
		!now.Before(owned.LeftScopeAt.Add(time.Duration(*policy.DeleteAfterDays)*24*time.Hour))
}

// deprovision changes a leaver in the target as its disposition says.
func (t *Target) deprovision(have *User, d Disposition) {
	t.Leavers[have.Key] = d
	switch d {
	case Kept:
		t.ReleasedUsers = append(t.ReleasedUsers, have.Key)
	case Deleted:
		delete(t.State.Users, have.Key)
	case Deactivated:
		inactive := Attributes{attribute("active", "false")}
		t.State.Users[have.Key] = &User{Key: have.Key, ID: have.ID, Attributes: merge(have.Attributes, inactive)}
	}
}

// freeNames deletes users who wait for their deletion if another user needs their name. Gate
// nameTaken holds the deletion until it is approved.
func (t *Target) freeNames(l *Linking, desired *Desired, ledger *Ledger) {
	waiting := map[string]string{} // name -> key of the user who waits for deletion
	for key, d := range t.Leavers {
		if d == Deactivated && ledger.Users[key].LeftScopeAt != nil && !l.State.Users[key].Active() {
			for _, name := range uniqueNames(l.State.Users[key].ExternalID(), l.State.Users[key].Attributes) {
				waiting[name] = key
			}
		}
	}
	if len(waiting) == 0 {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(desired.Users)) {
		u := t.State.Users[key]
		if u == nil {
			continue
		}
		for _, name := range uniqueNames(key, u.Attributes) {
			if holder := waiting[name]; holder != "" {
				t.FreesName[holder], t.Leavers[holder] = key, Deleted
				delete(t.State.Users, holder)
			}
		}
	}
}
