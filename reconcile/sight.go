package reconcile

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// sight is what a run sees of a directory: what is remembered of it, brought up to date by what the run looks up.
type sight struct {
	*Recollection
	// whole says that everything was read in this run: nothing has to be looked up.
	whole bool
	// listed are the kinds of objects of which every one was read in this run.
	listedUsers, listedGroups bool
	seen                      map[wish]bool  // what was looked up in this run
	atLeast                   map[string]int // how many members a group has for certain, by id
	// version counts what turned out to be otherwise than remembered.
	version int

	userAt, groupAt map[string]int // places by id
}

// wish is one thing to be looked up.
type wish struct {
	Kind  wishKind `json:"kind"`
	Value string   `json:"value"`
}

type wishKind string

// What can be looked up, and by what.
const (
	seeUser      wishKind = "user"      // by id
	seeUserKey   wishKind = "userKey"   // by externalId
	seeUserName  wishKind = "userName"  // by userName
	seeGroup     wishKind = "group"     // by id
	seeGroupKey  wishKind = "groupKey"  // by externalId
	seeGroupName wishKind = "groupName" // by displayName
	seeMembers   wishKind = "members"   // all of the group of an id
	seeGroupsOf  wishKind = "groupsOf"  // all of the user of an id
)

func (w wish) compare(o wish) int {
	return cmp.Or(strings.Compare(string(w.Kind), string(o.Kind)), strings.Compare(w.Value, o.Value))
}

// cost is how many calls a wish takes.
func (v *sight) cost(w wish) int {
	if w.Kind == seeMembers {
		return max(1, pages(len(v.Observed.Members[w.Value])))
	}
	return 1
}

func newSight(r *Recollection) *sight {
	return &sight{Recollection: r, seen: map[wish]bool{}, atLeast: map[string]int{}}
}

// has reports whether the run has looked something up.
func (v *sight) has(w wish) bool {
	switch w.Kind {
	case seeUser, seeUserKey, seeUserName:
		if v.listedUsers {
			return true
		}
	case seeGroup, seeGroupKey, seeGroupName:
		if v.listedGroups {
			return true
		}
	}
	return v.whole || v.seen[w]
}

// hasPair reports whether the run knows if a user is a member of a group.
func (v *sight) hasPair(group, user string) bool {
	return v.has(wish{seeMembers, group}) || v.has(wish{seeGroupsOf, user})
}

func (v *sight) user(id string) *RemoteUser {
	return place(&v.userAt, v.Observed.Users, func(u *RemoteUser) string { return u.ID }, id)
}

func (v *sight) group(id string) *RemoteGroup {
	return place(&v.groupAt, v.Observed.Groups, func(g *RemoteGroup) string { return g.ID }, id)
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
func (v *sight) putUser(u RemoteUser) {
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
func (v *sight) dropUser(id string) {
	if v.user(id) != nil {
		v.Observed.Users = slices.DeleteFunc(v.Observed.Users, func(u RemoteUser) bool { return u.ID == id })
		v.userAt = nil
		v.version++
	}
	v.putGroupsOf(id, nil)
}

func (v *sight) putGroup(g RemoteGroup) {
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

func (v *sight) dropGroup(id string) {
	if v.group(id) == nil {
		return
	}
	v.Observed.Groups = slices.DeleteFunc(v.Observed.Groups, func(g RemoteGroup) bool { return g.ID == id })
	v.groupAt = nil
	delete(v.Observed.Members, id)
	delete(v.MembersReadAt, id)
	v.version++
}

// putMembers takes the sorted members of a group as the directory has them now.
func (v *sight) putMembers(group string, members []string, at time.Time) {
	if have, known := v.Observed.Members[group]; !known || !slices.Equal(have, members) {
		v.Observed.Members[group] = members
		v.version++
	}
	v.MembersReadAt[group] = at
}

// putGroupsOf takes the sorted groups of a user as the directory has them now. Groups whose members nobody asked for stay unread.
func (v *sight) putGroupsOf(user string, groups []string) {
	for group := range v.Observed.Members {
		_, in := slices.BinarySearch(groups, group)
		v.putMember(group, user, in)
	}
}

// putMember takes it that a user is, or is not, a member of a group. Lists are never changed in place: earlier sights share them.
func (v *sight) putMember(group, user string, in bool) {
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
func (v *sight) putUsers(users []RemoteUser, at time.Time) {
	v.Observed.Users, v.UsersReadAt, v.userAt, v.listedUsers = users, at, nil, true
	v.version++
}

// putGroups takes a listing of every group; the members of those that are gone go with them.
func (v *sight) putGroups(groups []RemoteGroup, at time.Time) {
	v.Observed.Groups, v.GroupsReadAt, v.groupAt, v.listedGroups = groups, at, nil, true
	for id := range v.Observed.Members {
		if v.group(id) == nil {
			delete(v.Observed.Members, id)
			delete(v.MembersReadAt, id)
		}
	}
	v.version++
}
