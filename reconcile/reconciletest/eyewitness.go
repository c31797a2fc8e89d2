package reconciletest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Eyewitness is a directory that insists on the rule that taking access away rests on a look at
// that very object before: whoever opens one for a run finds in Blind what the run took away
// without having looked.
type Eyewitness struct {
	reconcile.Directory

	mu    sync.Mutex
	seen  map[string]bool
	Blind []string
}

func (e *Eyewitness) saw(kind, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen == nil {
		e.seen = map[string]bool{}
	}
	e.seen[kind+" "+id] = true
}

// must notes what was taken away unless one of the things was seen.
func (e *Eyewitness) must(what string, any ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !slices.ContainsFunc(any, func(thing string) bool { return e.seen[thing] }) {
		e.Blind = append(e.Blind, what)
	}
}

// watched sees each object of a listing, and once the listing has ended, the whole.
func watched[T any](e *Eyewitness, listing iter.Seq2[T, error], each func(T), whole func()) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for x, err := range listing {
			if err == nil {
				each(x)
			}
			if !yield(x, err) || err != nil {
				return
			}
		}
		whole()
	}
}

// Users lists the users.
func (e *Eyewitness) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return watched(e, e.Directory.Users(ctx), func(u reconcile.RemoteUser) { e.saw("user", u.ID) }, func() {})
}

// Groups lists the groups.
func (e *Eyewitness) Groups(ctx context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return watched(e, e.Directory.Groups(ctx), func(g reconcile.RemoteGroup) { e.saw("group", g.ID) }, func() {})
}

// Members lists a group's user ids.
func (e *Eyewitness) Members(ctx context.Context, group string) iter.Seq2[string, error] {
	return watched(e, e.Directory.Members(ctx, group), func(string) {}, func() { e.saw("members of", group) })
}

// GroupsOf lists a user's group ids.
func (e *Eyewitness) GroupsOf(ctx context.Context, user string) iter.Seq2[string, error] {
	return watched(e, e.Directory.GroupsOf(ctx, user), func(string) {}, func() { e.saw("groups of", user) })
}

// User looks a user up.
func (e *Eyewitness) User(ctx context.Context, id string) (reconcile.RemoteUser, bool, error) {
	u, ok, err := e.Directory.User(ctx, id)
	return e.user(u, ok, err)
}

// UserByName looks a user up.
func (e *Eyewitness) UserByName(ctx context.Context, name string) (reconcile.RemoteUser, bool, error) {
	u, ok, err := e.Directory.UserByName(ctx, name)
	return e.user(u, ok, err)
}

// UserByExternalID looks a user up.
func (e *Eyewitness) UserByExternalID(ctx context.Context, externalID string) (reconcile.RemoteUser, bool, error) {
	u, ok, err := e.Directory.UserByExternalID(ctx, externalID)
	return e.user(u, ok, err)
}

func (e *Eyewitness) user(u reconcile.RemoteUser, ok bool, err error) (reconcile.RemoteUser, bool, error) {
	if ok {
		e.saw("user", u.ID)
	}
	return u, ok, err
}

// Group looks a group up.
func (e *Eyewitness) Group(ctx context.Context, id string) (reconcile.RemoteGroup, bool, error) {
	g, ok, err := e.Directory.Group(ctx, id)
	if ok {
		e.saw("group", g.ID)
	}
	return g, ok, err
}

// CreateUser creates a user, and sees who was created.
func (e *Eyewitness) CreateUser(
	ctx context.Context,
	a reconcile.Attributes,
) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	u, receipt, err := e.Directory.CreateUser(ctx, a)
	_, _, _ = e.user(u, err == nil, nil)
	return u, receipt, err
}

// UpdateUser changes a user.
func (e *Eyewitness) UpdateUser(
	ctx context.Context,
	have reconcile.RemoteUser,
	want reconcile.Attributes,
) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	if active, _ := want.Get("active"); active != "true" {
		e.must(fmt.Sprintf("user %s was deactivated", have.ID), "user "+have.ID)
	}
	return e.Directory.UpdateUser(ctx, have, want)
}

// DeleteUser deletes a user.
func (e *Eyewitness) DeleteUser(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	e.must(fmt.Sprintf("user %s was deleted", id), "user "+id)
	return e.Directory.DeleteUser(ctx, id)
}

// UpdateGroup changes a group.
func (e *Eyewitness) UpdateGroup(
	ctx context.Context,
	id string,
	u reconcile.GroupUpdate,
) (reconcile.CallReceipt, error) {
	for _, user := range u.Remove {
		e.must(fmt.Sprintf("user %s was removed from group %s", user, id), "members of "+id, "groups of "+user)
	}
	return e.Directory.UpdateGroup(ctx, id, u)
}

// DeleteGroup deletes a group.
func (e *Eyewitness) DeleteGroup(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	e.must(fmt.Sprintf("group %s was deleted", id), "group "+id)
	return e.Directory.DeleteGroup(ctx, id)
}
