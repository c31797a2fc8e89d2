package scim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// GetGroup returns the group with the given id.
func (c *Client) GetGroup(ctx context.Context, id string) (*Group, error) {
	path, err := objectPath("/Groups", id)
	if err != nil {
		return nil, fmt.Errorf("get group: %w", err)
	}
	var got *Group
	err = c.do(ctx, request{op: "get group", method: http.MethodGet, path: path,
		decode: c.Profile.groupDecoder(&got, id)})
	return got, err
}

// FindGroup returns the one group that matches. The error is fs.ErrNotExist if no group matches. It
// is another error if several groups match.
func (c *Client) FindGroup(ctx context.Context, f Filter) (*Group, error) {
	return single("find group", f, c.Groups(ctx, f))
}

// IsMember reports whether a user is a member of a group. It makes one call: with the filter
// MembershipEq, or a read of the group if the server returns members. The error is fs.ErrNotExist
// if IAM Identity Center does not have the user, or another server does not have the group.
func (c *Client) IsMember(ctx context.Context, groupID, userID string) (bool, error) {
	if c.Profile.returnsMembers() {
		g, err := c.GetGroup(ctx, groupID)
		if err != nil {
			return false, err
		}
		return slices.ContainsFunc(g.Members, func(m Member) bool { return m.Value == userID }), nil
	}
	_, err := single("find member", Filter{}, c.Groups(ctx, MembershipEq(groupID, userID)))
	if errors.As(err, new(noMatch)) {
		return false, nil
	}
	return err == nil, err
}

// CreateGroup creates a group with at most MaxMembers members. Add others with PatchGroup. A lost
// response is handled as in CreateUser. The returned group has members only if the server returns
// them.
func (c *Client) CreateGroup(ctx context.Context, g *Group) (*Group, error) {
	if len(g.Members) > MaxMembers {
		return nil, fmt.Errorf("create group: %d members, at most %d are possible; add the others with PatchGroup",
			len(g.Members), MaxMembers)
	}
	body, err := groupBody(g)
	if err != nil {
		return nil, fmt.Errorf("create group: %w", err)
	}
	var got *Group
	find := func(ctx context.Context) (err error) {
		got, err = findCreated(g.ExternalID, func(g *Group) string { return g.ExternalID },
			c.Groups(ctx, ExternalIDEq(g.ExternalID)), c.Groups(ctx, DisplayNameEq(g.DisplayName)))
		return err
	}
	err = c.do(ctx, request{op: "create group", method: http.MethodPost, path: "/Groups", body: body,
		decode: c.Profile.groupDecoder(&got, ""), recover: find})
	return got, err
}

// GroupPatch is a change of a group. Nil and empty fields are not changed.
type GroupPatch struct {
	DisplayName *string
	ExternalID  *string
	Add, Remove []string // ids of users
}

// PartialError is a group patch whose first requests succeeded before one failed. Applied is the
// part of the patch that succeeded. The failed request may have taken effect in part, so read the
// memberships again.
type PartialError struct {
	Applied GroupPatch
	Err     error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("patch group: %d additions and %d removals done, then: %v",
		len(e.Applied.Add), len(e.Applied.Remove), e.Err)
}

// Unwrap returns Err.
func (e *PartialError) Unwrap() error { return e.Err }

// PatchGroup changes a group: first names and additions, then removals. It sends one request per
// MaxMembers membership changes, and none for an empty patch. A failure after the first request is
// a *PartialError. The response has no body: to get the memberships, read them.
//
// If a removal is rejected, PatchGroup sends an alternative once. IAM Identity Center does not
// allow one request to remove all memberships of a group. It does not document whether this
// includes a list of all member ids, so the alternative is two requests: names and all but one
// member, and that one. Other servers may reject the removal of a user that is not a member
// (noTarget). Then the alternative removes only users that are members.
func (c *Client) PatchGroup(ctx context.Context, id string, p GroupPatch) error {
	path, err := objectPath("/Groups", id)
	if err != nil {
		return fmt.Errorf("patch group: %w", err)
	}
	var applied GroupPatch
	parts, alternativeSent := p.split(MaxMembers), false
	for len(parts) > 0 {
		part := parts[0]
		err := c.patchGroup(ctx, path, part)
		if Status(err) == http.StatusBadRequest && !alternativeSent {
			alternativeSent = true
			if alternative, ok := c.alternative(ctx, id, part, err); ok {
				parts = append(alternative, parts[1:]...)
				continue
			}
		}
		if err != nil {
			return partial(applied, err)
		}
		applied, parts = applied.with(part), parts[1:]
	}
	return nil
}

// partial adds the requests that succeeded to the error of a request.
func partial(applied GroupPatch, err error) error {
	if applied.DisplayName == nil && applied.ExternalID == nil && len(applied.Add)+len(applied.Remove) == 0 {
		return err
	}
	return &PartialError{Applied: applied, Err: err}
}

