package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/webauth"
)

// withTokens is access by API tokens, with one token of each role.
func withTokens(t *testing.T) (access Access, read, act string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "tokens")
	var err error
	if read, err = webauth.NewToken(file, "reader", "read", ""); err != nil {
		t.Fatal(err)
	}
	if act, err = webauth.NewToken(file, "actor", "act", ""); err != nil {
		t.Fatal(err)
	}
	tokens, err := webauth.OpenTokenFile(file, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		t.Fatal(err)
	}
	return Access{HostNames: []string{"roster.example.com"}, Authenticator: &webauth.Authenticator{Tokens: tokens}},
		read, act
}

// fullServer has every route.
func fullServer(access Access, polls *int) *Server {
	return &Server{State: exampleState, Access: access, Metadata: testMetadata, Explain: noExplanation,
		Poll: func() { *polls++ },
		Webhooks: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
		})}
}

func TestWithoutAuthenticationOnlyThisMachineIsServed(t *testing.T) {
	for _, test := range []struct {
		name, method, host, path string
		header                   []string
		want                     int
	}{
		{"localhost", "GET", "localhost:8741", "/", nil, 200},
		{"localhost without a port", "GET", "localhost", "/", nil, 200},
		{"localhost in capitals, with a dot", "GET", "LOCALHOST.", "/", nil, 200},
		{"127.0.0.1", "GET", "127.0.0.1:8741", "/api/v1/status", nil, 200},
		{"::1", "GET", "[::1]:8741", "/metrics", nil, 200},
		{"::1 without a port", "GET", "[::1]", "/metrics", nil, 200},
		{"a name that was rebound to this machine", "GET", "evil.example.com:8741", "/", nil, 421},
		{"a rebound name, the API", "GET", "evil.example.com", "/api/v1/status", nil, 421},
		{"a rebound name, health", "GET", "evil.example.com", "/healthz", nil, 421},
		{"a rebound name, SAML metadata", "GET", "evil.example.com", "/saml/aws/login.example.com/metadata.xml", nil,
			421},
		{"a rebound name, a webhook", "POST", "evil.example.com", "/webhooks/github", nil, 421},
		{"a name that begins like this machine's", "GET", "localhost.example.com", "/", nil, 421},
		{"a name that ends like this machine's", "GET", "evil.localhost.example", "/", nil, 421},
		{"an address of the network", "GET", "192.0.2.7:8741", "/", nil, 421},
		{"no name", "GET", "", "/", nil, 421},
		{"a request that a proxy forwards", "GET", "127.0.0.1:8741", "/",
			[]string{"X-Forwarded-For", "192.0.2.7"}, 403},
		{"a webhook that a proxy forwards", "POST", "127.0.0.1:8741", "/webhooks/github",
			[]string{"X-Forwarded-For", "192.0.2.7"}, 202},
		{"an action", "POST", "localhost", "/api/v1/poll", nil, 202},
		{"an action of this server's page", "POST", "localhost", "/api/v1/poll",
			[]string{"Sec-Fetch-Site", "same-origin"}, 202},
		{"an action of another website", "POST", "localhost", "/api/v1/poll",
			[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"an action of another website in an old browser", "POST", "localhost:8741", "/api/v1/poll",
			[]string{"Origin", "https://evil.example.com"}, 403},
		{"an action of a page without an origin", "POST", "localhost:8741", "/api/v1/poll",
			[]string{"Origin", "null"}, 403},
		{"a webhook with an origin", "POST", "localhost", "/webhooks/github",
			[]string{"Origin", "https://forge.example.com"}, 202},
	} {
		t.Run(test.name, func(t *testing.T) {
			polls := 0
			r := httptest.NewRequest(test.method, test.path, nil)
			r.Host = test.host
			for i := 0; i < len(test.header); i += 2 {
				r.Header.Set(test.header[i], test.header[i+1])
			}
			w := httptest.NewRecorder()
			fullServer(Access{}, &polls).Handler().ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("status %d, %s; want %d", w.Code, w.Body, test.want)
			}
			if acted := test.path == "/api/v1/poll" && test.want == 202; (polls == 1) != acted {
				t.Errorf("polled %d times", polls)
			}
			if w.Code >= 400 && strings.Contains(w.Body.String(), "0123456") {
				t.Errorf("the error shows the state: %s", w.Body)
			}
		})
	}
}

