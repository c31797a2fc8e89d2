// Package directory adapts a SCIM client to the Directory interface of reconcile. It converts
// between flat attribute paths and SCIM users. It does no planning, no retries and no
// authentication.
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

// Directory is the users and groups behind a SCIM endpoint. It is safe for concurrent use.
type Directory struct {
	Client *scim.Client
}

var _ reconcile.Directory = (*Directory)(nil)

// Users lists every user.
func (d *Directory) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return convert(d.Client.Users(ctx, scim.Filter{}), remoteUser)
}

// Groups lists every group.
func (d *Directory) Groups(ctx context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return convert(d.Client.Groups(ctx, scim.Filter{}), remoteGroup)
}

// Members lists the ids of a group's members.
func (d *Directory) Members(ctx context.Context, groupID string) iter.Seq2[string, error] {
	return ignoreNotFound(convert(d.Client.MemberIDs(ctx, groupID), func(id string) string { return id }))
}

// GroupsOf lists the ids of a user's groups.
func (d *Directory) GroupsOf(ctx context.Context, userID string) iter.Seq2[string, error] {
	groups := d.Client.Groups(ctx, scim.MembersValueEq(userID))
	return ignoreNotFound(convert(groups, func(g *scim.Group) string { return g.ID }))
}

// convert converts the objects and the errors of a listing.
func convert[A, B any](in iter.Seq2[A, error], f func(A) B) iter.Seq2[B, error] {
	return func(yield func(B, error) bool) {
		for a, err := range in {
			if err != nil {
				yield(*new(B), convertError(err))
				return
			}
			if !yield(f(a), nil) {
				return
			}
		}
	}
}

// ignoreNotFound makes a listing of memberships empty if the user or the group does not exist. AWS
// answers 404 if a filter contains the id of a deleted user.
func ignoreNotFound(in iter.Seq2[string, error]) iter.Seq2[string, error] {
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

// UserByExternalID finds the user with an external id. ok is false if there is none.
func (d *Directory) UserByExternalID(
	ctx context.Context,
	externalID string,
) (u reconcile.RemoteUser, ok bool, err error) {
	found, err := d.Client.FindUser(ctx, scim.ExternalIDEq(externalID))
	return searchResult(found, err, remoteUser)
}

// UserByName finds the user with a user name. ok is false if there is none.
func (d *Directory) UserByName(ctx context.Context, userName string) (u reconcile.RemoteUser, ok bool, err error) {
	found, err := d.Client.FindUser(ctx, scim.UserNameEq(userName))
	return searchResult(found, err, remoteUser)
}

// User reads the user with an id. ok is false if there is none.
func (d *Directory) User(ctx context.Context, id string) (u reconcile.RemoteUser, ok bool, err error) {
	found, err := d.Client.GetUser(ctx, id)
	return readResult(found, err, remoteUser)
}

// GroupByExternalID finds the group with an external id. ok is false if there is none.
func (d *Directory) GroupByExternalID(
	ctx context.Context,
	externalID string,
) (g reconcile.RemoteGroup, ok bool, err error) {
	found, err := d.Client.FindGroup(ctx, scim.ExternalIDEq(externalID))
	return searchResult(found, err, remoteGroup)
}

// GroupByName finds the group with a display name. ok is false if there is none.
func (d *Directory) GroupByName(
	ctx context.Context,
	displayName string,
) (g reconcile.RemoteGroup, ok bool, err error) {
	found, err := d.Client.FindGroup(ctx, scim.DisplayNameEq(displayName))
	return searchResult(found, err, remoteGroup)
}

// Group reads the group with an id. ok is false if there is none.
func (d *Directory) Group(ctx context.Context, id string) (g reconcile.RemoteGroup, ok bool, err error) {
	found, err := d.Client.GetGroup(ctx, id)
	return readResult(found, err, remoteGroup)
}

// searchResult returns ok false if no object matches a filter. A 404 is an error, because it means
// that the endpoint does not exist.
func searchResult[A, B any](a A, err error, f func(A) B) (B, bool, error) {
	if scim.Status(err) == http.StatusNotFound {
		return *new(B), false, &endpointNotFound{err}
	}
	return readResult(a, err, f)
}

// endpointNotFound is a 404 for a search. It does not wrap the 404, so that callers do not take it
// for a missing object.
type endpointNotFound struct{ err error }

func (e *endpointNotFound) Error() string { return "the endpoint does not exist: " + e.err.Error() }

// readResult returns ok false if an object does not exist.
func readResult[A, B any](a A, err error, f func(A) B) (B, bool, error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return *new(B), false, nil
	case err != nil:
		return *new(B), false, convertError(err)
	}
	return f(a), true, nil
}

// CreateUser creates a user.
func (d *Directory) CreateUser(ctx context.Context, values reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	u, unknown := unflatten(values)
	if unknown != "" {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, unsupported(unknown)
	}
	ctx, receipt := withReceipt(ctx)
	created, err := d.Client.CreateUser(ctx, u)
	if err != nil {
		return reconcile.RemoteUser{}, *receipt, convertError(err)
	}
	return remoteUser(created), *receipt, nil
}

