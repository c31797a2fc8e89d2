package reconcile

import (
	"maps"
	"slices"
	"sort"
)

// The gates that count changes: many changes of one kind in a run, or in a day, are held.

// holdMaxRemovals holds deactivations and deletions of users if there are too many. A deletion that
// was decided with the deactivation does not count.
func holdMaxRemovals(in *gateInput, l limit) map[int]string {
	removal := func(c *Change) bool {
		return c.Kind.countedBy(gateMaxRemovals) && !(c.Kind.Action() == ActionDelete && in.decided(c))
	}
	n, recent := in.count(removal), in.recentRemovals("")
	allowed := l.of(in.managedUsers())
	if n+recent <= allowed {
		return nil
	}
	return in.where(removal, maxRemovalsReason(n, in.managedUsers(), recent, allowed))
}

// decided reports whether a deletion was decided when the user was deactivated.
func (in *gateInput) decided(c *Change) bool { return in.ledger.Users[c.Key].LeftScopeAt != nil }

// holdGroupDeletes holds every deletion of a group.
func holdGroupDeletes(in *gateInput, _ limit) map[int]string {
	return in.where(func(c *Change) bool { return c.Kind.OfGroup() && c.Kind.Action() == ActionDelete },
		groupDeletesReason())
}

// holdMemberRemovals holds the removals of members of a group if there are too many, or if none
// would be left.
func holdMemberRemovals(in *gateInput, l limit) map[int]string {
	removed := map[string]int{} // by group, deletions of users included
	for i := range in.changes {
		switch c := &in.changes[i]; {
		case !c.Kind.countedBy(gateMemberRemovals):
		case c.Kind.OfMembership():
			removed[c.Key]++
		default: // the user loses all memberships
			for key, g := range in.linking.State.Groups {
				if _, found := slices.BinarySearch(g.Members, c.Key); found && in.target.State.Groups[key] != nil {
					removed[key]++
				}
			}
		}
	}
	out := map[int]string{}
	for _, key := range slices.Sorted(maps.Keys(removed)) {
		have, left := len(in.linking.State.Groups[key].Members), len(in.target.State.Groups[key].Members)
		allowed, recent := l.of(have), in.recentRemovals(key)
		reason := ""
		switch {
		case left == 0:
			reason = emptyGroupReason(key)
		case removed[key]+recent > allowed:
			reason = memberRemovalsReason(key, removed[key]+recent, have, allowed)
		default:
			continue
		}
		for i := range in.changes {
			c := &in.changes[i]
			if !c.Kind.countedBy(gateMemberRemovals) {
				continue
			}
			_, member := slices.BinarySearch(in.linking.State.Groups[key].Members, c.Key)
			if c.Kind.OfMembership() && c.Key == key || c.Kind.OfUser() && member {
				out[i] = reason
			}
		}
	}
	return out
}

// EnoughMembers returns the smallest size of a group at which gate memberRemovals releases the
// removals: if the group is that large, its exact size does not matter. have is the last known
// size.
func (in PlanInput) EnoughMembers(group string, removed, have int) int {
	l := gateNamed(gateMemberRemovals).tuned(in.Provisioner.Limits[gateMemberRemovals])
	total := removed + in.Status.recentRemovals(group, in.Now)
	return max(removed+1, sort.Search(have, func(size int) bool { return l.of(size) >= total }))
}

// holdSignInNames holds changes of userNames if there are too many.
func holdSignInNames(in *gateInput, l limit) map[int]string {
	renames := func(c *Change) bool {
		return c.Kind.countedBy(gateSignInNames) &&
			slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return a.Path == "userName" })
	}
	n, allowed := in.count(renames), l.of(in.managedUsers())
	if n <= allowed {
		return nil
	}
	return in.where(renames, signInNamesReason(n, allowed))
}

// holdUpdates holds updates of users if there are too many.
func holdUpdates(in *gateInput, l limit) map[int]string {
	updates := func(c *Change) bool { return c.Kind.countedBy(gateUpdates) }
	n, allowed := in.count(updates), l.of(in.managedUsers())
	if n <= allowed {
		return nil
	}
	return in.where(updates, updatesReason(n, allowed))
}
