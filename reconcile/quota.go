package reconcile

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// The quotas of AWS (AWS, "IAM Identity Center quotas").
const (
	maxUsers        = 100_000 // can be raised
	maxGroups       = 100_000
	maxGroupsOfUser = 1_000 // AWS ignores further groups when it evaluates a user's permissions
)

// overQuota returns notices about quotas of AWS that the desired state exceeds.
func overQuota(d *Desired) []string {
	var out []string
	if n := len(d.Users); n > maxUsers {
		out = append(out, fmt.Sprintf("%d users are in scope; AWS allows %d unless the quota was raised", n, maxUsers))
	}
	if n := len(d.Groups); n > maxGroups {
		out = append(out, fmt.Sprintf("%d groups are desired; AWS allows %d", n, maxGroups))
	}
	if over := d.crowdedUsers(); len(over) > 0 {
		out = append(out, fmt.Sprintf("%s in more than %d groups (%s): AWS evaluates no more groups of one user",
			usersAre(len(over)), maxGroupsOfUser, schema.ShortList(over, 5)))
	}
	return out
}

// crowdedUsers returns the sorted keys of the users who are in too many desired groups.
func (d *Desired) crowdedUsers() []string {
	if d.source != nil {
		return d.crowded
	}
	return d.usersInMoreThan(maxGroupsOfUser)
}

// maxCounted is how many users are counted one by one.
const maxCounted = 64

// nextCrowded returns the users who are in too many groups of a later state. Only users who were,
// or who are new members of a group, are counted.
func (d *Desired) nextCrowded(later *Desired) []string {
	if len(later.Groups) <= maxGroupsOfUser {
		return nil
	}
	candidates := map[string]bool{}
	for _, key := range d.crowded {
		candidates[key] = true
	}
	for key := range later.changed.Groups {
		if g := later.Groups[key]; g != nil {
			for _, user := range g.Members {
				if !d.has(key, user) {
					candidates[user] = true
				}
			}
		}
	}
	if len(d.Groups) <= maxGroupsOfUser || len(candidates) > maxCounted {
		return later.usersInMoreThan(maxGroupsOfUser)
	}
	maps.DeleteFunc(candidates, func(user string, _ bool) bool {
		n := 0
		for key := range later.Groups {
			if later.has(key, user) {
				n++
			}
		}
		return n <= maxGroupsOfUser
	})
	return slices.Sorted(maps.Keys(candidates))
}

// usersInMoreThan returns the sorted keys of the users who are in more than limit desired groups.
// To count the groups of each user would take longer than the rest of a plan. So users are first
// counted by hash; only those with a large sum are counted one by one.
func (d *Desired) usersInMoreThan(limit int) []string {
	if len(d.Groups) <= limit {
		return nil
	}
	seed := maphash.MakeSeed()
	var sums [1 << 16]int32
	each := func(f func(user string, sum *int32)) {
		for _, g := range d.Groups {
			for _, user := range g.Members {
				f(user, &sums[maphash.String(seed, user)%uint64(len(sums))])
			}
		}
	}
	each(func(_ string, sum *int32) { *sum++ })
	if int(slices.Max(sums[:])) <= limit {
		return nil
	}
	counts := map[string]int{}
	each(func(user string, sum *int32) {
		if int(*sum) > limit {
			counts[user]++
		}
	})
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n <= limit })
	return slices.Sorted(maps.Keys(counts))
}

// usersAre returns "1 user is" or "2 users are".
func usersAre(n int) string {
	if n == 1 {
		return schema.Count(n, "user") + " is"
	}
	return schema.Count(n, "user") + " are"
}
