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

// GetGroup reads a group by id.
func (c *Client) GetGroup(ctx context.Context, id string) (*Group, error) {
	path, err := objectPath("/Groups", id)
	if err != nil {
		return nil, fmt.Errorf("get group: %w", err)
	}
	var got *Group
	err = c.do(ctx, request{op: "get group", method: http.MethodGet, path: path, decode: c.Profile.intoGroup(&got, id)})
	return got, err
}

// FindGroup returns the one group that matches. The error is fs.ErrNotExist when
// none does; several are an error, too.
func (c *Client) FindGroup(ctx context.Context, f Filter) (*Group, error) {
	return only("find group", f, c.Groups(ctx, f))
}

// IsMember asks whether a user is a member of a group, with one call: the pair
// filter of IAM Identity Center, or the members that another server shows. The
// error is fs.ErrNotExist when IAM Identity Center does not know the user, or
// another server the group.
func (c *Client) IsMember(ctx context.Context, groupID, userID string) (bool, error) {
	if c.Profile.returnsMembers() {
		g, err := c.GetGroup(ctx, groupID)
		return err == nil && slices.ContainsFunc(g.Members, func(m Member) bool { return m.Value == userID }), err
	}
	_, err := only("ask for member", Filter{}, c.Groups(ctx, MembershipEq(groupID, userID)))
	if errors.As(err, new(noMatch)) {
		return false, nil
	}
	return err == nil, err
}

// CreateGroup creates a group with its first members, at most MaxMembers; add
// the rest with PatchGroup. A lost reply is dealt with as in CreateUser. The
// group returned shows members only if the server does.
func (c *Client) CreateGroup(ctx context.Context, g *Group) (*Group, error) {
	if len(g.Members) > MaxMembers {
		return nil, fmt.Errorf("create group: %d members, at most %d go with a create; add the others with PatchGroup", len(g.Members), MaxMembers)
	}
	body, err := groupBody(g)
	if err != nil {
		return nil, fmt.Errorf("create group: %w", err)
	}
	var got *Group
	find := func(ctx context.Context) (err error) {
		got, err = twin(g.ExternalID, func(g *Group) string { return g.ExternalID },
			c.Groups(ctx, ExternalIDEq(g.ExternalID)), c.Groups(ctx, DisplayNameEq(g.DisplayName)))
		return err
	}
	err = c.do(ctx, request{op: "create group", method: http.MethodPost, path: "/Groups", body: body,
		decode: c.Profile.intoGroup(&got, ""), recover: find})
	return got, err
}

// GroupPatch is a change of a group. Nil and empty fields change nothing.
type GroupPatch struct {
	DisplayName *string
	ExternalID  *string
	Add, Remove []string // ids of users
}

// PartialError is a group patch of which some requests were accepted before one
// failed. Applied holds what those carried; the failed request may have taken
// effect in part, so read the memberships again.
type PartialError struct {
	Applied GroupPatch
	Err     error
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("patch group: %d additions and %d removals done, then: %v", len(e.Applied.Add), len(e.Applied.Remove), e.Err)
}

func (e *PartialError) Unwrap() error { return e.Err }

// PatchGroup changes a group: names and additions first, then removals. More
// than MaxMembers membership changes make several requests, max(1, ceil(k/100))
// for k of them; a failure after the first is a *PartialError. An empty patch
// makes none. The server answers without a body: only reading the memberships
// tells how they are.
//
// A refused removal is rephrased once. IAM Identity Center refuses to remove all
// memberships of a group in one request; whether a list of all members by id
// falls under that is not documented, so it is sent again as two: all but one,
// and that one. Other servers may refuse to remove somebody who is no member
// (noTarget), so the members are read and only those removed who are.
func (c *Client) PatchGroup(ctx context.Context, id string, p GroupPatch) error {
	path, err := objectPath("/Groups", id)
	if err != nil {
		return fmt.Errorf("patch group: %w", err)
	}
	var applied GroupPatch
	parts, again := p.split(MaxMembers), false
	for len(parts) > 0 {
		part := parts[0]
		err := c.patchGroup(ctx, path, part)
		if Status(err) == http.StatusBadRequest && !again {
			again = true
			rest, retry := c.rephrase(ctx, id, part, err)
			if retry {
				parts = append(rest, parts[1:]...)
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

// partial wraps the failure of a request in what went before it.
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
		conflictPasses: p.DisplayName == nil && p.ExternalID == nil})
}

// split cuts a patch into parts of at most size membership changes.
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

// rephrase finds other words for a part of a patch that was refused. It does not
// if the refusal must have another reason.
func (c *Client) rephrase(ctx context.Context, id string, part GroupPatch, refusal error) ([]GroupPatch, bool) {
	last := len(part.Remove) - 1
	switch {
	case c.Profile == AWS:
		if last < 1 || len(part.Add) > 0 || part.DisplayName != nil || part.ExternalID != nil {
			return nil, false
		}
		return []GroupPatch{{Remove: part.Remove[:last]}, {Remove: part.Remove[last:]}}, true
	case last < 0 || !isNoTarget(refusal):
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

// isNoTarget reports the refusal of a path that matches nothing (RFC 7644
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

// DeleteGroup deletes a group. One that is not there is a success. The account
// assignments that hang on its id are lost.
func (c *Client) DeleteGroup(ctx context.Context, id string) error {
	return c.delete(ctx, "delete group", "/Groups", id)
}

// intoGroup returns a decoder for an answer that is one group: the one with the
// given id, unless that is empty.
func (p Profile) intoGroup(into **Group, id string) func(answer) error {
	return func(a answer) error {
		g, err := p.decodeGroup(a.body)
		if err == nil && id != "" && g.ID != id {
			err = fmt.Errorf("asked for group %s, got %s", id, g.ID)
		}
		if err == nil {
			*into = g
		}
		return err
	}
}

// noMatch is a lookup that the server answered with nothing.
type noMatch struct{}

func (noMatch) Error() string        { return "no match" }
func (noMatch) Is(target error) bool { return target == fs.ErrNotExist }

// only returns the one object of a listing.
func only[T any](op string, f Filter, objects iter.Seq2[*T, error]) (*T, error) {
	var found *T
	for o, err := range objects {
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, fmt.Errorf("%s where %s: several", op, f)
		}
		found = o
	}
	if found == nil {
		return nil, fmt.Errorf("%s where %s: %w", op, f, noMatch{})
	}
	return found, nil
}

// twin looks through listings for the object that a create of ours may have
// made: the one with our external id.
func twin[T any](externalID string, read func(*T) string, listings ...iter.Seq2[*T, error]) (*T, error) {
	if externalID == "" {
		return nil, errNoTwin
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
	return nil, errNoTwin
}