func TestEveryRouteNeedsTheRightToken(t *testing.T) {
	access, read, act := withTokens(t)
	credentials := map[string]string{"no token": "", "a wrong token": "Bearer roster_guess",
		"an empty token": "Bearer ", "another scheme": "Digest " + act, "the role read": "Bearer " + read,
		"the role act": "bearer " + act,
		"a password":   "basic:" + read}
	for _, test := range []struct {
		path, method string
		open         bool
		act          bool // requires the role act
	}{
		{path: "/"}, {path: "/explain"}, {path: "/api/v1/status"}, {path: "/metrics"}, {path: "/nowhere"},
		{path: "/api/v1/explain/user/u-1"}, {path: "/saml"}, {path: "/webhooks"}, {path: "/healthz/x"},
		{path: "/api/v1/poll", method: "POST", act: true},
		{path: "/healthz", open: true}, {path: "/readyz", open: true},
		{path: "/webhooks/github", method: "POST", open: true},
		{path: "/saml/aws/login.example.com/metadata.xml", open: true},
	} {
		for name, credential := range credentials {
			t.Run(test.path+" with "+name, func(t *testing.T) {
				polls := 0
				if test.method == "" {
					test.method = "GET"
				}
				r := httptest.NewRequest(test.method, "https://roster.example.com"+test.path, nil)
				if password, basic := strings.CutPrefix(credential, "basic:"); basic {
					r.SetBasicAuth("anyone", password)
				} else if credential != "" {
					r.Header.Set("Authorization", credential)
				}
				w := httptest.NewRecorder()
				fullServer(access, &polls).Handler().ServeHTTP(w, r)
				mayRead, mayAct := strings.Contains(name, "role") || name == "a password", name == "the role act"
				switch {
				case test.open || mayAct || mayRead && !test.act:
					if w.Code == 401 || w.Code == 403 {
						t.Errorf("status %d", w.Code)
					}
				case mayRead:
					if w.Code != 403 {
						t.Errorf("status %d; want 403", w.Code)
					}
				case w.Code != 401 || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer "):
					t.Errorf("status %d, %v; want 401", w.Code, w.Header())
				}
				if (polls == 1) != (test.act && mayAct) {
					t.Errorf("polled %d times", polls)
				}
				if strings.Contains(w.Body.String(), read) || strings.Contains(w.Body.String(), act) {
					t.Error("the response shows a token")
				}
			})
		}
	}
}

