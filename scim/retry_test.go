package scim_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

const (
	conflict = `{"schema":["urn:ietf:params:scim:api:messages:2.0:Error"],"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"Refused to create a new, duplicate resource.","status":"409","exceptionRequestId":"59370c32-f096-4892-8e37-94b4581f1f03","timeStamp":"2024-04-05 06:32:12.227"}`
	alice    = `{"id":"u1","externalId":"u-1001","userName":"alice"}`
)

func found(users ...string) string {
	return `{"itemsPerPage":1,"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[` + strings.Join(
		users,
		",",
	) + `]}`
}

// TestRetries walks through what can go wrong with one call, and what the client makes of it. The
// script fails the call if it is asked more than it holds.
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
		do       func(context.Context, *scim.Client) error
		profile  scim.Profile
		replies  []reply
		asked    []string
		status   int   // of the error; 0 for none
		is       error // of the error
		maybe    bool
		attempts int // requests allowed, 0 for the default
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
		"a create that collides with a unmanaged": {
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
			asked:  []string{post, post, byID, byName, byID, byName},
			status: 409,
			is:     fs.ErrExist,
			maybe:  true,
		},
		"a create without external id proves nothing": {
			do:       anonymous,
			attempts: 2,
			replies:  []reply{oops, taken},
			asked:    []string{post, post},
			status:   409,
			is:       fs.ErrExist,
			maybe:    true,
		},
		"a create that never gets an answer": {
			do:       create,
			attempts: 2,
			replies:  []reply{oops, oops},
			asked:    []string{post, post},
			status:   500,
			maybe:    true,
		},
		"a lookup that fails is not an absence": {
			do:       create,
			attempts: 2,
			replies:  []reply{oops, taken, {status: 403}},
			asked:    []string{post, post, byID},
			status:   409,
			is:       fs.ErrPermission,
			maybe:    true,
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
		"and not repeated if nobody can tell": {
			do:      create,
			profile: scim.RFC,
			replies: []reply{oops, {status: 403}},
			asked:   []string{post, "GET /Users?cursor&count=100&filter=externalId+eq+%22u-1001%22"},
			status:  500,
			is:      fs.ErrPermission,
			maybe:   true,
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

		"deleting what is gone succeeds": {
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
			do:      patch("title"),
			replies: []reply{oops, {status: 400}},
			asked:   []string{patchOne, patchOne},
			status:  400,
			maybe:   true,
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
			if got := scim.MaybeApplied(err); got != row.maybe {
				t.Errorf("maybe applied %v, want %v (error %v)", got, row.maybe, err)
			}
			if row.is != fs.ErrNotExist && errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error %v passes for a proof of absence", err)
			}
		})
	}
}

func TestConnectionResetAfterTheEffect(t *testing.T) {
	s := serve(t, reply{reset: true}, reply{status: 409, body: conflict}, reply{status: 200, body: found(alice)})
	var calls []scim.Call
	c := s.client(t, nil)
	c.Observe = func(call scim.Call) { calls = append(calls, call) }
	u, err := c.CreateUser(t.Context(), &scim.User{UserName: "alice", ExternalID: "u-1001"})
	if err != nil || u.ID != "u1" {
		t.Fatalf("user %+v, error %v", u, err)
	}
	if last := calls[len(calls)-1]; !last.Recovered || last.Op != "create user" || last.Attempts != 2 {
		t.Errorf("observed %+v, want a recovered create", last)
	}
}

func TestPausesGrowAndHonourRetryAfter(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	s := serve(
		t,
		reply{status: 500},
		reply{status: 500},
		reply{status: 500},
		reply{status: 429, header: map[string]string{"Retry-After": "7"}},
		reply{
			status: 503,
			header: map[string]string{"Retry-After": now.Add(90 * time.Second).Format(http.TimeFormat)},
		},
		reply{status: 429, header: map[string]string{"Retry-After": "soon"}},
		reply{status: 200, body: alice},
	)
	var slept []time.Duration
	c := s.client(t, &slept)
	c.Now = func() time.Time { return now }
	c.Retry = scim.Retry{Base: 100 * time.Millisecond, Max: time.Second}
	if _, err := c.GetUser(t.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	bounds := [][2]time.Duration{
		{0, 100 * time.Millisecond}, {0, 200 * time.Millisecond}, {0, 400 * time.Millisecond},
		{7 * time.Second, 7100 * time.Millisecond}, {90 * time.Second, 90100 * time.Millisecond}, {0, time.Second},
	}
	if len(slept) != len(bounds) {
		t.Fatalf("slept %v", slept)
	}
	for i, b := range bounds {
		if slept[i] < b[0] || slept[i] > b[1] {
			t.Errorf("pause %d is %v, want between %v and %v", i, slept[i], b[0], b[1])
		}
	}
}

func TestRetryAfterBeyondTheMaximumEndsTheCall(t *testing.T) {
	s := serve(t, reply{status: 503, header: map[string]string{"Retry-After": "3600"}})
	_, err := s.client(t, nil).GetUser(t.Context(), "u1")
	var e *scim.Error
	if !errors.As(err, &e) || e.RetryAfter != time.Hour || e.Attempts != 1 {
		t.Errorf("error %#v, want one attempt and an hour to wait", err)
	}
}

func TestContextEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		sent := 0
		c := &scim.Client{
			Endpoint: "https://192.0.2.1/t/scim/v2",
			Token:    scim.StaticToken(secret),
			Retry:    scim.Retry{Attempts: 100},
			HTTP: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				sent++
				return nil, errors.New("connection reset")
			})},
		}
		go func() {
			time.Sleep(20 * time.Second) // of the bubble's clock
			cancel(stop)
		}()
		_, err := c.PatchUser(ctx, "u1", []scim.Op{scim.Set("title", "x")})
		if !errors.Is(err, stop) || !scim.MaybeApplied(err) {
			t.Errorf("error %v, want the cause, and maybe applied", err)
		}
		if sent < 3 || sent > 60 {
			t.Errorf("%d requests in 20 seconds", sent)
		}
	})
}

func TestSilentServerIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &scim.Client{
			Endpoint: "https://192.0.2.1/t/scim/v2",
			Token:    scim.StaticToken(secret),
			Retry:    scim.Retry{Attempts: 2},
			Timeout:  5 * time.Second,
			HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})},
		}
		start := time.Now()
		_, err := c.GetUser(t.Context(), "u1")
		if err == nil || !strings.Contains(err.Error(), "no response within 5s") ||
			!strings.Contains(err.Error(), "2 attempts") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("took %v, want two attempts of 5 seconds", took)
		}
	})
}

func TestErrorsThatNoRetryMends(t *testing.T) {
	rows := map[string]struct {
		err      error
		attempts int
		maybe    bool
	}{
		"a host that does not exist": {&net.DNSError{Err: "no such host", IsNotFound: true}, 1, false},
		"a name server that is down": {&net.DNSError{Err: "server misbehaving", IsTemporary: true}, 3, false},
		"a port where nobody is":     {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, 3, false},
		"a connection that breaks":   {&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, 3, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			c := s.client(t, nil)
			c.Retry.Attempts = 3
			n := 0
			c.HTTP = &http.Client{
				Transport: roundTripper(func(*http.Request) (*http.Response, error) { n++; return nil, row.err }),
			}
			err := c.DeleteUser(t.Context(), "u1")
			if n != row.attempts || scim.MaybeApplied(err) != row.maybe || !errors.Is(err, row.err) {
				t.Errorf("%d attempts, error %v, maybe applied %v", n, err, scim.MaybeApplied(err))
			}
		})
	}
}
