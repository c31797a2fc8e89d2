package reconciletest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ReadBeforeWrite wraps a directory for one run. It checks that the run read every object before it
// took access from it.
type ReadBeforeWrite struct {
	reconcile.Directory

	mu   sync.Mutex
	read map[string]bool
	// Unread lists the writes that took access from an object which the run had not read.
	Unread []string
}

func (e *ReadBeforeWrite) markRead(kind, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.read == nil {
		e.read = map[string]bool{}
	}
	e.read[kind+" "+id] = true
}

// requireRead records a write unless one of the objects was read.
func (e *ReadBeforeWrite) requireRead(write string, objects ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.ContainsFunc(objects, func(object string) bool { return e.read[object] }) {
		e.Unread = append(e.Unread, write)
	}
}

// recorded calls each for the objects of a listing, and complete after the last one.
func recorded[T any](listing iter.Seq2[T, error], each func(T), complete func()) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for x, err := range listing {
			if err == nil {
				each(x)
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
		complete()
	}
}

// Users lists the users.
func (e *ReadBeforeWrite) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return recorded(e.Directory.Users(ctx), func(u reconcile.RemoteUser) { e.markRead("user", u.ID) }, func() {})
}

// Groups lists the groups.
func (e *ReadBeforeWrite) Groups(ctx context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return recorded(e.Directory.Groups(ctx), func(g reconcile.RemoteGroup) { e.markRead("group", g.ID) }, func() {})
}

// Members lists a group's user ids.
func (e *ReadBeforeWrite) Members(ctx context.Context, group string) iter.Seq2[string, error] {
	return recorded(e.Directory.Members(ctx, group), func(string) {}, func() { e.markRead("members of", group) })
}

// GroupsOf lists a user's group ids.
func (e *ReadBeforeWrite) GroupsOf(ctx context.Context, user string) iter.Seq2[string, error] {
	return recorded(e.Directory.GroupsOf(ctx, user), func(string) {}, func() { e.markRead("groups of", user) })
}

// User looks up a user.
func (e *ReadBeforeWrite) User(ctx context.Context, id string) (reconcile.RemoteUser, bool, error) {
	u, ok, err := e.Directory.User(ctx, id)
	return e.user(u, ok, err)
}

// UserByName looks up a user.
func (e *ReadBeforeWrite) UserByName(ctx context.Context, name string) (reconcile.RemoteUser, bool, error) {
	u, ok, err := e.Directory.UserByName(ctx, name)
	return e.user(u, ok, err)
}

// UserByExternalID looks up a user.
func (e *ReadBeforeWrite) UserByExternalID(ctx context.Context, externalID string) (reconcile.RemoteUser, bool, error) {
	u, ok, err := e.Directory.UserByExternalID(ctx, externalID)
	return e.user(u, ok, err)
}

func (e *ReadBeforeWrite) user(u reconcile.RemoteUser, ok bool, err error) (reconcile.RemoteUser, bool, error) {
	if ok {
		e.markRead("user", u.ID)
	}
	return u, ok, err
}

// Group looks up a group.
func (e *ReadBeforeWrite) Group(ctx context.Context, id string) (reconcile.RemoteGroup, bool, error) {
	g, ok, err := e.Directory.Group(ctx, id)
	if ok {
		e.markRead("group", g.ID)
	}
	return g, ok, err
}

// CreateUser creates a user. The answer counts as a read.
func (e *ReadBeforeWrite) CreateUser(ctx context.Context,
	a reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	u, receipt, err := e.Directory.CreateUser(ctx, a)
	_, _, _ = e.user(u, err == nil, nil)
	return u, receipt, err
}

// UpdateUser changes a user.
func (e *ReadBeforeWrite) UpdateUser(ctx context.Context, have reconcile.RemoteUser,
	want reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	if active, _ := want.Get("active"); active != "true" {
		e.requireRead(fmt.Sprintf("user %s was deactivated", have.ID), "user "+have.ID)
	}
	return e.Directory.UpdateUser(ctx, have, want)
}

// DeleteUser deletes a user.
func (e *ReadBeforeWrite) DeleteUser(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	e.requireRead(fmt.Sprintf("user %s was deleted", id), "user "+id)
	return e.Directory.DeleteUser(ctx, id)
}

// UpdateGroup changes a group.
func (e *ReadBeforeWrite) UpdateGroup(ctx context.Context, id string,
	u reconcile.GroupUpdate) (reconcile.CallReceipt, error) {
	for _, user := range u.Remove {
		e.requireRead(fmt.Sprintf("user %s was removed from group %s", user, id), "members of "+id, "groups of "+user)
	}
	return e.Directory.UpdateGroup(ctx, id, u)
}

// DeleteGroup deletes a group.
func (e *ReadBeforeWrite) DeleteGroup(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	e.requireRead(fmt.Sprintf("group %s was deleted", id), "group "+id)
	return e.Directory.DeleteGroup(ctx, id)
}