func TestABrowserIsAskedForThePassword(t *testing.T) {
	access, read, _ := withTokens(t)
	polls := 0
	handler := fullServer(access, &polls).Handler()
	r := httptest.NewRequest("GET", "https://roster.example.com/", nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Basic realm="roster"` {
		t.Errorf("status %d, %v", w.Code, w.Header())
	}
	r.SetBasicAuth("", read)
	w = httptest.NewRecorder()
	if handler.ServeHTTP(w, r); w.Code != 200 {
		t.Errorf("with the token as the password: status %d", w.Code)
	}
}

func TestOnlyAllowedHostNamesAreServed(t *testing.T) {
	access, read, _ := withTokens(t)
	polls := 0
	for _, test := range []struct {
		host, path string
		want       int
	}{
		{"roster.example.com", "/", 200}, {"ROSTER.example.com:443", "/", 200}, {"localhost:8741", "/", 200},
		{"example.com", "/", 421}, {"evil.roster.example.com", "/", 421}, {"10.0.0.7:8741", "/", 421},
		{"10.0.0.7:8741", "/healthz", 200}, {"10.0.0.7:8741", "/readyz", 200}, // probes of Kubernetes
		{"10.0.0.7:8741", "/webhooks/github", 421},
	} {
		r := httptest.NewRequest("GET", test.path, nil)
		r.Host = test.host
		r.Header.Set("Authorization", "Bearer "+read)
		w := httptest.NewRecorder()
		if fullServer(access, &polls).Handler().ServeHTTP(w, r); w.Code != test.want {
			t.Errorf("%s%s: status %d; want %d", test.host, test.path, w.Code, test.want)
		}
	}
}

func TestReadinessHasNoDetailWithoutAuthentication(t *testing.T) {
	access, read, _ := withTokens(t)
	s := &Server{State: func() daemon.State { return brokenState(false) }, Access: access}
	for token, want := range map[string]string{"": "ready\n", "Bearer guess": "ready\n",
		"Bearer " + read: "the branch is \\u003cgone\\u003e"} {
		r := httptest.NewRequest("GET", "https://roster.example.com/readyz", nil)
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		detail := strings.Contains(w.Body.String(), "audit") || strings.Contains(w.Body.String(), "aws")
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) || detail != (token == "Bearer "+read) {
			t.Errorf("with %q: %d %q; want 200 with %q", token, w.Code, w.Body, want)
		}
	}
}

func TestReadinessShowsAQuarantineOnlyToCallersWhoMayRead(t *testing.T) {
	access, read, _ := withTokens(t)
	state := quarantinedState()
	state.InvalidReason = ""
	s := &Server{State: func() daemon.State { return state }, Access: access}
	for token, lines := range map[string]int{"": 0, "Bearer guess": 0, "Bearer " + read: 2} {
		r := httptest.NewRequest("GET", "https://roster.example.com/readyz", nil)
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if n := strings.Count(w.Body.String(), `"kind"`); w.Code != 200 || n != lines {
			t.Errorf("with %q: %d %q; want %d problems", token, w.Code, w.Body, lines)
		}
	}
}

func TestReadinessSaysThatACommitIsRefused(t *testing.T) {
	const refused = "the newest commit is refused; the last valid commit stays in force"
	access, read, _ := withTokens(t)
	valid := exampleState()
	valid.InvalidReason = ""
	for _, test := range []struct {
		name, token string
		state       daemon.State
		want        bool
	}{
		{"a refused commit", "Bearer " + read, exampleState(), true},
		{"a refused commit, without authentication", "", exampleState(), false},
		{"no refused commit", "Bearer " + read, valid, false},
	} {
		s := &Server{State: func() daemon.State { return test.state }, Access: access}
		r := httptest.NewRequest("GET", "https://roster.example.com/readyz", nil)
		r.Header.Set("Authorization", test.token)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != 200 || strings.Contains(w.Body.String(), refused) != test.want {
			t.Errorf("%s: %d %q", test.name, w.Code, w.Body)
		}
	}
}

// TestEveryResponseHasStrictHeaders asks for every route and for errors of every kind.
func TestEveryResponseHasStrictHeaders(t *testing.T) {
	access, read, _ := withTokens(t)
	polls := 0
	for _, test := range []struct{ method, target, token string }{
		{"GET", "/", read}, {"GET", "/users/x", read}, {"GET", "/find?q=x", read}, {"GET", "/style.css", read},
		{"GET", "/api/v1/status", read}, {"GET", "/api/v1/explain/user/x", read}, {"GET", "/metrics", read},
		{"GET", "/healthz", ""}, {"GET", "/readyz", ""}, {"GET", "/nowhere", read}, {"POST", "/", read},
		{"PUT", "/api/v1/status", read}, {"POST", "/api/v1/poll", read}, {"GET", "/", ""}, {"GET", "/", "wrong"},
		{"GET", "//x/../", read}, {"POST", "/webhooks/github", ""},
		{"GET", "/saml/aws/login.example.com/metadata.xml", ""},
		{"GET", "/saml/broken/login.example.com/metadata.xml", ""},
		{"GET", "/saml/x", ""}, {"GET", "https://evil.example.com/", read},
	} {
		r := httptest.NewRequest(test.method, test.target, nil)
		if r.Host == "example.com" {
			r.Host = "roster.example.com"
		}
		if test.token != "" {
			r.Header.Set("Authorization", "Bearer "+test.token)
		}
		w := httptest.NewRecorder()
		fullServer(access, &polls).Handler().ServeHTTP(w, r)
		h := w.Header()
		for name, part := range map[string]string{"Content-Security-Policy": "default-src 'none'",
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
			"Cross-Origin-Resource-Policy": "same-origin"} {
			if !strings.Contains(h.Get(name), part) {
				t.Errorf("%s %s (%d): %s is %q", test.method, test.target, w.Code, name, h.Get(name))
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s %s: the policy is %q", test.method, test.target, policy)
		}
		public := strings.HasPrefix(test.target, "/saml/aws/") || test.target == "/style.css"
		if stored := h.Get("Cache-Control") != "no-store"; stored != public {
			t.Errorf("%s %s (%d): Cache-Control is %q", test.method, test.target, w.Code, h.Get("Cache-Control"))
		}
		if secure := h.Get("Strict-Transport-Security") != ""; secure != (r.TLS != nil) {
			t.Errorf("%s %s: with TLS %v, Strict-Transport-Security %v", test.method, test.target, r.TLS != nil, secure)
		}
	}
}
