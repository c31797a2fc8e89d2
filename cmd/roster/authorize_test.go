package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

// tokenProxy forwards requests to a simulator if the authorization server reports their access
// token as active.
type tokenProxy struct {
	mu     sync.Mutex
	tokens []string // the access tokens of all requests
}

func (p *tokenProxy) start(t *testing.T, sim *simulator, auth *foreign.AuthServer) (endpoint string) {
	t.Helper()
	target, err := url.Parse(sim.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Host, r.Out.URL.Scheme = target.Host, target.Scheme
		r.Out.Header.Set("Authorization", "Bearer "+canary+"aws")
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		p.mu.Lock()
		p.tokens = append(p.tokens, token)
		p.mu.Unlock()
		if !active(t, auth, token) {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"detail":"`+token+` is invalid"}`) // a server may echo it
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + target.Path
}

// active asks the authorization server whether a token is active (RFC 7662).
func active(t *testing.T, auth *foreign.AuthServer, token string) bool {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, auth.IntrospectURL(),
		strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Error(err)
		return false
	}
	req.SetBasicAuth("roster", canary+"client")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return false
	}
	defer res.Body.Close()
	var introspection struct{ Active bool }
	if err := json.NewDecoder(res.Body).Decode(&introspection); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("introspection: status %d, %v", res.StatusCode, err)
	}
	return introspection.Active
}

// authorizeInBrowser runs roster authorize and opens the address that it prints.
func authorizeInBrowser(t *testing.T, home string, args ...string) (output string) {
	t.Helper()
	cmd := roster(t.Context(), home, append([]string{"authorize", "--listen", "127.0.0.1:0", "--timeout", "30s"},
		args...)...)
	var out, messages strings.Builder
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for s := bufio.NewScanner(stderr); s.Scan(); {
		if line := s.Text(); strings.HasPrefix(line, "http") {
			res, err := (&http.Client{Jar: jar}).Get(line)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		} else {
			messages.WriteString(line + "\n")
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("roster authorize: %v\n%s%s", err, out.String(), messages.String())
	}
	if slices.Contains(args, "json") {
		validate(t, "authorize", []byte(out.String()))
	}
	return out.String() + messages.String()
}

// TestOAuth tests the states of an authorization: missing, given, access token expired, refresh
// token expired, given again, and changed in Git. roster never writes or prints a secret.
func TestOAuth(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	auth := foreign.StartAuthServer(t, canary+"client")
	proxy := &tokenProxy{}
	home := t.TempDir()
	dir := filepath.Join(home, "d")
	expect(t, home, 0, "init", dir)
	if err := sim.adaptExample(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	provisioner := filepath.Join(dir, "provisioners", "aws.cue")
	edit := func(file, old, new string) {
		t.Helper()
		if err := replace(file, old, new); err != nil {
			t.Fatal(err)
		}
		git(t, dir, "-c", "user.name=Bob", "-c", "user.email=bob@example.com", "commit", "-qam", "Change something")
	}
	declare := func(client string) string {
		return `auth: oauth2: {grant: "authorizationCode", tokenURL: "` + auth.TokenURL() + `", authorizeURL: "` +
			auth.AuthorizeURL() + `", clientID: "` + client +
			`", clientSecret: {file: "client"}, scopes: ["openid", "scim"]}`
	}
	edit(provisioner, sim.endpoint, proxy.start(t, sim, auth))
	edit(provisioner, `auth: token: {env: "ROSTER_SECRET_AWS"}`, declare("roster"))
	secrets := filepath.Join(home, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(secrets, "client"), []byte(canary+"client\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var outputs []string
	step := func(code exitCode, want string, args ...string) {
		t.Helper()
		out := expect(t, home, code, append(args, "--secrets-dir", secrets, "-v")...)
		outputs = append(outputs, out)
		if !strings.Contains(out, want) {
			t.Errorf("roster %v printed\n%s\nwant %q", args, out, want)
		}
	}
	authorize := func() {
		t.Helper()
		outputs = append(outputs, authorizeInBrowser(t, home, "-C", dir, "--secrets-dir", secrets, "-v",
			"--format", "json"))
	}
	advance := func(seconds int) {
		t.Helper()
		if err := auth.Advance(seconds); err != nil {
			t.Fatal(err)
		}
	}

	step(1, "needs authorization: client roster is not authorized at 127.0.0.1", "test", "-C", dir)
	step(1, "run: roster authorize aws", "apply", dir)
	if n := sim.Calls().Total; n != 0 {
		t.Errorf("%d requests were made without authorization", n)
	}
	authorize()
	step(0, "answers reads with this token", "test", "-C", dir)
	step(0, "applied", "apply", dir)
	if n := len(sim.State().Users); n != 36 {
		t.Errorf("the directory has %d users; want 36", n)
	}

	advance(660) // the access token expires early: the run gets a new one
	step(0, "in sync", "apply", dir)

	advance(25 * 3600) // the refresh token expires
	step(1, "401", "plan", dir)
	step(1, "needs authorization", "apply", dir)
	sim.ResetCalls()
	step(1, "invalid_grant", "apply", dir)
	if n := sim.Calls().Total; n != 0 {
		t.Errorf("%d requests were made without authorization", n)
	}
	authorize()
	step(0, "in sync", "apply", dir)

	edit(provisioner, declare("roster"), declare("roster-post"))
	step(1, "needs authorization: the authorization is for another client or server", "apply", dir)
	authorize()
	step(0, "in sync", "apply", dir)
	edit(provisioner, declare("roster-post"), `auth: token: {env: "ROSTER_SECRET_AWS"}`)
	// The proxy requires OAuth.
	step(1, "needs authorization: `auth` was changed in Git, and its test call failed", "apply", dir)
	step(1, "needs authorization", "apply", dir)

	proxy.mu.Lock()
	defer proxy.mu.Unlock()
	for _, secret := range append(proxy.tokens, canary) {
		for _, out := range outputs {
			if strings.Contains(out, secret) {
				t.Fatalf("roster printed a secret: %q", out)
			}
		}
		if found, err := filesContaining(t.Context(), dir, secret); err != nil || len(found) > 0 {
			t.Fatalf("a secret is in %v, %v", found, err)
		}
	}
}
