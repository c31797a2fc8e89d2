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
	coreUser      = "urn:ietf:params:scim:schemas:core:2.0:User"
	coreGroup     = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterprise    = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	searchRequest = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// start returns a fixed time, so that tests can compare whole responses.
func start() time.Time { return time.Date(2026, 11, 23, 9, 30, 15, 160_000_000, time.UTC) }

// server is a simulator on loopback and its client.
type server struct {
	*awssim.Server
	t      *testing.T
	http   *httptest.Server
	secret string // "" means the newest token
}

// serve starts a simulator with a fixed clock, a known tenant and a known token. It has no throttle
// unless opt sets one.
func serve(t *testing.T, profile awssim.Profile, opt awssim.Options) *server {
	t.Helper()
	if opt.Throttle == (awssim.Throttle{}) {
		opt.Throttle.Unlimited = true
	}
	opt.Seed = 1
	return serveExactly(t, profile, opt)
}

// serveExactly is serve with unchanged options.
func serveExactly(t *testing.T, profile awssim.Profile, opt awssim.Options) *server {
	t.Helper()
	s := serveOn(t, &awssim.Server{
		Profile: profile, Tenant: "tenant", Tokens: []awssim.Token{{ID: "first", Secret: "secret"}},
		Now: start, Options: opt,
	})
	s.secret = "secret"
	return s
}

// serveOn starts the simulator on loopback.
func serveOn(t *testing.T, sim *awssim.Server) *server {
	t.Helper()
	s := &server{t: t, Server: sim, http: httptest.NewServer(sim)}
	t.Cleanup(s.http.Close)
	return s
}

// answer is a response with its decoded body.
type answer struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// call sends a request. body is JSON, or "" for no body.
func (s *server) call(method, path, body string) answer {
	s.t.Helper()
	return s.send(s.request(method, path, body))
}

// callWithToken sends a request with another token.
func (s *server) callWithToken(token, method, path string) answer {
	s.t.Helper()
	req := s.request(method, path, "")
	req.Header.Set("Authorization", "Bearer "+token)
	return s.send(req)
}

// request returns a request for the SCIM endpoint.
func (s *server) request(method, path, body string) *http.Request {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+s.Path()+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+cmp.Or(s.secret, s.Token()))
	if body != "" {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	return req
}

// send fails the test if there is no response.
func (s *server) send(req *http.Request) answer {
	s.t.Helper()
	a, err := s.do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", req.Method, req.URL, err)
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
			s.t.Fatalf("the response is not JSON: %v\n%s", err, text)
		}
	}
	return a, nil
}

// want fails the test unless the response has the status.
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

// userJSON returns a user with all required attributes, externalId, active and an email address.
func userJSON(name string) string {
	return fmt.Sprintf(`{"userName":%q,"externalId":"x-%s","name":{"familyName":"Family","givenName":"Given"},`+
		`"displayName":"Display %s","active":true,"emails":[{"value":%q,"type":"work","primary":true}]}`,
		name, name, name, name+"@example.com")
}

// groupJSON returns a group with its schemas, which every profile accepts, and more attributes.
func groupJSON(name, more string) string {
	return fmt.Sprintf(`{"schemas":[%q],"displayName":%q%s}`, coreGroup, name, more)
}

func (s *server) addUser(name string) string {
	s.t.Helper()
	return s.want(201, s.call("POST", "/Users", userJSON(name))).str("id")
}

func (s *server) addGroup(name string, members ...string) string {
	s.t.Helper()
	return s.want(201, s.call("POST", "/Groups", groupJSON(name, `,"members":`+values(members...)))).str("id")
}

// values returns a JSON list of members.
func values(ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"value":%q}`, id)
	}
	return "[" + strings.Join(list, ",") + "]"
}

// patch returns the body of a PATCH with these operations.
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
	s := serveOn(t, &awssim.Server{})
	s.want(200, s.call("GET", "/Users?cursor", ""))
	if n := len(s.Token()); n < 500 || n > 620 {
		t.Errorf("the token has %d characters", n)
	}
	if first, _, _ := strings.Cut(strings.TrimPrefix(s.Path(), "/"), "-"); len(first) != 11 {
		t.Errorf("path %s", s.Path())
	}
}
