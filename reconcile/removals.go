package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/seed-d64a251c/roster/schema"
)

// The gates that count: one change is nothing unusual, many at once are.

func holdMaxRemovals(in *gateInput, limit *schema.Limit) map[int]string {
	removal := func(c *Change) bool { return c.Kind == DeactivateUser || c.Kind == DeleteUser && !in.decided(c) }
	n, recent := in.count(removal), in.recentRemovals("")
	allowed := limitOf(limit, 5, 10, 50, in.managedUsers())
	if n+recent <= allowed {
		return nil
	}
	why := fmt.Sprintf("%d people would lose their access, at most %d of %d may", n, allowed, in.managedUsers())
	if recent > 0 {
		why = fmt.Sprintf("%d people would lose their access after %d in the last 24 hours, at most %d of %d may", n, recent, allowed, in.managedUsers())
	}
	return in.where(removal, why)
}

// covered reports whether a deletion was already decided when the person was deactivated.
func (in *gateInput) decided(c *Change) bool { return in.ledger.Users[c.Key].LeftScopeAt != nil }

func holdGroupDeletes(in *gateInput, _ *schema.Limit) map[int]string {
	return in.where(func(c *Change) bool { return c.Kind == DeleteGroup },
		"a deleted group takes its account assignments along for good")
}

func holdMemberRemovals(in *gateInput, limit *schema.Limit) map[int]string {
	removed := map[string]int{} // by group, deletions of users included
	for i := range in.changes {
		switch c := &in.changes[i]; c.Kind {
		case RemoveMember:
			removed[c.Key]++
		case DeleteUser:
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
		allowed, recent := maxMemberRemovals(limit, have), in.recentRemovals(key)
		why := ""
		switch {
		case left == 0:
			why = fmt.Sprintf("group %q would be left without members", key)
		case removed[key]+recent > allowed:
			why = fmt.Sprintf("group %q would lose %d of %d members, at most %d may go in 24 hours", key, removed[key]+recent, have, allowed)
		default:
			continue
		}
		for i := range in.changes {
			c := &in.changes[i]
			_, member := slices.BinarySearch(in.linking.State.Groups[key].Members, c.Key)
			if c.Kind == RemoveMember && c.Key == key || c.Kind == DeleteUser && member {
				out[i] = why
			}
		}
	}
	return out
}

// membersMayGo is how many members a group of some size may lose in 24 hours. It does not fall as the size grows.
func maxMemberRemovals(limit *schema.Limit, size int) int { return limitOf(limit, 5, 30, 100, size) }

// EnoughMembers is the least size of a group at which gate memberRemovals lets so many members go, and one more than are removed at
// least. have is the size that the group was last known to have.
func (in PlanInput) EnoughMembers(group string, removed, have int) int {
	limit, gone := in.Provisioner.Limits["memberRemovals"], removed+in.Status.recentRemovals(group, in.Now)
	return max(removed+1, sort.Search(have, func(size int) bool { return maxMemberRemovals(limit, size) >= gone }))
}

func holdSignInNames(in *gateInput, limit *schema.Limit) map[int]string {
	renames := func(c *Change) bool {
		return c.Kind != CreateUser && c.Kind != TemporaryRenameUser && c.Kind.OfUser() &&
			slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return a.Path == "userName" })
	}
	n, allowed := in.count(renames), limitOf(limit, 5, 1, unbounded, in.managedUsers())
	if n <= allowed {
		return nil
	}
	return in.where(renames, fmt.Sprintf("%d people would sign in by another name, at most %d may", n, allowed))
}

func holdUpdates(in *gateInput, limit *schema.Limit) map[int]string {
	updates := func(c *Change) bool { return c.Kind == UpdateUser || c.Kind == RenameUser || c.Kind == ActivateUser }
	n, allowed := in.count(updates), limitOf(limit, 5, 50, unbounded, in.managedUsers())
	if n <= allowed {
		return nil
	}
	return in.where(updates, fmt.Sprintf("%d users would change, at most %d may: was a mapping edited?", n, allowed))
}
