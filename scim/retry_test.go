package scim_test

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

const (
	conflict = `{"schema":["urn:ietf:params:scim:api:messages:2.0:Error"],` +
		`"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],` +
		`"detail":"Refused to create a new, duplicate resource.","status":"409",` +
		`"exceptionRequestId":"59370c32-f096-4892-8e37-94b4581f1f03","timeStamp":"2024-04-05 06:32:12.227"}`
	alice = `{"id":"u1","externalId":"u-1001","userName":"alice"}`
)

func found(users ...string) string {
	return `{"itemsPerPage":1,"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[` +
		strings.Join(users, ",") + `]}`
}

// TestRetries checks how the client handles the failures of one call. The server fails all requests
// after its last reply.
func TestRetries(t *testing.T) {
	get := func(ctx context.Context, c *scim.Client) error { _, err := c.GetUser(ctx, "u1"); return err }
	create := func(ctx context.Context, c *scim.Client) error {
		u, err := c.CreateUser(ctx, &scim.User{UserName: "alice", ExternalID: "u-1001"})
		if err == nil && u.ID != "u1" {
			return errors.New("not the user")
		}
		return err
	}
	team := func(ctx context.Context, c *scim.Client) error {
		g, err := c.CreateGroup(
			ctx,
			&scim.Group{DisplayName: "Team", ExternalID: "g-1", Members: []scim.Member{{Value: "u1"}}},
		)
		if err == nil && g.ID != "g1" {
			return errors.New("not the group")
		}
		return err
	}
	anonymous := func(ctx context.Context, c *scim.Client) error {
		_, err := c.CreateUser(ctx, &scim.User{UserName: "alice"})
		return err
	}
	remove := func(ctx context.Context, c *scim.Client) error { return c.DeleteUser(ctx, "u1") }
	patch := func(path string) func(context.Context, *scim.Client) error {
		return func(ctx context.Context, c *scim.Client) error {
			_, err := c.PatchUser(ctx, "u1", []scim.Op{scim.Set(path, "x")})
			return err
		}
	}
	add := func(ctx context.Context, c *scim.Client) error {
		return c.PatchGroup(ctx, "g1", scim.GroupPatch{Add: []string{"u1"}})
	}
	const (
		post     = "POST /Users"
		byID     = "GET /Users?cursor&filter=externalId+eq+%22u-1001%22"
		byName   = "GET /Users?cursor&filter=userName+eq+%22alice%22"
		deletion = "DELETE /Users/u1"
		readOne  = "GET /Users/u1"
		patchOne = "PATCH /Users/u1"
		patchGrp = "PATCH /Groups/g1"
	)
	fine := reply{status: 200, body: alice}
	made := reply{status: 201, body: alice}
	oops := reply{status: 500, body: `{}`}
	taken := reply{status: 409, body: conflict}
	none := reply{status: 200, body: found()}
	rows := map[string]struct {
		do           func(context.Context, *scim.Client) error
		profile      scim.Profile
		replies      []reply
		asked        []string
		status       int   // of the error; 0 for none
		is           error // of the error
		maybeApplied bool
		attempts     int // requests allowed, 0 for the default
	}{
		"a 500 is repeated": {
			do:      get,
			replies: []reply{oops, fine},
			asked:   []string{readOne, readOne},
		},
		"a 503 page of a proxy is repeated": {
			do:      get,
			replies: []reply{{status: 503, body: "<html>busy</html>"}, fine},
			asked:   []string{readOne, readOne},
		},
		"a 429 is repeated": {
			do:      get,
			replies: []reply{{status: 429}, fine},
			asked:   []string{readOne, readOne},
		},
		"a 501 is not repeated": {
			do:      get,
			replies: []reply{{status: 501}},
			asked:   []string{readOne},
			status:  501,
		},
		"a 400 is not repeated": {
			do:      get,
			replies: []reply{{status: 400}},
			asked:   []string{readOne},
			status:  400,
		},
		"a 401 is not repeated": {
			do:      get,
			replies: []reply{{status: 401}},
			asked:   []string{readOne},
			status:  401,
			is:      fs.ErrPermission,
		},
		"a 403 is not repeated": {
			do:      get,
			replies: []reply{{status: 403}},
			asked:   []string{readOne},
			status:  403,
			is:      fs.ErrPermission,
		},
		"a 404 is not repeated": {
			do:      get,
			replies: []reply{{status: 404}},
			asked:   []string{readOne},
			status:  404,
			is:      fs.ErrNotExist,
		},
		"an answer that is cut is repeated": {
			do:      get,
			replies: []reply{{status: 200, body: alice, cut: true}, fine},
			asked:   []string{readOne, readOne},
		},
		"an answer that is not JSON is repeated": {
			do:      get,
			replies: []reply{{status: 200, body: "<html>"}, fine},
			asked:   []string{readOne, readOne},
		},
		"an answer about another user is repeated": {
			do:      get,
			replies: []reply{{status: 200, body: `{"id":"u2"}`}, fine},
			asked:   []string{readOne, readOne},
		},
		"retries end": {
			do:       get,
			attempts: 3,
			replies:  []reply{oops, oops, oops},
			asked:    []string{readOne, readOne, readOne},
			status:   500,
		},

		"a create that is refused is refused": {
			do:      create,
			replies: []reply{taken},
			asked:   []string{post},
			status:  409,
			is:      fs.ErrExist,
		},
		"a create after a 429 is a first create": {
			do:      create,
			replies: []reply{{status: 429}, taken},
			asked:   []string{post, post},
			status:  409,
			is:      fs.ErrExist,
		},
		"a create whose reply is lost is found": {
			do:      create,
			replies: []reply{oops, taken, {status: 200, body: found(alice)}},
			asked:   []string{post, post, byID},
		},
		"a create whose reply is cut is found": {
			do:      create,
			replies: []reply{{status: 201, body: alice, cut: true}, taken, {status: 200, body: found(alice)}},
			asked:   []string{post, post, byID},
		},
		"a create that did not happen is repeated": {
			do:      create,
			replies: []reply{oops, made},
			asked:   []string{post, post},
		},
		"a create that a stale read hides is found": {
			do:      create,
			replies: []reply{oops, taken, none, none, {status: 200, body: found(alice)}},
			asked:   []string{post, post, byID, byName, byID},
		},
		"a create that collides with an unmanaged user": {
			do:       create,
			attempts: 2,
			replies: []reply{
				oops,
				taken,
				none,
				{status: 200, body: found(`{"id":"u9","externalId":"other","userName":"alice"}`)},
				none,
				none,
			},
			asked:        []string{post, post, byID, byName, byID, byName},
			status:       409,
			is:           fs.ErrExist,
			maybeApplied: true,
		},
		"a create without external id proves nothing": {
			do:           anonymous,
			attempts:     2,
			replies:      []reply{oops, taken},
			asked:        []string{post, post},
			status:       409,
			is:           fs.ErrExist,
			maybeApplied: true,
		},
		"a create that never gets an answer": {
			do:           create,
			attempts:     2,
			replies:      []reply{oops, oops},
			asked:        []string{post, post},
			status:       500,
			maybeApplied: true,
		},
		"a lookup that fails is not an absence": {
			do:           create,
			attempts:     2,
			replies:      []reply{oops, taken, {status: 403}},
			asked:        []string{post, post, byID},
			status:       409,
			is:           fs.ErrPermission,
			maybeApplied: true,
		},
		"on other servers a lost create is searched": {
			do:      create,
			profile: scim.RFC,
			replies: []reply{oops, {status: 200, body: found(alice)}},
			asked:   []string{post, "GET /Users?cursor&count=100&filter=externalId+eq+%22u-1001%22"},
		},
		"and repeated only if it is not there": {
			do:      create,
			profile: scim.RFC,
			replies: []reply{oops, none, none, made},
			asked: []string{
				post,
				"GET /Users?cursor&count=100&filter=externalId+eq+%22u-1001%22",
				"GET /Users?cursor&count=100&filter=userName+eq+%22alice%22",
				post,
			},
		},
		"and not repeated if the search fails": {
			do:           create,
			profile:      scim.RFC,
			replies:      []reply{oops, {status: 403}},
			asked:        []string{post, "GET /Users?cursor&count=100&filter=externalId+eq+%22u-1001%22"},
			status:       500,
			is:           fs.ErrPermission,
			maybeApplied: true,
		},

		"a group whose reply is lost is found, too": {
			do: team,
			replies: []reply{
				oops,
				taken,
				none,
				{status: 200, body: found(`{"id":"g1","externalId":"g-1","displayName":"team"}`)},
			},
			asked: []string{
				"POST /Groups",
				"POST /Groups",
				"GET /Groups?cursor&filter=externalId+eq+%22g-1%22",
				"GET /Groups?cursor&filter=displayName+eq+%22Team%22",
			},
		},

		"deleting a user that does not exist succeeds": {
			do:      remove,
			replies: []reply{{status: 404}},
			asked:   []string{deletion},
		},
		"a delete whose reply is lost succeeds": {
			do:      remove,
			replies: []reply{oops, {status: 404, body: `{"status":"404"}`}},
			asked:   []string{deletion, deletion},
		},
		"a proxy's 404 does not prove a deletion": {
			do:      remove,
			replies: []reply{{status: 404, body: "<html>no such site"}},
			asked:   []string{deletion},
			status:  404,
		},
		"a patch of a unique attribute that collides": {
			do:      patch("userName"),
			replies: []reply{taken},
			asked:   []string{patchOne},
			status:  409,
			is:      fs.ErrExist,
		},
		"a patch that meets another write": {
			do:      patch("title"),
			replies: []reply{taken, fine},
			asked:   []string{patchOne, patchOne},
		},
		"adding members that meets another write": {
			do:      add,
			replies: []reply{taken, {status: 204}},
			asked:   []string{patchGrp, patchGrp},
		},
		"a write that is refused after a lost reply": {
			do:           patch("title"),
			replies:      []reply{oops, {status: 400}},
			asked:        []string{patchOne, patchOne},
			status:       400,
			maybeApplied: true,
		},
		"a write that was only throttled": {
			do:       patch("title"),
			attempts: 2,
			replies:  []reply{{status: 429}, {status: 429}},
			asked:    []string{patchOne, patchOne},
			status:   429,
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t, row.replies...)
			c := s.client(t, nil)
			c.Profile, c.Retry.Attempts = row.profile, row.attempts
			err := row.do(t.Context(), c)
			if got := s.requests(); !slices.Equal(got, row.asked) {
				t.Errorf("asked:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(row.asked, "\n"))
			}
			if got := scim.Status(err); got != row.status || (err == nil) != (row.status == 0) {
				t.Errorf("error %v, want status %d", err, row.status)
			}
			if row.is != nil && !errors.Is(err, row.is) {
				t.Errorf("error %v, want %v", err, row.is)
			}
			if got := scim.MaybeApplied(err); got != row.maybeApplied {
				t.Errorf("maybe applied %v, want %v (error %v)", got, row.maybeApplied, err)
			}
			if row.is != fs.ErrNotExist && errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error %v must not mean that the user does not exist", err)
			}
		})
	}
}