// UpdateUser changes the attributes that differ between have and want.
func (d *Directory) UpdateUser(ctx context.Context, have reconcile.RemoteUser, want reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	old, _ := unflatten(have.Attributes)
	next, unknown := unflatten(want)
	if unknown != "" {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, unsupported(unknown)
	}
	old.ID, next.ID = have.ID, have.ID
	old.Meta.Created = have.Created
	ctx, receipt := withReceipt(ctx)
	updated, err := d.Client.UpdateUser(ctx, old, next)
	if err != nil {
		return reconcile.RemoteUser{}, *receipt, convertError(err)
	}
	return remoteUser(updated), *receipt, nil
}

// unsupported is the error for a path that is not in the table of attributes.
func unsupported(path string) error {
	return fmt.Errorf("IAM Identity Center does not support the attribute %q", path)
}

// DeleteUser deletes a user.
func (d *Directory) DeleteUser(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	ctx, receipt := withReceipt(ctx)
	err := d.Client.DeleteUser(ctx, id)
	return *receipt, convertError(err)
}

// CreateGroup creates a group with its first members.
func (d *Directory) CreateGroup(ctx context.Context, g reconcile.NewGroup) (
	reconcile.RemoteGroup, reconcile.CallReceipt, error,
) {
	in := &scim.Group{ExternalID: g.ExternalID, DisplayName: g.DisplayName,
		Members: make([]scim.Member, 0, len(g.Members))}
	for _, id := range g.Members {
		in.Members = append(in.Members, scim.Member{Value: id})
	}
	ctx, receipt := withReceipt(ctx)
	created, err := d.Client.CreateGroup(ctx, in)
	if err != nil {
		return reconcile.RemoteGroup{}, *receipt, convertError(err)
	}
	return remoteGroup(created), *receipt, nil
}

// UpdateGroup changes a group's names and memberships in one request.
func (d *Directory) UpdateGroup(ctx context.Context, id string, u reconcile.GroupUpdate) (
	reconcile.CallReceipt, error,
) {
	patch := scim.GroupPatch{Add: u.Add, Remove: u.Remove}
	if u.DisplayName != "" {
		patch.DisplayName = &u.DisplayName
	}
	if u.ExternalID != "" {
		patch.ExternalID = &u.ExternalID
	}
	ctx, receipt := withReceipt(ctx)
	err := d.Client.PatchGroup(ctx, id, patch)
	return *receipt, convertError(err)
}

// DeleteGroup deletes a group.
func (d *Directory) DeleteGroup(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	ctx, receipt := withReceipt(ctx)
	err := d.Client.DeleteGroup(ctx, id)
	return *receipt, convertError(err)
}

// Test makes one read request.
func (d *Directory) Test(ctx context.Context) error {
	_, err := d.Client.ServiceProviderConfig(ctx)
	return convertError(err)
}

// TestWrite patches a user to a value that the user already has, if the directory shows the user
// under the key. ok is false if it does not; then nothing is written.
func (d *Directory) TestWrite(ctx context.Context, id, key string) (ok bool, err error) {
	u, err := d.Client.GetUser(ctx, id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, convertError(err)
	case u.ExternalID != key:
		return false, nil
	}
	op := scim.Set("displayName", u.DisplayName)
	if u.DisplayName == "" {
		op = scim.Set("userName", u.UserName)
	}
	_, err = d.Client.PatchUser(ctx, id, []scim.Op{op})
	return err == nil, convertError(err)
}

// withReceipt returns a context and a receipt of the last call that is made with the context.
func withReceipt(ctx context.Context) (context.Context, *reconcile.CallReceipt) {
	receipt := &reconcile.CallReceipt{}
	if sending := reconcile.Sending(ctx); sending != ctx {
		ctx = scim.WithSending(ctx, sending)
	}
	return scim.WithObserver(ctx, func(c scim.Call) { receipt.RequestID = c.RequestID }), receipt
}

// convertError adds the errors that reconcile expects to an error of scim. A write may be refused
// after an earlier attempt of it took effect.
func convertError(err error) error {
	var also []error
	if partial := (*scim.PartialError)(nil); scim.MaybeApplied(err) || errors.As(err, &partial) {
		also = append(also, reconcile.ErrUncertain)
	}
	switch {
	case scim.IsUnauthorized(err):
		err = fmt.Errorf("%w: %w", reconcile.ErrUnauthorized, err)
	case scim.IsForbidden(err):
		also = append(also, reconcile.ErrForbidden)
	case errors.Is(err, scim.ErrNotSent) && also == nil:
		also = append(also, reconcile.ErrNotSent)
	}
	if also == nil {
		return err
	}
	return &convertedError{err, also}
}

func remoteUser(u *scim.User) reconcile.RemoteUser {
	return reconcile.RemoteUser{ID: u.ID, Attributes: flatten(u), Created: u.Meta.Created.UTC()}
}

func remoteGroup(g *scim.Group) reconcile.RemoteGroup {
	return reconcile.RemoteGroup{
		ID: g.ID, ExternalID: g.ExternalID, DisplayName: g.DisplayName, Created: g.Meta.Created.UTC(),
	}
}

// convertedError is an error of scim that is also errors of reconcile. The text already says so.
type convertedError struct {
	error
	also []error
}

func (e *convertedError) Unwrap() []error { return append(e.also[:len(e.also):len(e.also)], e.error) }
