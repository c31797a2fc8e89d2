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

// GetUser reads a user by id.
func (c *Client) GetUser(ctx context.Context, id string) (*User, error) {
	path, err := objectPath("/Users", id)
	if err != nil {
		return nil, fmt.Errorf("get user: %w", err)
	}
	var got *User
	err = c.do(ctx, request{op: "get user", method: http.MethodGet, path: path, decode: intoUser(&got, id)})
	return got, err
}

// FindUser returns the one user that matches. The error is fs.ErrNotExist when
// none does; several are an error, too.
func (c *Client) FindUser(ctx context.Context, f Filter) (*User, error) {
	return only("find user", f, c.Users(ctx, f))
}

// CreateUser creates a user and returns what the server made of it.
//
// The error is fs.ErrExist when the name, the primary email or the external id
// is taken. When a reply was lost and the create had to be repeated, a 409 is
// looked up, by external id and then by user name: if the user there has our
// external id the call succeeds. Without an external id that cannot be proved
// and the 409 is returned, with MaybeApplied set.
func (c *Client) CreateUser(ctx context.Context, u *User) (*User, error) {
	body, err := userBody(u, "")
	if err != nil {
		return nil, fmt.Errorf("create user: %w", err)
	}
	var got *User
	find := func(ctx context.Context) (err error) {
		got, err = twin(u.ExternalID, func(u *User) string { return u.ExternalID },
			c.Users(ctx, ExternalIDEq(u.ExternalID)), c.Users(ctx, UserNameEq(u.UserName)))
		return err
	}
	err = c.do(ctx, request{op: "create user", method: http.MethodPost, path: "/Users", body: body,
		decode: intoUser(&got, ""), recover: find})
	return got, err
}

// PutUser overwrites a user. Attributes that u does not have are cleared, so u
// must be complete. Prefer PatchUser, which says only what changes; IAM Identity
// Center's PATCH cannot reach roles, though.
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
	err = c.do(ctx, request{op: "put user", method: http.MethodPut, path: path, body: body, decode: intoUser(&got, id)})
	return got, err
}

// PatchUser changes some attributes of a user and returns the user as it is
// then. At most one operation may touch userName and one active, neither can be
// removed (Developer Guide, PatchUser); what breaks these rules is not sent.
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
	silent := false
	read := intoUser(&got, id)
	err = c.do(ctx, request{op: "patch user", method: http.MethodPatch, path: path, body: body, conflictPasses: !changesUnique(ops),
		decode: func(a answer) error {
			// RFC 7644 section 3.5.2 leaves 204 to the server; AWS sends the user.
			if silent = a.status == http.StatusNoContent; silent {
				return nil
			}
			return read(a)
		}})
	if err == nil && silent {
		return c.GetUser(ctx, id)
	}
	return got, err
}

// UpdateUser brings a user from have, as it was read, to want, with the fewest
// calls: none if they are equal, a PATCH of the attributes that differ, or a PUT
// if they differ in what PATCH cannot reach. Attributes that want does not have
// are removed. The ids and Meta do not count.
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

// DeleteUser deletes a user. One that is not there is a success. IAM Identity
// Center never gives the id again: account assignments of a user who is created
// anew are lost.
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

// objectPath joins an id to its collection. Ids come from elsewhere: an empty
// one would address the collection, and dots its parent.
func objectPath(collection, id string) (string, error) {
	if strings.Trim(id, ".") == "" {
		return "", fmt.Errorf("%q is not an id", id)
	}
	return collection + "/" + url.PathEscape(id), nil
}

// intoUser returns a decoder for an answer that is one user: the one with the
// given id, unless that is empty.
func intoUser(into **User, id string) func(answer) error {
	return func(a answer) error {
		u, err := decodeUser(a.body)
		if err == nil && id != "" && u.ID != id {
			err = fmt.Errorf("asked for user %s, got %s", id, u.ID)
		}
		if err == nil {
			*into = u
		}
		return err
	}
}
