package webauth

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const canary = "canary-5b0c91"

// provider is an OpenID Connect provider that answers as a test wants. Every user is signed in.
type provider struct {
	*httptest.Server
	t      *testing.T
	key    *rsa.PrivateKey
	claims jwt.MapClaims // of the ID token, in addition to the usual ones, or instead of them
	info   map[string]any
	sign   func(claims jwt.MapClaims) string

	challenge, nonce, code string
	down, refuses          bool
	requests               int // of discovery
	keyRequests            int
}

var signingKey = func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}()

func newProvider(t *testing.T) *provider {
	p := &provider{t: t, key: signingKey, claims: jwt.MapClaims{}}
	p.sign = func(claims jwt.MapClaims) string { return signWith(t, jwt.SigningMethodRS256, p.key, claims) }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.requests++
		if p.down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		writeJSON(w, map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth",
			"token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys", "userinfo_endpoint": p.URL + "/userinfo",
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		p.keyRequests++
		encode := base64.RawURLEncoding.EncodeToString
		writeJSON(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
			"n": encode(signingKey.N.Bytes()), "e": encode(big.NewInt(int64(signingKey.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /auth", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /userinfo", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, p.info) })
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func signWith(t *testing.T, method jwt.SigningMethod, key any, claims jwt.MapClaims) string {
	token := jwt.NewWithClaims(method, claims)
	token.Header["kid"] = "1"
	text, err := token.SignedString(key)
	if err != nil {
		t.Error(err)
	}
	return text
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p.challenge, p.nonce, p.code = q.Get("code_challenge"), q.Get("nonce"), rand.Text()
	if q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" ||
		!strings.Contains(q.Get("scope"), "openid") {
		p.t.Errorf("the request of the code is %v", q)
	}
	answer := url.Values{"code": {p.code}, "state": {q.Get("state")}}
	if p.refuses {
		answer = url.Values{"error": {"access_denied"}, "error_description": {canary}, "state": {q.Get("state")}}
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if r.PostFormValue("code") != p.code || p.challenge != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		writeJSON(w, map[string]any{"error": "invalid_grant", "error_description": canary})
		return
	}
	p.code = "used"
	claims := jwt.MapClaims{"iss": p.URL, "aud": "roster", "sub": "u-1", "nonce": p.nonce, "iat": noon.Unix(),
		"exp": noon.Add(time.Minute).Unix()}
	for name, value := range p.claims {
		claims[name] = value
	}
	writeJSON(w, map[string]any{"access_token": canary, "token_type": "Bearer", "id_token": p.sign(claims)})
}

// site is a server with a page that needs a session, and a browser.
type site struct {
	*httptest.Server
	oidc    *OIDC
	browser *http.Client
	now     time.Time
	log     bytes.Buffer
}

func newSite(t *testing.T, p *provider) *site {
	s := &site{now: noon}
	mux := http.NewServeMux()
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(func() {
		if strings.Contains(s.log.String(), canary) {
			t.Errorf("the log has a secret:\n%s", &s.log)
		}
	})
	public, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.oidc, err = NewOIDC(OIDCConfig{Issuer: p.URL, ClientID: "roster", ClientSecret: canary, PublicURL: public,
		RolesClaim: "realm_access.roles", ReadRoles: []string{"viewer"}, ActRoles: []string{"operator"},
		Audience: "https://roster.example.com",
		Log:      slog.New(slog.NewTextHandler(&s.log, nil)), Now: func() time.Time { return s.now }})
	if err != nil {
		t.Fatal(err)
	}
	a := &Authenticator{OIDC: s.oidc}
	a.Routes(mux)
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, r *http.Request) {
		caller, ok := a.Authenticate(r)
		if !ok {
			a.Challenge(w, r, func(w http.ResponseWriter, _ *http.Request, code int, text string) {
				http.Error(w, text, code)
			})
			return
		}
		_, _ = io.WriteString(w, caller.Name+" "+caller.Role.String()+" "+r.URL.RawQuery)
	})
	s.browser = newBrowser(t)
	return s
}

func newBrowser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// open opens a page, follows redirects, and returns the last response.
func (s *site) open(t *testing.T, path string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequest("GET", s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	res, err := s.browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), canary) {
		t.Errorf("the page has a secret: %s", b)
	}
	return res.StatusCode, string(b)
}

