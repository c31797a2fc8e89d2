// Package directory makes a SCIM client the directory that reconcile works on. It knows both vocabularies, flat attribute paths and SCIM
// users, and nothing else: no planning, no retries, no credentials.
package directory

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim"
)

// Directory is a SCIM endpoint as reconcile sees it. It is safe for concurrent use.
type Directory struct {
	Client *scim.Client
}

var _ reconcile.Directory = (*Directory)(nil)

// Users lists every user.
func (d *Directory) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return translate(d.Client.Users(ctx, scim.Filter{}), remoteUser)
}

// Groups lists every group.
func (d *Directory) Groups(ctx context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return translate(d.Client.Groups(ctx, scim.Filter{}), remoteGroup)
}

// Members lists the ids of a group's members.
func (d *Directory) Members(ctx context.Context, groupID string) iter.Seq2[string, error] {
	return ifThere(translate(d.Client.MemberIDs(ctx, groupID), func(id string) string { return id }))
}

// GroupsOf lists the ids of a user's groups.
func (d *Directory) GroupsOf(ctx context.Context, userID string) iter.Seq2[string, error] {
	return ifThere(translate(d.Client.Groups(ctx, scim.MembersValueEq(userID)), func(g *scim.Group) string { return g.ID }))
}

func translate[A, B any](in iter.Seq2[A, error], f func(A) B) iter.Seq2[B, error] {
	return func(yield func(B, error) bool) {
		for a, err := range in {
			if err != nil {
				yield(*new(B), outward(err))
				return
			}
			if !yield(f(a), nil) {
				return
			}
		}
	}
}

// ifThere ends a listing of an object's relations when the server does not know the object: AWS answers 404 for a filter that names
// somebody who is gone, and they have no memberships.
func ifThere(in iter.Seq2[string, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for id, err := range in {
			if errors.Is(err, fs.ErrNotExist) {
				return
			}
			if !yield(id, err) {
				return
			}
		}
	}
}

// UserByExternalID looks a user up.
func (d *Directory) UserByExternalID(ctx context.Context, externalID string) (reconcile.RemoteUser, bool, error) {
	u, err := d.Client.FindUser(ctx, scim.ExternalIDEq(externalID))
	return matched(u, err, remoteUser)
}

// UserByName looks a user up.
func (d *Directory) UserByName(ctx context.Context, userName string) (reconcile.RemoteUser, bool, error) {
	u, err := d.Client.FindUser(ctx, scim.UserNameEq(userName))
	return matched(u, err, remoteUser)
}

// User looks a user up.
func (d *Directory) User(ctx context.Context, id string) (reconcile.RemoteUser, bool, error) {
	u, err := d.Client.GetUser(ctx, id)
	return found(u, err, remoteUser)
}

// GroupByExternalID looks a group up.
func (d *Directory) GroupByExternalID(ctx context.Context, externalID string) (reconcile.RemoteGroup, bool, error) {
	g, err := d.Client.FindGroup(ctx, scim.ExternalIDEq(externalID))
	return matched(g, err, remoteGroup)
}

// GroupByName looks a group up.
func (d *Directory) GroupByName(ctx context.Context, displayName string) (reconcile.RemoteGroup, bool, error) {
	g, err := d.Client.FindGroup(ctx, scim.DisplayNameEq(displayName))
	return matched(g, err, remoteGroup)
}

// Group looks a group up.
func (d *Directory) Group(ctx context.Context, id string) (reconcile.RemoteGroup, bool, error) {
	g, err := d.Client.GetGroup(ctx, id)
	return found(g, err, remoteGroup)
}

// matched tells absence from failure in what a filter selects. A 404 is a failure then: it is the endpoint that is not there.
func matched[A, B any](a A, err error, f func(A) B) (B, bool, error) {
	if scim.Status(err) == http.StatusNotFound {
		return *new(B), false, &endpointGone{err}
	}
	return found(a, err, f)
}

// endpointGone hides from callers that a missing endpoint looks like a missing object.
type endpointGone struct{ err error }

func (e *endpointGone) Error() string { return "the endpoint is not there: " + e.err.Error() }

// found tells absence from failure.
func found[A, B any](a A, err error, f func(A) B) (B, bool, error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return *new(B), false, nil
	case err != nil:
		return *new(B), false, outward(err)
	}
	return f(a), true, nil
}