func (c *Client) patchGroup(ctx context.Context, path string, p GroupPatch) error {
	body, err := patchBody(p.ops(c.Profile))
	if err != nil {
		return fmt.Errorf("patch group: %w", err)
	}
	return c.do(ctx, request{op: "patch group", method: http.MethodPatch, path: path, body: body,
		retryConflict: p.DisplayName == nil && p.ExternalID == nil})
}

// split returns parts of the patch with at most size membership changes each.
func (p GroupPatch) split(size int) []GroupPatch {
	var parts []GroupPatch
	part := GroupPatch{DisplayName: p.DisplayName, ExternalID: p.ExternalID}
	add, remove := p.Add, p.Remove
	for {
		n := min(len(add), size)
		part.Add, add = add[:n], add[n:]
		m := min(len(remove), size-n)
		part.Remove, remove = remove[:m], remove[m:]
		if part.DisplayName != nil || part.ExternalID != nil || n+m > 0 {
			parts = append(parts, part)
		}
		if len(add)+len(remove) == 0 {
			return parts
		}
		part = GroupPatch{}
	}
}

// alternative returns other requests with the same effect as a rejected part of a patch. ok is
// false if the part must have been rejected for another reason.
func (c *Client) alternative(ctx context.Context, id string, part GroupPatch, rejection error) (
	parts []GroupPatch, ok bool,
) {
	last := len(part.Remove) - 1
	switch {
	case c.Profile == AWS:
		names := part.DisplayName != nil || part.ExternalID != nil
		if last < 0 || last == 0 && !names || len(part.Add) > 0 {
			return nil, false
		}
		rest := GroupPatch{Remove: part.Remove[last:]}
		part.Remove = part.Remove[:last]
		return []GroupPatch{part, rest}, true
	case last < 0 || !isNoTarget(rejection):
		return nil, false
	}
	g, err := c.GetGroup(ctx, id)
	if err != nil {
		return nil, false
	}
	members := map[string]bool{}
	for _, m := range g.Members {
		members[m.Value] = true
	}
	part.Remove = slices.DeleteFunc(slices.Clone(part.Remove), func(user string) bool { return !members[user] })
	return part.split(MaxMembers), true
}

// isNoTarget reports whether the server rejected a path because it matches nothing (RFC 7644
// section 3.12).
func isNoTarget(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.EqualFold(e.ScimType, "noTarget")
}

// with returns the sum of two parts of a patch.
func (p GroupPatch) with(q GroupPatch) GroupPatch {
	if q.DisplayName != nil {
		p.DisplayName = q.DisplayName
	}
	if q.ExternalID != nil {
		p.ExternalID = q.ExternalID
	}
	p.Add = append(p.Add[:len(p.Add):len(p.Add)], q.Add...)
	p.Remove = append(p.Remove[:len(p.Remove):len(p.Remove)], q.Remove...)
	return p
}

// DeleteGroup deletes a group. It succeeds if the group does not exist. The account assignments of
// the group are lost.
func (c *Client) DeleteGroup(ctx context.Context, id string) error {
	return c.delete(ctx, "delete group", "/Groups", id)
}

// groupDecoder returns a decoder that stores a group. The group must have the given id, unless the
// id is empty.
func (p Profile) groupDecoder(into **Group, id string) func(response) error {
	return func(res response) error {
		g, err := decodeBody(res.body, p.decodeGroup)
		if err == nil && id != "" && g.ID != id {
			err = fmt.Errorf("requested group %s, got %s", id, g.ID)
		}
		if err == nil {
			*into = g
		}
		return err
	}
}

// noMatch is the error of a search without a result.
type noMatch struct{}

func (noMatch) Error() string        { return "no match" }
func (noMatch) Is(target error) bool { return target == fs.ErrNotExist }

// single returns the only object of a listing.
func single[T any](op string, f Filter, objects iter.Seq2[*T, error]) (*T, error) {
	var found *T
	for o, err := range objects {
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, fmt.Errorf("%s where %s: several objects match", op, f)
		}
		found = o
	}
	if found == nil {
		return nil, fmt.Errorf("%s where %s: %w", op, f, noMatch{})
	}
	return found, nil
}

// findCreated searches listings for the object that an earlier attempt of a create may have made.
// It is the object with the external id of the create.
func findCreated[T any](
	externalID string, read func(*T) string, listings ...iter.Seq2[*T, error],
) (*T, error) {
	if externalID == "" {
		return nil, errNotCreated
	}
	for _, objects := range listings {
		for o, err := range objects {
			if err != nil {
				return nil, err
			}
			if read(o) == externalID {
				return o, nil
			}
		}
	}
	return nil, errNotCreated
}
