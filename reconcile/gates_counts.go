package reconcile

import (
	"maps"
	"slices"
	"sort"

	"github.com/seed-d64a251c/roster/schema"
)

// The gates that count changes: many changes of one kind in a run, or in a day, are held.

// holdMaxRemovals holds deactivations and deletions of users if there are too many. A deletion that
// was decided with the deactivation, and the end of access on a reviewed date, do not count.
func holdMaxRemovals(in *gateInput, l limit) map[int]string {
	removal := func(c *Change) bool {
		return c.Kind.countedBy(gateMaxRemovals) && !c.Reason.ReviewedEnd &&
			!(c.Kind.Action() == ActionDelete && in.decided(c))
	}
	n, recent := in.count(removal), in.recentRemovals("")
	allowed := l.of(in.ownedUsers())
	if n+recent <= allowed {
		return nil
	}
	return in.where(removal, maxRemovalsReason(n, in.ownedUsers(), recent, allowed))
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
		case !countsAsMemberRemoval(c):
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
			if !countsAsMemberRemoval(c) {
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

// countsAsMemberRemoval reports whether gate memberRemovals counts a change.
func countsAsMemberRemoval(c *Change) bool {
	return c.Kind.countedBy(gateMemberRemovals) && !c.Reason.ReviewedEnd
}

// EnoughMembers returns the smallest size of a group at which gate memberRemovals releases the
// removals: if the group is that large, its exact size does not matter. have is the last known
// size.
func (in PlanInput) EnoughMembers(group string, removed, have int) int {
	l := gateNamed(gateMemberRemovals).tuned(in.stricter().Limits[gateMemberRemovals])
	total := removed + in.Status.recentRemovals(in.Now, in.Desired.groupKeys(group)...)
	return max(removed+1, sort.Search(have, func(size int) bool { return l.of(size) >= total }))
}

// stricter returns the provisioner with the stricter rules of the policy in force and its own:
// either policy may judge a change.
func (in PlanInput) stricter() *schema.Provisioner {
	if in.AppliedPolicy == nil || in.Policy == nil {
		return in.Provisioner
	}
	return Stricter(in.AppliedPolicy, in.Policy).Provisioner
}

// holdSignInNames holds changes of userNames if there are too many. It also holds every change of a
// user's key together with the userName or the primary email address: the user in the directory may
// be another person.
func holdSignInNames(in *gateInput, l limit) map[int]string {
	renames := func(c *Change) bool { return c.Kind.countedBy(gateSignInNames) && c.changes("userName") }
	out := map[int]string{}
	if n, allowed := in.count(renames), l.of(in.ownedUsers()); n > allowed {
		out = in.where(renames, signInNamesReason(n, allowed))
	}
	in.holdMerged(out)
	for i := range in.changes {
		c := &in.changes[i]
		old := in.linking.RenamedUsers[c.Key]
		if !c.Kind.OfUser() || old == "" || c.ID == "" {
			continue
		}
		if several := in.earlierKeys(c.Key); len(several) > 1 {
			out[i] = severalKeysReason(several)
		} else if c.changes("userName") || c.changes("emails.value") {
			out[i] = renamedNamesReason(old)
		}
	}
	return out
}

// earlierKeys returns the earlier keys of a user that have an entry in the ledger, without those
// who left the scope.
func (in *gateInput) earlierKeys(key string) []string {
	keys := managedKeys(in.ledger.Users, in.desired.Users, in.desired.Users[key].Previously)
	return slices.DeleteFunc(keys, func(old string) bool { return in.ledger.Users[old].LeftScopeAt != nil })
}

// changes reports whether the change sets an attribute.
func (c *Change) changes(path string) bool {
	return slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return a.Path == path })
}

// activates reports whether the change makes a user active.
func (c *Change) activates() bool {
	return slices.Contains(c.Attributes, AttributeChange{Path: "active", Old: "false", New: "true"})
}

// holdUpdates holds updates of users if there are too many. Drift does not count, nor does a change
// that only restores what an earlier applied commit declared.
func holdUpdates(in *gateInput, l limit) map[int]string {
	updates := func(c *Change) bool {
		return c.Kind.countedBy(gateUpdates) && c.Origin == Intended && !in.restores(c)
	}
	n, allowed := in.count(updates), l.of(in.ownedUsers())
	if n <= allowed {
		return nil
	}
	return in.where(updates, updatesReason(n, allowed))
}

// restores reports whether a change of a user only restores what an earlier applied commit
// declared.
func (in *gateInput) restores(c *Change) bool {
	before := in.restored.user(in.desired.Users[c.Key], c.Key)
	return before != nil && !slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool {
		value, _ := before.Attributes.Get(a.Path)
		return a.New != value
	})
}

// holdActivations holds activations of users if there are too many. It leaves out those that gate
// switchedOff holds.
func holdActivations(in *gateInput, l limit) map[int]string {
	declared := in.policy.Limits[gateSwitchedOff]
	off := declared != nil && declared.Off
	activations := func(c *Change) bool {
		return c.Kind.countedBy(gateActivations) && c.activates() && (off || !in.switchedOff(c))
	}
	n, allowed := in.count(activations), l.of(in.ownedUsers())
	if n <= allowed {
		return nil
	}
	return in.where(activations, activationsReason(n, allowed))
}
