package observe

import (
	"cmp"
	"github.com/seed-d64a251c/roster/reconcile"
	"slices"
	"strings"
	"time"
)

// sight is what a run sees of a directory: what is remembered of it, brought up to date by what the run looks up.
type View struct {
	*CachedDirectory
	// whole says that everything was read in this run: nothing has to be looked up.
	whole bool
	// listed are the kinds of objects of which every one was read in this run.
	listedUsers, listedGroups bool
	done                      map[lookup]bool // what was looked up in this run
	atLeast                   map[string]int  // how many members a group has for certain, by id
	// version counts what turned out to be otherwise than remembered.
	version int

	userAt, groupAt map[string]int // places by id
}

// wish is one thing to be looked up.
type lookup struct {
	Kind  lookupKind `json:"kind"`
	Value string     `json:"value"`
}

type lookupKind string

// What can be looked up, and by what.
const (
	lookupUser      lookupKind = "user"      // by id
	lookupUserKey   lookupKind = "userKey"   // by externalId
	lookupUserName  lookupKind = "userName"  // by userName
	lookupGroup     lookupKind = "group"     // by id
	lookupGroupKey  lookupKind = "groupKey"  // by externalId
	lookupGroupName lookupKind = "groupName" // by displayName
	lookupMembers   lookupKind = "members"   // all of the group of an id
	lookupGroupsOf  lookupKind = "groupsOf"  // all of the user of an id
)

func (w lookup) compare(o lookup) int {
	return cmp.Or(strings.Compare(string(w.Kind), string(o.Kind)), strings.Compare(w.Value, o.Value))
}

// cost is how many calls a wish takes.
func (v *View) cost(w lookup) int {
	if w.Kind == lookupMembers {
		return max(1, pages(len(v.Observed.Members[w.Value])))
	}
	return 1
}

func newView(r *CachedDirectory) *View {
	return &View{CachedDirectory: r, done: map[lookup]bool{}, atLeast: map[string]int{}}
}

// has reports whether the run has looked something up.
func (v *View) has(w lookup) bool {
	switch w.Kind {
	case lookupUser, lookupUserKey, lookupUserName:
		if v.listedUsers {
			return true
		}
	case lookupGroup, lookupGroupKey, lookupGroupName:
		if v.listedGroups {
			return true
		}
	}
	return v.whole || v.done[w]
}

// hasPair reports whether the run knows if a user is a member of a group.
func (v *View) hasPair(group, user string) bool {
	return v.has(lookup{lookupMembers, group}) || v.has(lookup{lookupGroupsOf, user})
}

func (v *View) user(id string) *reconcile.RemoteUser {
	return place(&v.userAt, v.Observed.Users, func(u *reconcile.RemoteUser) string { return u.ID }, id)
}

func (v *View) group(id string) *reconcile.RemoteGroup {
	return place(&v.groupAt, v.Observed.Groups, func(g *reconcile.RemoteGroup) string { return g.ID }, id)
}

// place finds an object of a list, nil if it is not there. Where each stands is noted the first time.
func place[T any](at *map[string]int, list []T, idOf func(*T) string, id string) *T {
	if *at == nil {
		*at = make(map[string]int, len(list))
		for i := range list {
			(*at)[idOf(&list[i])] = i
		}
	}
	if i, ok := (*at)[id]; ok {
		return &list[i]
	}
	return nil
}

// putUser takes a user as the directory has them now.
func (v *View) putUser(u reconcile.RemoteUser) {
	switch have := v.user(u.ID); {
	case have == nil:
		v.userAt[u.ID] = len(v.Observed.Users)
		v.Observed.Users = append(v.Observed.Users, u)
	case slices.Equal(have.Attributes, u.Attributes):
		return
	default:
		*have = u
	}
	v.version++
}

// dropUser takes it that a user is gone, and with them their memberships.
func (v *View) dropUser(id string) {
	if v.user(id) != nil {
		v.Observed.Users = slices.DeleteFunc(v.Observed.Users, func(u reconcile.RemoteUser) bool { return u.ID == id })
		v.userAt = nil
		v.version++
	}
	v.putGroupsOf(id, nil)
}

func (v *View) putGroup(g reconcile.RemoteGroup) {
	switch have := v.group(g.ID); {
	case have == nil:
		v.groupAt[g.ID] = len(v.Observed.Groups)
		v.Observed.Groups = append(v.Observed.Groups, g)
	case *have == g:
		return
	default:
		*have = g
	}
	v.version++
}

func (v *View) dropGroup(id string) {
	if v.group(id) == nil {
		return
	}
	v.Observed.Groups = slices.DeleteFunc(v.Observed.Groups, func(g reconcile.RemoteGroup) bool { return g.ID == id })
	v.groupAt = nil
	delete(v.Observed.Members, id)
	delete(v.MembersReadAt, id)
	v.version++
}

// putMembers takes the sorted members of a group as the directory has them now.
func (v *View) putMembers(group string, members []string, at time.Time) {
	if have, known := v.Observed.Members[group]; !known || !slices.Equal(have, members) {
		v.Observed.Members[group] = members
		v.version++
	}
	v.MembersReadAt[group] = at
}

// putGroupsOf takes the sorted groups of a user as the directory has them now. Groups whose members nobody asked for stay unread.
func (v *View) putGroupsOf(user string, groups []string) {
	for group := range v.Observed.Members {
		_, in := slices.BinarySearch(groups, group)
		v.putMember(group, user, in)
	}
}

// putMember takes it that a user is, or is not, a member of a group. Lists are never changed in place: earlier sights share them.
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
	v.version++
}

// putUsers takes a listing of every user.
func (v *View) putUsers(users []reconcile.RemoteUser, at time.Time) {
	v.Observed.Users, v.UsersReadAt, v.userAt, v.listedUsers = users, at, nil, true
	v.version++
}

// putGroups takes a listing of every group; the members of those that are gone go with them.
func (v *View) putGroups(groups []reconcile.RemoteGroup, at time.Time) {
	v.Observed.Groups, v.GroupsReadAt, v.groupAt, v.listedGroups = groups, at, nil, true
	for id := range v.Observed.Members {
		if v.group(id) == nil {
			delete(v.Observed.Members, id)
			delete(v.MembersReadAt, id)
		}
	}
	v.version++
}