// CreateUser creates a user.
func (d *Directory) CreateUser(ctx context.Context, attributes reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	u, unknown := unflatten(attributes)
	if unknown != "" {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, fmt.Errorf("attribute %q is not one that IAM Identity Center has", unknown)
	}
	ctx, receipt := observed(ctx)
	made, err := d.Client.CreateUser(ctx, u)
	if err != nil {
		return reconcile.RemoteUser{}, *receipt, outward(err)
	}
	return remoteUser(made), *receipt, nil
}

// UpdateUser changes what differs between have and want.
func (d *Directory) UpdateUser(ctx context.Context, have reconcile.RemoteUser, want reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	old, _ := unflatten(have.Attributes)
	next, unknown := unflatten(want)
	if unknown != "" {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, fmt.Errorf("attribute %q is not one that IAM Identity Center has", unknown)
	}
	old.ID, next.ID = have.ID, have.ID
	ctx, receipt := observed(ctx)
	got, err := d.Client.UpdateUser(ctx, old, next)
	if err != nil {
		return reconcile.RemoteUser{}, *receipt, outward(err)
	}
	return remoteUser(got), *receipt, nil
}

// DeleteUser deletes a user.
func (d *Directory) DeleteUser(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	ctx, receipt := observed(ctx)
	err := d.Client.DeleteUser(ctx, id)
	return *receipt, outward(err)
}

// CreateGroup creates a group with its first members.
func (d *Directory) CreateGroup(ctx context.Context, g reconcile.NewGroup) (reconcile.RemoteGroup, reconcile.CallReceipt, error) {
	in := &scim.Group{ExternalID: g.ExternalID, DisplayName: g.DisplayName}
	for _, id := range g.Members {
		in.Members = append(in.Members, scim.Member{Value: id})
	}
	ctx, receipt := observed(ctx)
	made, err := d.Client.CreateGroup(ctx, in)
	if err != nil {
		return reconcile.RemoteGroup{}, *receipt, outward(err)
	}
	return remoteGroup(made), *receipt, nil
}

// UpdateGroup changes a group's names and memberships in one request.
func (d *Directory) UpdateGroup(ctx context.Context, id string, u reconcile.GroupUpdate) (reconcile.CallReceipt, error) {
	patch := scim.GroupPatch{Add: u.Add, Remove: u.Remove}
	if u.DisplayName != "" {
		patch.DisplayName = &u.DisplayName
	}
	if u.ExternalID != "" {
		patch.ExternalID = &u.ExternalID
	}
	ctx, receipt := observed(ctx)
	err := d.Client.PatchGroup(ctx, id, patch)
	return *receipt, outward(err)
}

// DeleteGroup deletes a group.
func (d *Directory) DeleteGroup(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	ctx, receipt := observed(ctx)
	err := d.Client.DeleteGroup(ctx, id)
	return *receipt, outward(err)
}

// observed keeps the request id of the last call made with the context.
func observed(ctx context.Context) (context.Context, *reconcile.CallReceipt) {
	receipt := &reconcile.CallReceipt{}
	return scim.WithObserver(ctx, func(c scim.Call) { receipt.RequestID = c.RequestID }), receipt
}

// outward gives errors the sentinels that reconcile branches on.
func outward(err error) error {
	if scim.IsUnauthorized(err) {
		return fmt.Errorf("%w: %w", reconcile.ErrUnauthorized, err)
	}
	if half := (*scim.PartialError)(nil); scim.MaybeApplied(err) || errors.As(err, &half) {
		return &uncertain{err}
	}
	return err
}

func remoteUser(u *scim.User) reconcile.RemoteUser {
	return reconcile.RemoteUser{ID: u.ID, Attributes: flatten(u)}
}

func remoteGroup(g *scim.Group) reconcile.RemoteGroup {
	return reconcile.RemoteGroup{ID: g.ID, ExternalID: g.ExternalID, DisplayName: g.DisplayName}
}

// uncertain is an error of a write that may have taken effect. The text says so already.
type uncertain struct{ error }

func (e *uncertain) Unwrap() []error { return []error{reconcile.ErrUncertain, e.error} }