func TestUsersSignIn(t *testing.T) {
	roles := func(list ...any) jwt.MapClaims {
		return jwt.MapClaims{"realm_access": map[string]any{"roles": list}}
	}
	for _, test := range []struct {
		name   string
		claims jwt.MapClaims
		info   map[string]any
		want   string
	}{
		{"a reader", roles("x", "viewer"), nil, "u-1 read q=1"},
		{"an operator", roles("operator"), nil, "u-1 act q=1"},
		{"both", roles("operator", "viewer"), nil, "u-1 act q=1"},
		{"neither", roles("admin", 7), nil, "u-1 none q=1"},
		{"one role as text", jwt.MapClaims{"realm_access.roles": "viewer"}, nil, "u-1 read q=1"},
		{"no claim at all", nil, map[string]any{"sub": "u-1"}, "u-1 none q=1"},
		{"roles at the userinfo endpoint", nil, map[string]any{"sub": "u-1", "email": "ann@example.com",
			"realm_access": map[string]any{"roles": []string{"viewer"}}}, "ann@example.com read q=1"},
		{"a claim that is no list", jwt.MapClaims{"realm_access": "viewer"}, map[string]any{"sub": "u-1"},
			"u-1 none q=1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProvider(t)
			p.claims, p.info = test.claims, test.info
			s := newSite(t, p)
			if status, text := s.open(t, "/page?q=1"); status != 200 || text != test.want {
				t.Errorf("%d %q; want %q\n%s", status, text, test.want, &s.log)
			}
		})
	}
}

func TestForgedIDTokensAreRejected(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(t)
	p.info = map[string]any{"sub": "u-1"}
	if status, text := newSite(t, p).open(t, "/page"); status != 200 {
		t.Fatalf("a valid ID token: %d %s", status, text)
	}
	for _, test := range []struct {
		name   string
		claims jwt.MapClaims
		sign   func(p *provider) func(jwt.MapClaims) string
	}{
		{"another nonce", jwt.MapClaims{"nonce": "x"}, nil},
		{"no nonce", jwt.MapClaims{"nonce": ""}, nil},
		{"another audience", jwt.MapClaims{"aud": "other"}, nil},
		{"another issuer", jwt.MapClaims{"iss": "https://evil.example.com"}, nil},
		{"expired", jwt.MapClaims{"exp": noon.Add(-time.Minute).Unix()}, nil},
		{"another key", nil, func(p *provider) func(jwt.MapClaims) string {
			return func(c jwt.MapClaims) string { return signWith(p.t, jwt.SigningMethodRS256, other, c) }
		}},
		{"no signature", nil, func(p *provider) func(jwt.MapClaims) string {
			return func(c jwt.MapClaims) string {
				return signWith(p.t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, c)
			}
		}},
		{"signed with the client secret", nil, func(p *provider) func(jwt.MapClaims) string {
			return func(c jwt.MapClaims) string { return signWith(p.t, jwt.SigningMethodHS256, []byte(canary), c) }
		}},
		{"no ID token", nil, func(*provider) func(jwt.MapClaims) string {
			return func(jwt.MapClaims) string { return "" }
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProvider(t)
			p.claims, p.info = test.claims, map[string]any{"sub": "u-1"} // everything else is valid
			if test.sign != nil {
				p.sign = test.sign(p)
			}
			s := newSite(t, p)
			if status, text := s.open(t, "/page"); status != 403 || !strings.Contains(text, "failed") {
				t.Errorf("%d %q; want 403", status, text)
			}
			for _, c := range s.browser.Jar.Cookies(mustURL(t, s.URL)) {
				t.Errorf("the browser has the cookie %s", c.Name)
			}
		})
	}
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestAUserinfoOfAnotherUserIsRejected(t *testing.T) {
	p := newProvider(t)
	p.info = map[string]any{"sub": "u-2", "realm_access": map[string]any{"roles": []string{"operator"}}}
	if status, text := newSite(t, p).open(t, "/page"); status != 403 {
		t.Errorf("%d %q; want 403", status, text)
	}
}

func TestARefusedSignInHasNoTextOfTheProvider(t *testing.T) {
	p := newProvider(t)
	p.refuses = true
	s := newSite(t, p)
	if status, text := s.open(t, "/page"); status != 403 || !strings.Contains(s.log.String(), "access_denied") {
		t.Errorf("%d %q, %s", status, text, &s.log)
	}
}

// A website can send a browser to the callback with a code of its own.
func TestACallbackOfAnotherBrowserIsRejected(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p)
	s.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := s.browser.Get(s.URL + "/login")
	if err != nil {
		t.Fatal(err)
	}
	state := mustURL(t, res.Header.Get("Location")).Query().Get("state")
	victim := newBrowser(t)
	for _, test := range []struct {
		name    string
		browser *http.Client
		query   string
	}{
		{"without the cookie of the sign-in", victim, "code=x&state=" + state},
		{"with another state", s.browser, "code=x&state=guess"},
		{"without a state", s.browser, "code=x"},
	} {
		res, err := test.browser.Get(s.URL + "/login/callback?" + test.query)
		if err != nil || res.StatusCode != 400 {
			t.Errorf("%s: %v, %v; want 400", test.name, res, err)
		}
	}
	s.now = noon.Add(signInDuration)
	if res, err := s.browser.Get(s.URL + "/login/callback?code=x&state=" + state); err != nil || res.StatusCode != 400 {
		t.Errorf("too late: %v, %v; want 400", res, err)
	}
}

