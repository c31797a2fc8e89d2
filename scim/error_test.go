package scim_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

// TestErrorText checks the text of the error for each kind of error response.
func TestErrorText(t *testing.T) {
	rows := map[string]struct {
		reply  reply
		text   string
		absent bool // it proves that the user is not there
	}{
		"the service's message": {reply{status: 409, body: conflict},
			`get user: GET /Users/u1: 409 Conflict: Refused to create a new, duplicate resource. ` +
				`(request 59370c32-f096-4892-8e37-94b4581f1f03)`, false},
		"the header's request id comes first": {
			reply{
				status: 400,
				body:   `{"detail":"Invalid Filter format","exceptionRequestId":"body"}`,
				header: map[string]string{"x-amzn-RequestId": "header"},
			},
			`get user: GET /Users/u1: 400 Bad Request: Invalid Filter format (request header)`,
			false,
		},
		"a scimType": {
			reply{status: 400, body: `{"scimType":"noTarget","detail":"nothing there"}`},
			`get user: GET /Users/u1: 400 Bad Request (noTarget): nothing there`,
			false,
		},
		"a gateway's message": {
			reply{status: 403, body: `{"message":"Forbidden"}`},
			`get user: GET /Users/u1: 403 Forbidden: Forbidden`,
			false,
		},
		"a 404 of the service": {
			reply{status: 404, body: `{"detail":"User not found"}`},
			`get user: GET /Users/u1: 404 Not Found: User not found`,
			true,
		},
		"a 404 without a body": {reply{status: 404}, `get user: GET /Users/u1: 404 Not Found`, true},
		"a 404 of a proxy": {
			reply{status: 404, body: "<html><style>p {}</style><body>no <b>such</b>\n\tsite</body></html>"},
			`get user: GET /Users/u1: 404 Not Found: no such site`,
			false,
		},
		"a body of the wrong types": {
			reply{status: 400, body: `{"detail":["a"],"scimType":7,"exceptionRequestId":{}}`},
			`get user: GET /Users/u1: 400 Bad Request`,
			false,
		},
		"a body that is an array": {
			reply{status: 400, body: `[1]`},
			`get user: GET /Users/u1: 400 Bad Request: [1]`,
			false,
		},
		"control characters": {
			reply{status: 400, body: "{\"detail\":\"a\\u001b[31m\\r\\nb\\u202e\"}"},
			`get user: GET /Users/u1: 400 Bad Request: a [31m b`,
			false,
		},
		"a very long body": {
			reply{status: 400, body: strings.Repeat("ä", 5000)},
			`get user: GET /Users/u1: 400 Bad Request: ` + strings.Repeat("ä", 200) + `...`,
			false,
		},
		"the token in a message": {
			reply{status: 401, body: `{"detail":"token ` + secret + ` is unknown"}`},
			`get user: GET /Users/u1: 401 Unauthorized: token [token] is unknown`,
			false,
		},
		"the request's header": {
			reply{status: 400, body: "Authorization: Bearer " + secret + "\n"},
			`get user: GET /Users/u1: 400 Bad Request: Authorization: Bearer [token]`,
			false,
		},
		"the header in HTML": {
			reply{status: 400, body: "<pre>bearer t0p&#x2F;secret&#43;token==</pre>"},
			`get user: GET /Users/u1: 400 Bad Request: bearer [token]`,
			false,
		},
		"the token in JSON": {
			reply{status: 400, body: `{"message":"authorization=Bearer t0p\/secret\u002btoken=="}`},
			`get user: GET /Users/u1: 400 Bad Request: authorization=Bearer [token]`,
			false,
		},
		"the token in a request id": {
			reply{status: 400, body: `{"exceptionRequestId":"` + secret + `"}`},
			`get user: GET /Users/u1: 400 Bad Request (request [token])`,
			false,
		},
		"the token in the header id": {
			reply{status: 400, header: map[string]string{"x-amzn-RequestId": secret}},
			`get user: GET /Users/u1: 400 Bad Request (request [token])`,
			false,
		},
		"a status that has no name": {reply{status: 499}, `get user: GET /Users/u1: 499`, false},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t, row.reply)
			_, err := s.client(t, nil).GetUser(t.Context(), "u1")
			if err == nil || err.Error() != row.text {
				t.Errorf("error\n%v\nwant\n%s", err, row.text)
			}
			if got := errors.Is(err, fs.ErrNotExist); got != row.absent {
				t.Errorf("proves absence: %v, want %v", got, row.absent)
			}
			if dump := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(dump, secret) {
				t.Errorf("the token shows: %s", dump)
			}
		})
	}
}

func TestStatusPredicates(t *testing.T) {
	rows := map[int][3]bool{ // unauthorized, forbidden, throttled
		401: {true, false, false}, 403: {false, true, false}, 429: {false, false, true}, 400: {},
	}
	for code, want := range rows {
		s := serve(t, reply{status: code})
		c := s.client(t, nil)
		c.Retry.Attempts = 1
		_, err := c.GetUser(t.Context(), "u1")
		err = fmt.Errorf("wrapped: %w", err)
		if got := [3]bool{scim.IsUnauthorized(err), scim.IsForbidden(err), scim.IsThrottled(err)}; got != want ||
			scim.Status(err) != code {
			t.Errorf("%d: %v, want %v", code, got, want)
		}
	}
	if scim.Status(nil) != 0 || scim.Status(errors.New("x")) != 0 || scim.MaybeApplied(nil) {
		t.Error("errors of other packages have no status")
	}
}

func TestTheClientPrintsNoToken(t *testing.T) {
	c := &scim.Client{Endpoint: "https://192.0.2.1/t/scim/v2", Token: scim.StaticToken(secret)}
	if dump := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(dump, secret) {
		t.Errorf("the token shows: %s", dump)
	}
}

func TestTheLogShowsCallsAndNoToken(t *testing.T) {
	var out strings.Builder
	s := serve(t, reply{status: 429, body: secret}, reply{status: 200, body: alice})
	c := s.client(t, nil)
	c.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	must(c.GetUser(t.Context(), "u1"))(t)
	if log := out.String(); strings.Contains(log, secret) ||
		!strings.Contains(log, "path=/Users/u1 status=200 attempts=2") ||
		strings.Contains(log, "level=INFO") {
		t.Errorf("log:\n%s", log)
	}
}
