package reconciletest

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Directory implements reconcile.Directory in memory, with unique names like AWS. The zero value is
// ready to use.
type Directory struct {
	mu      sync.Mutex
	next    int
	users   map[string]reconcile.RemoteUser
	groups  map[string]reconcile.RemoteGroup
	members map[string]map[string]bool // group id -> user ids
}

var _ reconcile.Directory = (*Directory)(nil)

func (d *Directory) lock() func() {
	d.mu.Lock()
	if d.users == nil {
		d.users, d.groups = map[string]reconcile.RemoteUser{}, map[string]reconcile.RemoteGroup{}
		d.members = map[string]map[string]bool{}
	}
	return d.mu.Unlock
}

func (d *Directory) id() string { d.next++; return fmt.Sprintf("id-%04d", d.next) }

// list yields the current values of a map, by key.
func list[V any](d *Directory, pick func() map[string]V) iter.Seq2[V, error] {
	return func(yield func(V, error) bool) {
		unlock := d.lock()
		snapshot := maps.Clone(pick())
		unlock()
		for _, id := range slices.Sorted(maps.Keys(snapshot)) {
			if !yield(snapshot[id], nil) {
				return
			}
		}
	}
}

// Users lists the users.
func (d *Directory) Users(context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return list(d, func() map[string]reconcile.RemoteUser { return d.users })
}

// Groups lists the groups.
func (d *Directory) Groups(context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return list(d, func() map[string]reconcile.RemoteGroup { return d.groups })
}

// Members lists a group's user ids.
func (d *Directory) Members(_ context.Context, group string) iter.Seq2[string, error] {
	return list(d, func() map[string]string {
		out := map[string]string{}
		for id := range d.members[group] {
			out[id] = id
		}
		return out
	})
}

// GroupsOf lists a user's group ids.
func (d *Directory) GroupsOf(_ context.Context, user string) iter.Seq2[string, error] {
	return list(d, func() map[string]string {
		out := map[string]string{}
		for id, members := range d.members {
			if members[user] {
				out[id] = id
			}
		}
		return out
	})
}

// UserByExternalID looks up a user.
func (d *Directory) UserByExternalID(_ context.Context, externalID string) (reconcile.RemoteUser, bool, error) {
	return find(d, func() map[string]reconcile.RemoteUser { return d.users },
		func(u reconcile.RemoteUser) bool { return u.ExternalID() == externalID })
}

// UserByName looks up a user.
func (d *Directory) UserByName(_ context.Context, userName string) (reconcile.RemoteUser, bool, error) {
	return find(d, func() map[string]reconcile.RemoteUser { return d.users },
		func(u reconcile.RemoteUser) bool { return strings.EqualFold(u.UserName(), userName) })
}

// User looks up a user.
func (d *Directory) User(_ context.Context, id string) (reconcile.RemoteUser, bool, error) {
	return find(d, func() map[string]reconcile.RemoteUser { return d.users },
		func(u reconcile.RemoteUser) bool { return u.ID == id })
}

// GroupByExternalID looks up a group.
func (d *Directory) GroupByExternalID(_ context.Context, externalID string) (reconcile.RemoteGroup, bool, error) {
	return find(d, func() map[string]reconcile.RemoteGroup { return d.groups },
		func(g reconcile.RemoteGroup) bool { return g.ExternalID == externalID })
}

// GroupByName looks up a group.
func (d *Directory) GroupByName(_ context.Context, displayName string) (reconcile.RemoteGroup, bool, error) {
	return find(d, func() map[string]reconcile.RemoteGroup { return d.groups },
		func(g reconcile.RemoteGroup) bool { return strings.EqualFold(g.DisplayName, displayName) })
}

// Group looks up a group.
func (d *Directory) Group(_ context.Context, id string) (reconcile.RemoteGroup, bool, error) {
	return find(d, func() map[string]reconcile.RemoteGroup { return d.groups },
		func(g reconcile.RemoteGroup) bool { return g.ID == id })
}

func find[V any](d *Directory, pick func() map[string]V, match func(V) bool) (V, bool, error) {
	defer d.lock()()
	for _, v := range pick() {
		if match(v) {
			return v, true, nil
		}
	}
	return *new(V), false, nil
}

