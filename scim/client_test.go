package scim_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

const secret = "t0p/secret+token=="

// scriptedServer answers each request with the next of its replies and records the requests.
type scriptedServer struct {
	*httptest.Server
	mu      sync.Mutex
	replies []reply
	asked   []sentRequest
}

type reply struct {
	status int
	body   string
	header map[string]string
	cut    bool // close the connection in the middle of the body
	reset  bool // close the connection without an answer
	then   func(*http.Request)
}

type sentRequest struct {
	method, path, query, body string
	header                    http.Header
}

func (a sentRequest) String() string {
	if a.query != "" {
		return a.method + " " + a.path + "?" + a.query
	}
	return a.method + " " + a.path
}

func serve(t *testing.T, replies ...reply) *scriptedServer {
	t.Helper()
	s := &scriptedServer{replies: replies}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *scriptedServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.asked = append(
		s.asked,
		sentRequest{
			r.Method,
			strings.TrimPrefix(r.URL.EscapedPath(), "/tenant/scim/v2"),
			r.URL.RawQuery,
			string(body),
			r.Header.Clone(),
		},
	)
	if len(s.replies) == 0 {
		s.mu.Unlock()
		http.Error(w, "the script has ended", http.StatusTeapot)
		return
	}
	next := s.replies[0]
	s.replies = s.replies[1:]
	s.mu.Unlock()
	if next.then != nil {
		next.then(r)
	}
	if next.reset {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	for k, v := range next.header {
		w.Header().Set(k, v)
	}
	if next.cut {
		w.Header().Set("Content-Length", fmt.Sprint(len(next.body)))
		w.WriteHeader(next.status)
		_, _ = io.WriteString(w, next.body[:len(next.body)/2])
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(next.status)
	_, _ = io.WriteString(w, next.body)
}

// requests returns the requests, one line each.
func (s *scriptedServer) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, a := range s.asked {
		lines = append(lines, a.String())
	}
	return lines
}

// client returns a client of the server. Its Sleep returns immediately and records the duration.
func (s *scriptedServer) client(t *testing.T, slept *[]time.Duration) *scim.Client {
	t.Helper()
	return &scim.Client{
		Endpoint: s.URL + "/tenant/scim/v2/",
		Token:    scim.StaticToken(secret),
		HTTP:     s.Client(),
		Sleep: func(ctx context.Context, d time.Duration) error {
			if slept != nil {
				*slept = append(*slept, d)
			}
			return context.Cause(ctx)
		},
	}
}

func TestHeadersOfEachRequest(t *testing.T) {
	s := serve(t, reply{status: 200, body: `{"id":"u1"}`}, reply{status: 200, body: `{"id":"u1"}`})
	c := s.client(t, nil)
	if _, err := c.GetUser(t.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	c.UserAgent = "mine/2"
	if _, err := c.PatchUser(t.Context(), "u1", []scim.Op{scim.Set("title", "x")}); err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{
		{"Authorization": "Bearer " + secret, "User-Agent": scim.DefaultUserAgent, "Content-Type": ""},
		{"Authorization": "Bearer " + secret, "User-Agent": "mine/2", "Content-Type": "application/scim+json"},
	}
	for i, headers := range want {
		for name, value := range headers {
			if got := s.asked[i].header.Get(name); got != value {
				t.Errorf("request %d: %s is %q, want %q", i, name, got, value)
			}
		}
		if got := s.asked[i].path; got != "/Users/u1" {
			t.Errorf("request %d went to %s", i, got)
		}
	}
}

func TestEndpointsThatMustNotGetTheToken(t *testing.T) {
	rows := map[string]struct {
		endpoint string
		plain    bool
		problem  string // "" for none before sending
	}{
		"plain http beyond loopback":             {"http://192.0.2.1/t/scim/v2", false, "plain http"},
		"plain http beyond loopback, if allowed": {"http://192.0.2.1/t/scim/v2", true, ""},
		"https":                                  {"https://192.0.2.1/t/scim/v2/", false, ""},
		"plain http to loopback":                 {"http://127.0.0.1:1/t/scim/v2", false, ""},
		"plain http to IPv6 loopback":            {"http://[::1]:1/t/scim/v2", false, ""},
		"no scheme":                              {"scim.us-east-1.amazonaws.com/t/scim/v2", false, "want https"},
		"nothing":                                {"", false, "want https"},
		"a password":                             {"https://me:hunter2@192.0.2.1/t", false, "password"},
		"a query":                                {"https://192.0.2.1/t?x=1", false, "query"},
		"a broken URL with a password":           {"https://me:hunter2@192.0.2.1:x y/t", false, "not a URL"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			c := &scim.Client{
				Endpoint:  row.endpoint,
				PlainHTTP: row.plain,
				Token:     scim.StaticToken(secret),
				Retry:     scim.Retry{Attempts: 1},
				HTTP: &http.Client{
					Transport: roundTripper(
						func(*http.Request) (*http.Response, error) { return nil, errors.New("sent") },
					),
				},
			}
			_, err := c.GetUser(t.Context(), "u1")
			want := row.problem
			if want == "" {
				want = "sent"
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one about %q", err, want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := serve(t, reply{status: 200, body: `{"id":"u1"}`})
	s := serve(t, reply{status: 307, header: map[string]string{"Location": elsewhere.URL + "/Users"}})
	_, err := s.client(t, nil).CreateUser(t.Context(), &scim.User{UserName: "a"})
	if scim.Status(err) != 307 || !strings.Contains(err.Error(), "redirect") {
		t.Errorf("error %v, want a 307 about redirects", err)
	}
	if got := elsewhere.requests(); got != nil {
		t.Errorf("another server got the token: %v", got)
	}
}

func TestTokenErrors(t *testing.T) {
	broken := errors.New("vault is sealed")
	rows := map[string]struct {
		token func(context.Context) (string, error)
		want  string
	}{
		"no token function":       {nil, "Client.Token is not set"},
		"the function fails":      {func(context.Context) (string, error) { return "", broken }, "vault is sealed"},
		"the token is only space": {scim.StaticToken(" \n"), "the token is empty"},
		"an empty answer":         {func(context.Context) (string, error) { return "", nil }, "the token is empty"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			c := s.client(t, nil)
			c.Token = row.token
			if _, err := c.GetUser(t.Context(), "u1"); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("error %v, want one about %q", err, row.want)
			}
			if got := s.requests(); got != nil {
				t.Errorf("sent without a token: %v", got)
			}
		})
	}
}

func TestTokenIsReadBeforeEachAttempt(t *testing.T) {
	s := serve(t, reply{status: 500, body: `{}`}, reply{status: 200, body: `{"id":"u1"}`})
	c := s.client(t, nil)
	n := 0
	c.Token = func(context.Context) (string, error) { n++; return fmt.Sprint("token-", n, "\n"), nil }
	if _, err := c.GetUser(t.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	if got := s.asked[1].header.Get("Authorization"); got != "Bearer token-2" {
		t.Errorf("second attempt sent %q", got)
	}
}

func TestReadOnlyTransportRejectsAllButGET(t *testing.T) {
	s := serve(t, reply{status: 200, body: `{"id":"u1"}`})
	var slept []time.Duration
	c := s.client(t, &slept)
	c.HTTP = &http.Client{Transport: scim.ReadOnly(nil)}
	if _, err := c.GetUser(t.Context(), "u1"); err != nil {
		t.Errorf("GET: %v", err)
	}
	name := "x"
	writes := map[string]error{
		"patch group":  c.PatchGroup(t.Context(), "g1", scim.GroupPatch{DisplayName: &name}),
		"delete user":  c.DeleteUser(t.Context(), "u1"),
		"delete group": c.DeleteGroup(t.Context(), "g1"),
	}
	_, writes["create user"] = c.CreateUser(t.Context(), &scim.User{UserName: "a"})
	_, writes["create group"] = c.CreateGroup(t.Context(), &scim.Group{DisplayName: "a"})
	_, writes["put user"] = c.PutUser(t.Context(), "u1", &scim.User{UserName: "a"})
	_, writes["patch user"] = c.PatchUser(t.Context(), "u1", []scim.Op{scim.Set("title", "x")})
	for op, err := range writes {
		if !errors.Is(err, scim.ErrReadOnly) || scim.MaybeApplied(err) {
			t.Errorf("%s: error %v, want ErrReadOnly and MaybeApplied false", op, err)
		}
	}
	if got := s.requests(); len(got) != 1 || len(slept) != 0 {
		t.Errorf("requests %v, slept %v; want the GET alone and no retry", got, slept)
	}
}

func TestObserversSeeEachCallOnce(t *testing.T) {
	s := serve(t,
		reply{status: 429, body: `{}`},
		reply{status: 500, body: `{}`},
		reply{status: 200, body: `{"id":"u1"}`, header: map[string]string{"x-amzn-RequestId": "r-3"}},
		reply{status: 404, body: `{"exceptionRequestId":"r-4"}`})
	c := s.client(t, nil)
	var all, mine []scim.Call
	c.Observe = func(call scim.Call) { all = append(all, call) }
	now := time.Unix(0, 0)
	c.Now = func() time.Time { now = now.Add(time.Second); return now }
	ctx := scim.WithObserver(t.Context(), func(call scim.Call) { mine = append(mine, call) })
	if _, err := c.GetUser(ctx, "u1"); err != nil {
		t.Fatal(err)
	}
	_, err := c.GetGroup(t.Context(), "g1")
	if len(all) != 2 || len(mine) != 1 {
		t.Fatalf("%d and %d calls observed, want 2 and 1", len(all), len(mine))
	}
	got := all[0]
	if got.Duration <= 0 {
		t.Errorf("duration %v", got.Duration)
	}
	got.Duration = 0
	want := scim.Call{
		Op:        "get user",
		Method:    "GET",
		Path:      "/Users/u1",
		Status:    200,
		RequestID: "r-3",
		Attempts:  3,
		Throttled: 1,
	}
	if got != want {
		t.Errorf("observed %+v, want %+v", got, want)
	}
	if all[1].Status != 404 || all[1].RequestID != "r-4" || !errors.Is(all[1].Err, err) {
		t.Errorf("observed %+v", all[1])
	}
}
