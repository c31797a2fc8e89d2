package awssim

import (
	"cmp"
	"slices"
	"time"
)

// user is a user in the directory.
type user struct {
	number            uint64
	id                string
	attrs             object
	created, modified time.Time
	groups            []*group // sorted by sequence
}

func (u *user) sequence() uint64           { return u.number }
func (u *user) identity() (string, object) { return u.id, u.attrs }

// group is a group in the directory.
type group struct {
	number            uint64
	id                string
	attrs             object
	created, modified time.Time
	members           []*user // sorted by sequence
}

func (g *group) sequence() uint64           { return g.number }
func (g *group) identity() (string, object) { return g.id, g.attrs }

// directory holds users, groups and memberships, and indexes for every lookup. It validates
// nothing: its callers validate changes before they apply them. It does not lock: the server does.
type directory struct {
	user, group *resourceType

	lastNumber uint64
	users      map[string]*user
	groups     map[string]*group
	userOrder  order[*user]
	groupOrder order[*group]

	userNames, emails, userExternalIDs *index[*user]
	groupNames, groupExternalIDs       *index[*group]
}

func newDirectory(r *rules) *directory {
	u, g := r.user, r.group
	text := func(a *attribute) func(object) string { return func(o object) string { return o.getString(a) } }
	return &directory{
		user: u, group: g, users: map[string]*user{}, groups: map[string]*group{},
		userNames:        newIndex[*user]("userName", u.userName, text(u.userName)),
		emails:           newIndex[*user]("primary email", u.emails, u.email),
		userExternalIDs:  newIndex[*user]("externalId", u.externalID, text(u.externalID)),
		groupNames:       newIndex[*group]("displayName", g.displayName, text(g.displayName)),
		groupExternalIDs: newIndex[*group]("externalId", g.externalID, text(g.externalID)),
	}
}

// userIndexes returns the indexes of users, in the order in which uniqueness is checked.
func (d *directory) userIndexes() [3]*index[*user] {
	return [...]*index[*user]{d.userNames, d.emails, d.userExternalIDs}
}

// groupIndexes returns the indexes of groups, in the order in which uniqueness is checked.
func (d *directory) groupIndexes() [2]*index[*group] {
	return [...]*index[*group]{d.groupNames, d.groupExternalIDs}
}

// changeKind is the kind of a change.
type changeKind string

const (
	changePutUser       changeKind = "putUser" // creates or replaces
	changeDeleteUser    changeKind = "deleteUser"
	changePutGroup      changeKind = "putGroup" // creates or replaces, and keeps the memberships
	changeDeleteGroup   changeKind = "deleteGroup"
	changeAddMembers    changeKind = "addMembers"
	changeRemoveMembers changeKind = "removeMembers"
)

// change is one change of the directory. The change log stores changes, and the replica applies
// them late.
type change struct {
	kind    changeKind
	id      string // of the user or group
	at      time.Time
	created time.Time // of a new object; zero means at
	attrs   object
	members []string // ids of users
}

// apply applies the change. It ignores ids that do not exist.
func (d *directory) apply(c change) {
	switch c.kind {
	case changePutUser:
		d.putUser(c)
	case changeDeleteUser:
		d.deleteUser(c.id)
	case changePutGroup:
		d.putGroup(c)
	case changeDeleteGroup:
		d.deleteGroup(c.id)
	case changeAddMembers:
		d.addMembers(c)
	case changeRemoveMembers:
		d.removeMembers(c)
	}
}

func (d *directory) putUser(c change) {
	u := d.users[c.id]
	if u == nil {
		d.lastNumber++
		u = &user{number: d.lastNumber, id: c.id, created: cmp.Or(c.created, c.at)}
		d.users[c.id] = u
		d.userOrder.add(u)
	} else {
		d.unindexUser(u)
	}
	u.attrs, u.modified = c.attrs, c.at
	for _, x := range d.userIndexes() {
		x.add(u)
	}
}

func (d *directory) unindexUser(u *user) {
	for _, x := range d.userIndexes() {
		x.remove(u)
	}
}

func (d *directory) deleteUser(id string) {
	u := d.users[id]
	if u == nil {
		return
	}
	for _, g := range u.groups {
		g.members = removeAll(g.members, []*user{u})
	}
	d.unindexUser(u)
	d.userOrder.remove(u)
	delete(d.users, id)
}

func (d *directory) putGroup(c change) {
	g := d.groups[c.id]
	if g == nil {
		d.lastNumber++
		g = &group{number: d.lastNumber, id: c.id, created: cmp.Or(c.created, c.at)}
		d.groups[c.id] = g
		d.groupOrder.add(g)
	} else {
		d.unindexGroup(g)
	}
	g.attrs, g.modified = c.attrs, c.at
	for _, x := range d.groupIndexes() {
		x.add(g)
	}
}

func (d *directory) unindexGroup(g *group) {
	for _, x := range d.groupIndexes() {
		x.remove(g)
	}
}

func (d *directory) deleteGroup(id string) {
	g := d.groups[id]
	if g == nil {
		return
	}
	for _, u := range g.members {
		u.groups = removeAll(u.groups, []*group{g})
	}
	d.unindexGroup(g)
	d.groupOrder.remove(g)
	delete(d.groups, id)
}

func (d *directory) addMembers(c change) {
	g := d.groups[c.id]
	if g == nil {
		return
	}
	add := d.selectUsers(c.members, func(u *user) bool { return !g.has(u) })
	if len(add) == 0 {
		return
	}
	g.members = insertAll(g.members, add)
	for _, u := range add {
		u.groups = insertAll(u.groups, []*group{g})
	}
	g.modified = c.at
}

func (d *directory) removeMembers(c change) {
	g := d.groups[c.id]
	if g == nil {
		return
	}
	drop := d.selectUsers(c.members, g.has)
	if len(drop) == 0 {
		return
	}
	g.members = removeAll(g.members, drop)
	for _, u := range drop {
		u.groups = removeAll(u.groups, []*group{g})
	}
	g.modified = c.at
}

// selectUsers returns the users with these ids for which want is true, sorted and without
// duplicates.
func (d *directory) selectUsers(ids []string, want func(*user) bool) []*user {
	list := make([]*user, 0, len(ids))
	for _, id := range ids {
		if u := d.users[id]; u != nil && want(u) {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, bySequence)
	return slices.Compact(list)
}

// has reports whether u is a member. It searches the shorter of the two lists.
func (g *group) has(u *user) bool {
	if len(u.groups) < len(g.members) {
		_, ok := slices.BinarySearchFunc(u.groups, g, bySequence)
		return ok
	}
	_, ok := slices.BinarySearchFunc(g.members, u, bySequence)
	return ok
}

// clone copies the directory. Both share the attributes of objects, which never change.
func (d *directory) clone(r *rules) *directory {
	out := newDirectory(r)
	for u := range d.userOrder.after(0) {
		out.lastNumber = u.number - 1
		out.putUser(change{id: u.id, attrs: u.attrs, at: u.modified, created: u.created})
	}
	for g := range d.groupOrder.after(0) {
		out.lastNumber = g.number - 1
		out.putGroup(change{id: g.id, attrs: g.attrs, at: g.modified, created: g.created})
		out.addMembers(change{id: g.id, members: memberIDs(g), at: g.modified})
	}
	out.lastNumber = d.lastNumber
	return out
}

func memberIDs(g *group) []string {
	ids := make([]string, len(g.members))
	for i, u := range g.members {
		ids[i] = u.id
	}
	return ids
}