func TestSessionsEnd(t *testing.T) {
	p := newProvider(t)
	p.claims = jwt.MapClaims{"realm_access": map[string]any{"roles": []string{"viewer"}}}
	s := newSite(t, p)
	signedIn := func() bool {
		s.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		defer func() { s.browser.CheckRedirect = nil }()
		status, _ := s.open(t, "/page")
		return status == 200
	}
	if s.open(t, "/page"); !signedIn() {
		t.Fatalf("not signed in:\n%s", &s.log)
	}
	stolen := s.browser.Jar.Cookies(mustURL(t, s.URL))
	if s.now = noon.Add(sessionDuration); signedIn() {
		t.Error("the session is longer than its duration")
	}
	if s.now = noon.Add(sessionDuration - time.Second); !signedIn() {
		t.Error("the session has ended early")
	}
	res, err := s.browser.Post(s.URL+"/logout", "", nil)
	if err != nil || res.StatusCode != 200 || signedIn() {
		t.Errorf("after the sign-out: %v, %v", res, err)
	}
	s.browser.Jar.SetCookies(mustURL(t, s.URL), stolen)
	if signedIn() {
		t.Error("a copy of the cookie is valid after the sign-out")
	}
}

func TestCookies(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p)
	s.oidc.config.PublicURL = mustURL(t, "https://roster.example.com")
	s.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	res, err := s.browser.Get(s.URL + "/login?return=/page")
	if err != nil || len(res.Cookies()) != 1 {
		t.Fatal(res, err)
	}
	c := res.Cookies()[0]
	if !strings.HasPrefix(c.Name, "__Host-") || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode ||
		c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %v", c)
	}
	raw, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil || bytes.Contains(raw, []byte("page")) {
		t.Errorf("the cookie is readable: %q, %v", raw, err)
	}
	// A cookie of a sign-in is not a session, and an altered cookie is none.
	session, err := s.oidc.sealer.seal("__Host-roster_session", session{ID: "x", Name: "eve", Role: RoleAct,
		Expires: noon.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]bool{session: true, c.Value: false, session[:len(session)-2] + "AA": false,
		"": false, "x": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(&http.Cookie{Name: "__Host-roster_session", Value: value})
		if _, ok := s.oidc.Authenticate(r); ok != want {
			t.Errorf("a cookie of %d bytes authenticates: %v; want %v", len(value), ok, want)
		}
	}
}

func TestTheReturnAddressIsOfThisServer(t *testing.T) {
	for path, want := range map[string]string{"/": "/", "/explain?key=a b": "/explain?key=a b", "/a/b#c": "/a/b#c",
		"": "/", "page": "/", "https://evil.example.com/": "/", "//evil.example.com": "/", "/\\evil.example.com": "/",
		"\\/evil.example.com": "/", "/\t/evil.example.com": "/", "/\n/evil.example.com": "/",
		"javascript:alert(1)": "/",
		"/login":              "/", "/login/callback?code=1": "/", "/" + strings.Repeat("x", 3000): "/", "/%": "/"} {
		if have := localPath(path); have != want {
			t.Errorf("%q: %q; want %q", path, have, want)
		}
	}
}

func TestAProviderThatIsDownIsAskedAgain(t *testing.T) {
	p := newProvider(t)
	p.down = true
	s := newSite(t, p)
	for range 5 {
		if status, _ := s.open(t, "/page"); status != 503 {
			t.Fatalf("status %d; want 503", status)
		}
	}
	if p.requests != 1 {
		t.Errorf("%d requests to the provider; want 1", p.requests)
	}
	p.down, s.now = false, noon.Add(discoveryInterval)
	if status, text := s.open(t, "/page"); status != 200 && status != 403 {
		t.Errorf("%d %s", status, text)
	}
}

func TestInvalidIssuers(t *testing.T) {
	for issuer, ok := range map[string]bool{"https://login.example.com": true, "http://127.0.0.1:8080": true,
		"http://login.example.com": false, "login.example.com": false, "": false, "ftp://login.example.com": false} {
		_, err := NewOIDC(OIDCConfig{Issuer: issuer, PublicURL: &url.URL{Scheme: "https", Host: "roster.example.com"}})
		if (err == nil) != ok {
			t.Errorf("%q: %v", issuer, err)
		}
	}
}

func TestAnAPIClientIsNotSentToTheSignIn(t *testing.T) {
	p := newProvider(t)
	s := newSite(t, p)
	res, err := http.Get(s.URL + "/page") // without Accept: text/html
	if err != nil || res.StatusCode != 401 {
		t.Errorf("%v, %v; want 401", res, err)
	}
}

func TestRevocationsAreBounded(t *testing.T) {
	r := revocations{}
	for i := range maxRevocations + 10 {
		r.add(rand.Text(), noon.Add(time.Duration(i+1)*time.Second), noon)
	}
	if len(r) != maxRevocations {
		t.Errorf("%d sessions; want %d", len(r), maxRevocations)
	}
	r.add("x", noon.Add(240*time.Hour), noon.Add(100*time.Hour))
	if len(r) != 1 {
		t.Errorf("%d sessions after all others have ended", len(r))
	}
}