// unique returns fs.ErrExist if another user has the userName, email address or externalId.
func (d *Directory) unique(id string, attributes reconcile.Attributes) error {
	for _, path := range []string{"userName", "emails.value", "externalId"} {
		value, ok := attributes.Get(path)
		for other, u := range d.users {
			if taken, _ := u.Attributes.Get(path); ok && other != id && strings.EqualFold(taken, value) {
				return fmt.Errorf("%s %q: %w", path, value, fs.ErrExist)
			}
		}
	}
	return nil
}

// CreateUser creates a user.
func (d *Directory) CreateUser(_ context.Context,
	attributes reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	defer d.lock()()
	if err := d.unique("", attributes); err != nil {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, err
	}
	u := reconcile.RemoteUser{ID: d.id(), Attributes: attributes}
	d.users[u.ID] = u
	return u, reconcile.CallReceipt{}, nil
}

// UpdateUser replaces a user's attributes.
func (d *Directory) UpdateUser(_ context.Context, have reconcile.RemoteUser,
	want reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	defer d.lock()()
	if _, ok := d.users[have.ID]; !ok {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, fmt.Errorf("user %s: %w", have.ID, fs.ErrNotExist)
	}
	if err := d.unique(have.ID, want); err != nil {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, err
	}
	u := reconcile.RemoteUser{ID: have.ID, Attributes: want}
	d.users[u.ID] = u
	return u, reconcile.CallReceipt{}, nil
}

// DeleteUser deletes a user with its memberships.
func (d *Directory) DeleteUser(_ context.Context, id string) (reconcile.CallReceipt, error) {
	defer d.lock()()
	delete(d.users, id)
	for _, members := range d.members {
		delete(members, id)
	}
	return reconcile.CallReceipt{}, nil
}

// CreateGroup creates a group.
func (d *Directory) CreateGroup(_ context.Context,
	g reconcile.NewGroup) (reconcile.RemoteGroup, reconcile.CallReceipt, error) {
	defer d.lock()()
	out := reconcile.RemoteGroup{ID: d.id(), ExternalID: g.ExternalID, DisplayName: g.DisplayName}
	return out, reconcile.CallReceipt{}, d.putGroup(out, g.Members, nil)
}

// UpdateGroup changes a group.
func (d *Directory) UpdateGroup(_ context.Context, id string, u reconcile.GroupUpdate) (reconcile.CallReceipt, error) {
	defer d.lock()()
	g, ok := d.groups[id]
	if !ok {
		return reconcile.CallReceipt{}, fmt.Errorf("group %s: %w", id, fs.ErrNotExist)
	}
	if u.DisplayName != "" {
		g.DisplayName = u.DisplayName
	}
	if u.ExternalID != "" {
		g.ExternalID = u.ExternalID
	}
	return reconcile.CallReceipt{}, d.putGroup(g, u.Add, u.Remove)
}

func (d *Directory) putGroup(g reconcile.RemoteGroup, add, remove []string) error {
	if len(add)+len(remove) > reconcile.MaxMembers {
		return fmt.Errorf("group %q: %d membership changes in one request, at most %d", g.DisplayName,
			len(add)+len(remove), reconcile.MaxMembers)
	}
	for id, other := range d.groups {
		if id != g.ID &&
			(strings.EqualFold(other.DisplayName,
				g.DisplayName) || other.ExternalID == g.ExternalID && g.ExternalID != "") {
			return fmt.Errorf("group %q: %w", g.DisplayName, fs.ErrExist)
		}
	}
	for _, id := range add {
		if _, ok := d.users[id]; !ok {
			return fmt.Errorf("member %s: %w", id, fs.ErrNotExist)
		}
	}
	d.groups[g.ID] = g
	if d.members[g.ID] == nil {
		d.members[g.ID] = map[string]bool{}
	}
	for _, id := range add {
		d.members[g.ID][id] = true
	}
	for _, id := range remove {
		delete(d.members[g.ID], id)
	}
	return nil
}

// DeleteGroup deletes a group.
func (d *Directory) DeleteGroup(_ context.Context, id string) (reconcile.CallReceipt, error) {
	defer d.lock()()
	delete(d.groups, id)
	delete(d.members, id)
	return reconcile.CallReceipt{}, nil
}
