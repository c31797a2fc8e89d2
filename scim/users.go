package scim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
)

// GetUser returns the user with the given id.
func (c *Client) GetUser(ctx context.Context, id string) (*User, error) {
	path, err := objectPath("/Users", id)
	if err != nil {
		return nil, fmt.Errorf("get user: %w", err)
	}
	var got *User
	err = c.do(ctx, request{op: "get user", method: http.MethodGet, path: path, decode: userDecoder(&got, id)})
	return got, err
}

// FindUser returns the one user that matches. The error is fs.ErrNotExist if no user matches. It is
// another error if several users match.
func (c *Client) FindUser(ctx context.Context, f Filter) (*User, error) {
	return single("find user", f, c.Users(ctx, f))
}

// CreateUser creates a user and returns the user that the server created.
//
// The error is fs.ErrExist if another user has the name, the primary email or the external id.
//
// If a response is lost and the repeated create fails with 409, the client searches for the user by
// external id and then by user name. The call succeeds if a user with the external id of u exists.
// If u has no external id, the 409 is returned with MaybeApplied set.
func (c *Client) CreateUser(ctx context.Context, u *User) (*User, error) {
	body, err := userBody(u, "")
	if err != nil {
		return nil, fmt.Errorf("create user: %w", err)
	}
	var got *User
	find := func(ctx context.Context) (err error) {
		got, err = findCreated(u.ExternalID, func(u *User) string { return u.ExternalID },
			c.Users(ctx, ExternalIDEq(u.ExternalID)), c.Users(ctx, UserNameEq(u.UserName)))
		return err
	}
	err = c.do(ctx, request{op: "create user", method: http.MethodPost, path: "/Users", body: body,
		decode: userDecoder(&got, ""), recover: find})
	return got, err
}

// PutUser replaces a user. Attributes that u does not have are removed. Prefer PatchUser, which
// sends only changes. But IAM Identity Center changes roles only by PUT.
func (c *Client) PutUser(ctx context.Context, id string, u *User) (*User, error) {
	path, err := objectPath("/Users", id)
	if err != nil {
		return nil, fmt.Errorf("put user: %w", err)
	}
	body, err := userBody(u, id)
	if err != nil {
		return nil, fmt.Errorf("put user: %w", err)
	}
	var got *User
	err = c.do(ctx, request{op: "put user", method: http.MethodPut, path: path, body: body,
		decode: userDecoder(&got, id)})
	return got, err
}

// PatchUser changes attributes of a user and returns the changed user. At most one operation may
// change userName and at most one active, and neither can be removed (Developer Guide, PatchUser).
// Operations that break these rules are an error and are not sent.
func (c *Client) PatchUser(ctx context.Context, id string, ops []Op) (*User, error) {
	path, err := objectPath("/Users", id)
	if err == nil {
		err = checkUserOps(ops)
	}
	if err != nil {
		return nil, fmt.Errorf("patch user: %w", err)
	}
	body, err := patchBody(ops)
	if err != nil {
		return nil, fmt.Errorf("patch user: %w", err)
	}
	var got *User
	noContent := false
	decode := userDecoder(&got, id)
	err = c.do(ctx, request{op: "patch user", method: http.MethodPatch, path: path, body: body,
		retryConflict: !changesUnique(ops),
		decode: func(res response) error {
			// RFC 7644 section 3.5.2 permits an empty response. IAM Identity Center sends the user.
			if noContent = res.status == http.StatusNoContent; noContent {
				return nil
			}
			return decode(res)
		}})
	if err == nil && noContent {
		return c.GetUser(ctx, id)
	}
	return got, err
}

// UpdateUser changes a user from have, the user as read from the server, to want. It makes no call
// if they are equal. Otherwise it sends a PATCH of the attributes that differ, or a PUT if a PATCH
// cannot change them. Attributes that want does not have are removed. ID and Meta are ignored.
func (c *Client) UpdateUser(ctx context.Context, have, want *User) (*User, error) {
	ops, put := c.Profile.UserOps(have, want)
	switch {
	case put:
		return c.PutUser(ctx, have.ID, want)
	case len(ops) == 0:
		return have, nil
	}
	return c.PatchUser(ctx, have.ID, ops)
}

// DeleteUser deletes a user. It succeeds if the user does not exist. IAM Identity Center never
// reuses the id, so account assignments are lost even if the user is created again.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	return c.delete(ctx, "delete user", "/Users", id)
}

func (c *Client) delete(ctx context.Context, op, collection, id string) error {
	path, err := objectPath(collection, id)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	err = c.do(ctx, request{op: op, method: http.MethodDelete, path: path})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// objectPath returns the path of an object. An empty id is an error, because it would address the
// collection, and so are dots, which would address a parent.
func objectPath(collection, id string) (string, error) {
	if strings.Trim(id, ".") == "" {
		return "", fmt.Errorf("%q is not an id", id)
	}
	return collection + "/" + url.PathEscape(id), nil
}

// userDecoder returns a decoder that stores a user. The user must have the given id, unless the id
// is empty.
func userDecoder(into **User, id string) func(response) error {
	return func(res response) error {
		u, err := decodeBody(res.body, decodeUser)
		if err == nil && id != "" && u.ID != id {
			err = fmt.Errorf("requested user %s, got %s", id, u.ID)
		}
		if err == nil {
			*into = u
		}
		return err
	}
}
