package awssim

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// user is a user in the directory.
type user struct {
	seq               uint64
	id                string
	attrs             object
	created, modified time.Time
	groups            []*group // sorted by sequence
}

func (u *user) sequence() uint64      { return u.seq }
func (u *user) key() (string, object) { return u.id, u.attrs }

// group is a group in the directory.
type group struct {
	seq               uint64
	id                string
	attrs             object
	created, modified time.Time
	members           []*user // sorted by sequence
}

func (g *group) sequence() uint64      { return g.seq }
func (g *group) key() (string, object) { return g.id, g.attrs }

// directory holds users, groups and memberships with every index that an answer needs. It checks nothing: changes come
// checked. It does not lock: its server does.
type directory struct {
	user, group *resource

	seq        uint64
	users      map[string]*user
	groups     map[string]*group
	userOrder  order[*user]
	groupOrder order[*group]

	userNames, emails, userExternalIDs index[*user]
	groupNames, groupExternalIDs       index[*group]
}

func newDirectory(rules *rules) *directory {
	return &directory{user: rules.user, group: rules.group, users: map[string]*user{}, groups: map[string]*group{}}
}

// fold is the form under which names are indexed: case never keeps two names apart in an index.
func fold(s string) string { return strings.ToLower(s) }

// changeKind is what a change does.
type changeKind string

const (
	changePutUser       changeKind = "putUser" // creates or overwrites
	changeDeleteUser    changeKind = "deleteUser"
	changePutGroup      changeKind = "putGroup" // creates or overwrites; memberships stay
	changeDeleteGroup   changeKind = "deleteGroup"
	changeAddMembers    changeKind = "addMembers"
	changeRemoveMembers changeKind = "removeMembers"
)

// change is one committed step of the directory. The journal holds changes, and what lags behind applies them late.
type change struct {
	kind    changeKind
	id      string // of the user or group
	at      time.Time
	created time.Time // of a new object; zero: at
	attrs   object
	members []string // ids of users
}

// apply makes the change. What it names and does not find is passed over.
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
		d.seq++
		u = &user{seq: d.seq, id: c.id, created: cmp.Or(c.created, c.at)}
		d.users[c.id] = u
		d.userOrder.add(u)
	} else {
		d.indexUser(u, (*index[*user]).remove)
	}
	u.attrs, u.modified = c.attrs, c.at
	d.indexUser(u, (*index[*user]).add)
}

func (d *directory) indexUser(u *user, do func(*index[*user], string, *user)) {
	do(&d.userNames, fold(u.attrs.text(d.user.userName)), u)
	do(&d.emails, fold(d.user.email(u.attrs)), u)
	do(&d.userExternalIDs, fold(u.attrs.text(d.user.externalID)), u)
}

func (d *directory) deleteUser(id string) {
	u := d.users[id]
	if u == nil {
		return
	}
	for _, g := range u.groups {
		g.members = removeAll(g.members, []*user{u})
	}
	d.indexUser(u, (*index[*user]).remove)
	d.userOrder.remove(u)
	delete(d.users, id)
}

func (d *directory) putGroup(c change) {
	g := d.groups[c.id]
	if g == nil {
		d.seq++
		g = &group{seq: d.seq, id: c.id, created: cmp.Or(c.created, c.at)}
		d.groups[c.id] = g
		d.groupOrder.add(g)
	} else {
		d.indexGroup(g, (*index[*group]).remove)
	}
	g.attrs, g.modified = c.attrs, c.at
	d.indexGroup(g, (*index[*group]).add)
}

func (d *directory) indexGroup(g *group, do func(*index[*group], string, *group)) {
	do(&d.groupNames, fold(g.attrs.text(d.group.displayName)), g)
	do(&d.groupExternalIDs, fold(g.attrs.text(d.group.externalID)), g)
}

func (d *directory) deleteGroup(id string) {
	g := d.groups[id]
	if g == nil {
		return
	}
	for _, u := range g.members {
		u.groups = removeAll(u.groups, []*group{g})
	}
	d.indexGroup(g, (*index[*group]).remove)
	d.groupOrder.remove(g)
	delete(d.groups, id)
}

func (d *directory) addMembers(c change) {
	g := d.groups[c.id]
	if g == nil {
		return
	}
	add := d.pickUsers(c.members, func(u *user) bool { return !g.has(u) })
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
	drop := d.pickUsers(c.members, g.has)
	if len(drop) == 0 {
		return
	}
	g.members = removeAll(g.members, drop)
	for _, u := range drop {
		u.groups = removeAll(u.groups, []*group{g})
	}
	g.modified = c.at
}

// pickUsers returns the users with these ids for whom want holds, sorted, each once.
func (d *directory) pickUsers(ids []string, want func(*user) bool) []*user {
	list := make([]*user, 0, len(ids))
	for _, id := range ids {
		if u := d.users[id]; u != nil && want(u) {
			list = append(list, u)
		}
	}
	slices.SortFunc(list, bySequence)
	return slices.Compact(list)
}

// has is whether u is a member. The shorter of the two lists is searched.
func (g *group) has(u *user) bool {
	if len(u.groups) < len(g.members) {
		_, ok := slices.BinarySearchFunc(u.groups, g, bySequence)
		return ok
	}
	_, ok := slices.BinarySearchFunc(g.members, u, bySequence)
	return ok
}

// clone copies the directory; the objects' attributes are shared, since they never change.
func (d *directory) clone(rules *rules) *directory {
	out := newDirectory(rules)
	for u := range d.userOrder.after(0) {
		out.seq = u.seq - 1
		out.putUser(change{id: u.id, attrs: u.attrs, at: u.modified, created: u.created})
	}
	for g := range d.groupOrder.after(0) {
		out.seq = g.seq - 1
		out.putGroup(change{id: g.id, attrs: g.attrs, at: g.modified, created: g.created})
		out.addMembers(change{id: g.id, members: memberIDs(g), at: g.modified})
	}
	out.seq = d.seq
	return out
}

func memberIDs(g *group) []string {
	ids := make([]string, len(g.members))
	for i, u := range g.members {
		ids[i] = u.id
	}
	return ids
}
