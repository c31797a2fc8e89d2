package awssim_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

const (
	coreUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	coreGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// start is a fixed moment, so that answers can be compared whole.
func start() time.Time { return time.Date(2026, 11, 23, 9, 30, 15, 160_000_000, time.UTC) }

// server is a simulator on loopback and a caller of it.
type server struct {
	*awssim.Server
	t      *testing.T
	http   *httptest.Server
	secret string // "": the newest token
}

// serve starts a simulator with a fixed clock, a known tenant and token, and no throttle unless opt
// sets one.
func serve(t *testing.T, profile awssim.Profile, opt awssim.Options) *server {
	t.Helper()
	if opt.Throttle == (awssim.Throttle{}) {
		opt.Throttle.Unlimited = true
	}
	opt.Seed = 1
	return serveExactly(t, profile, opt)
}

// serveExactly is serve with the options as they are.
func serveExactly(t *testing.T, profile awssim.Profile, opt awssim.Options) *server {
	t.Helper()
	now := start()
	s := serveThis(t, &awssim.Server{
		Profile: profile, Tenant: "tenant", Tokens: []awssim.Token{{ID: "first", Secret: "secret"}},
		Now: func() time.Time { return now }, Options: opt,
	})
	s.secret = "secret"
	return s
}

// serveThis puts a server on loopback.
func serveThis(t *testing.T, sim *awssim.Server) *server {
	t.Helper()
	s := &server{t: t, Server: sim, http: httptest.NewServer(sim)}
	t.Cleanup(s.http.Close)
	return s
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// call sends one request; body is JSON text, "" for none.
func (s *server) call(method, path, body string) answer {
	s.t.Helper()
	a, err := s.try(method, path, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (s *server) try(method, path, body string) (answer, error) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+s.Path()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+cmp.Or(s.secret, s.Token()))
	if body != "" {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	return s.do(req)
}

// agentless is a call without a User-Agent, with another token if one is given.
func (s *server) agentless(method, path string, token ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+s.Path()+path, strings.NewReader(patch(`{"op":"replace","path":"title","value":"x"}`)))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header["User-Agent"] = nil
	req.Header.Set("Authorization", "Bearer "+strings.Join(append(token, "secret")[:1], ""))
	a, err := s.do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *server) do(req *http.Request) (answer, error) {
	res, err := s.http.Client().Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, text: string(text)}
	if strings.HasPrefix(a.text, "{") {
		if err := json.Unmarshal(text, &a.body); err != nil {
			s.t.Fatalf("the answer is no JSON: %v\n%s", err, text)
		}
	}
	return a, nil
}

// want fails the test unless the answer has the status.
func (s *server) want(status int, a answer) answer {
	s.t.Helper()
	if a.status != status {
		s.t.Fatalf("status %d, want %d: %s (%s)", a.status, status, a.text, a.header.Get("Awssim-Reason"))
	}
	return a
}

func (a answer) str(key string) string {
	v, _ := a.body[key].(string)
	return v
}

func (a answer) resources() []map[string]any {
	list, _ := a.body["Resources"].([]any)
	var out []map[string]any
	for _, e := range list {
		out = append(out, e.(map[string]any))
	}
	return out
}

// userJSON is a user with everything that is required, and an email address.
func userJSON(name string) string {
	return fmt.Sprintf(`{"userName":%q,"externalId":"x-%s","name":{"familyName":"Family","givenName":"Given"},"displayName":"Display %s","active":true,"emails":[{"value":%q,"type":"work","primary":true}]}`,
		name, name, name, name+"@example.com")
}

func (s *server) addUser(name string) string {
	s.t.Helper()
	return s.want(201, s.call("POST", "/Users", userJSON(name))).str("id")
}

func (s *server) addGroup(name string, members ...string) string {
	s.t.Helper()
	return s.want(201, s.call("POST", "/Groups", fmt.Sprintf(`{"displayName":%q,"members":%s}`, name, values(members...)))).str("id")
}

// values is a JSON list of members.
func values(ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"value":%q}`, id)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// patch is the body of a PATCH with these operations.
func patch(ops ...string) string {
	return `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.Join(ops, ",") + `]}`
}

func query(pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return "?" + q.Encode()
}

func filter(f string) string { return query("filter", f) }

func TestTheZeroValueWorks(t *testing.T) {
	s := serveThis(t, &awssim.Server{})
	s.want(200, s.call("GET", "/Users?cursor", ""))
	if n := len(s.Token()); n < 500 || n > 620 {
		t.Errorf("a token of %d characters", n)
	}
	if first, _, _ := strings.Cut(strings.TrimPrefix(s.Path(), "/"), "-"); len(first) != 11 {
		t.Errorf("path %s", s.Path())
	}
}
