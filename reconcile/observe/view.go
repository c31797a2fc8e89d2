package observe

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// View is the directory as a run knows it: the cached directory, updated with what the run reads
// and writes.
type View struct {
	*CachedDirectory
	// fullyRead means that the run read everything, except the members of groups that it did not
	// need.
	fullyRead bool
	// fullReason is set if that was because the cached directory does not count.
	fullReason *reconcile.FullRead
	// listedUsers and listedGroups mean that the run listed all users or all groups.
	listedUsers, listedGroups bool
	lookedUp                  map[lookup]bool // in this run
	minMembers                map[string]int  // of groups whose members the run counted, by id
	changes                   int             // number of differences from the cached directory
}

// continued returns a view for the run that replaces the run of v. What that run has read counts as
// read in the new run. The view shares nothing that changes with v.
func (v *View) continued(now time.Time) *View {
	out := newView(v.CachedDirectory.copy(now))
	out.fullReason = v.fullReason
	out.fullyRead, out.listedUsers, out.listedGroups = v.fullyRead, v.listedUsers, v.listedGroups
	out.lookedUp, out.minMembers = maps.Clone(v.lookedUp), maps.Clone(v.minMembers)
	return out
}

// newView returns a view that updates c.
func newView(c *CachedDirectory) *View {
	return &View{CachedDirectory: c, lookedUp: map[lookup]bool{}, minMembers: map[string]int{}}
}

// isFresh reports whether the run has read the answer to a lookup.
func (v *View) isFresh(l lookup) bool {
	switch l.Kind {
	case lookupUser, lookupUserKey, lookupUserName:
		if v.listedUsers {
			return true
		}
	case lookupGroup, lookupGroupKey, lookupGroupName:
		if v.listedGroups {
			return true
		}
	}
	if _, known := v.Observed.Members[l.Value]; l.Kind == lookupMembers && !known {
		return false
	}
	return v.fullyRead || v.lookedUp[l]
}

// membershipIsFresh reports whether the run has read if a user is a member of a group.
func (v *View) membershipIsFresh(group, user string) bool {
	return v.isFresh(lookup{lookupMembers, group}) || v.isFresh(lookup{lookupGroupsOf, user})
}

func (v *View) user(id string) *reconcile.RemoteUser {
	if i, ok := v.indexOfUsers().get(id); ok {
		return &v.Observed.Users[i]
	}
	return nil
}

func (v *View) group(id string) *reconcile.RemoteGroup {
	if i, ok := v.indexOfGroups().get(id); ok {
		return &v.Observed.Groups[i]
	}
	return nil
}

func (v *View) indexOfUsers() *listIndex {
	if v.userIndex == nil {
		v.userIndex = newListIndex(v.Observed.Users, func(u *reconcile.RemoteUser) string { return u.ID })
	}
	return v.userIndex
}

func (v *View) indexOfGroups() *listIndex {
	if v.groupIndex == nil {
		v.groupIndex = newListIndex(v.Observed.Groups, func(g *reconcile.RemoteGroup) string { return g.ID })
	}
	return v.groupIndex
}

// putUser records a user as the directory returned it.
func (v *View) putUser(u reconcile.RemoteUser) {
	switch have := v.user(u.ID); {
	case have == nil:
		v.userIndex.add(u.ID, len(v.Observed.Users))
		v.Observed.Users = append(v.Observed.Users, u)
	case have.Equal(u):
		return
	default:
		*have = u
	}
	v.changes++
}

// dropUser removes a user and its memberships from the view.
func (v *View) dropUser(id string) {
	if v.user(id) != nil {
		v.Observed.Users = slices.DeleteFunc(v.Observed.Users,
			func(u reconcile.RemoteUser) bool { return u.ID == id })
		v.userIndex = nil
		v.changes++
	}
	v.putGroupsOf(id, nil)
}

// putGroup records a group as the directory returned it.
func (v *View) putGroup(g reconcile.RemoteGroup) {
	switch have := v.group(g.ID); {
	case have == nil:
		v.groupIndex.add(g.ID, len(v.Observed.Groups))
		v.Observed.Groups = append(v.Observed.Groups, g)
	case have.Equal(g):
		return
	default:
		*have = g
	}
	v.changes++
}

// dropGroup removes a group and its members from the view.
func (v *View) dropGroup(id string) {
	if v.group(id) == nil {
		return
	}
	v.Observed.Groups = slices.DeleteFunc(v.Observed.Groups,
		func(g reconcile.RemoteGroup) bool { return g.ID == id })
	v.groupIndex = nil
	delete(v.Observed.Members, id)
	delete(v.MembersReadAt, id)
	v.changes++
}

// putMembers records the sorted members of a group.
func (v *View) putMembers(group string, members []string, at time.Time) {
	if have, known := v.Observed.Members[group]; !known || !slices.Equal(have, members) {
		v.Observed.Members[group] = members
		v.changes++
	}
	v.MembersReadAt[group] = at
}

// putMembersByUser records the members of the selected groups, from the groups of each user.
func (v *View) putMembersByUser(options Options, at time.Time) {
	members := map[string][]string{}
	for _, id := range v.selectedGroups(options) {
		members[id] = nil
	}
	for _, u := range v.Observed.Users {
		for _, g := range v.GroupsOf[u.ID] {
			if list, selected := members[g]; selected {
				members[g] = append(list, u.ID)
			}
		}
	}
	for id, list := range members {
		slices.Sort(list)
		v.putMembers(id, list, at)
	}
}

// putGroupsOf records the sorted groups of a user, for those groups whose members the view has.
func (v *View) putGroupsOf(user string, groups []string) {
	for group := range v.Observed.Members {
		_, in := slices.BinarySearch(groups, group)
		v.putMember(group, user, in)
	}
}

// putMember records whether a user is a member of a group. It never changes a list in place,
// because the cached directory shares it.
func (v *View) putMember(group, user string, in bool) {
	members, known := v.Observed.Members[group]
	i, found := slices.BinarySearch(members, user)
	switch {
	case !known || found == in:
		return
	case in:
		v.Observed.Members[group] = slices.Insert(slices.Clone(members), i, user)
	default:
		v.Observed.Members[group] = slices.Delete(slices.Clone(members), i, i+1)
	}
	v.changes++
}

// putUsers records a listing of all users.
func (v *View) putUsers(users []reconcile.RemoteUser, at time.Time) {
	v.Observed.Users, v.UsersReadAt, v.userIndex, v.listedUsers = users, at, nil, true
	v.Recent.users = at
	v.changes++
}

// putGroups records a listing of all groups. Members of groups that are not listed are dropped.
func (v *View) putGroups(groups []reconcile.RemoteGroup, at time.Time) {
	v.Observed.Groups, v.GroupsReadAt, v.groupIndex, v.listedGroups = groups, at, nil, true
	v.Recent.groups = at
	for id := range v.Observed.Members {
		if v.group(id) == nil {
			delete(v.Observed.Members, id)
			delete(v.MembersReadAt, id)
		}
	}
	v.changes++
}

// recordLookup records the answer to the lookup of an object: put if there is one, drop if a known
// id has none.
func (v *View) recordLookup(l lookup, ok bool, id string, byID lookupKind, at time.Time, put func(),
	drop func(id string)) {
	v.lookedUp[l] = true
	switch {
	case ok:
		put()
		v.Recent.note(byID, id, at)
		v.lookedUp[lookup{byID, id}] = true
	case l.Kind == byID:
		drop(l.Value)
	}
}
