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
	"strings"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

// gateway stands before a simulator and lets in whoever brings an access token that the authorization server calls active.
type gateway struct {
	mu   sync.Mutex
	seen []string // the access tokens that came
}

func (g *gateway) start(t *testing.T, c *cloud, auth *foreign.AuthServer) (endpoint string) {
	t.Helper()
	behind, err := url.Parse(c.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Host, r.Out.URL.Scheme = behind.Host, behind.Scheme
		r.Out.Header.Set("Authorization", "Bearer "+canary+"aws")
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		g.mu.Lock()
		g.seen = append(g.seen, token)
		g.mu.Unlock()
		if !active(t, auth, token) {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"detail":"`+token+` is no good"}`) // as careless as can be
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + behind.Path
}

// active asks the authorization server (RFC 7662).
func active(t *testing.T, auth *foreign.AuthServer, token string) bool {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, auth.IntrospectURL(), strings.NewReader(url.Values{"token": {token}}.Encode()))
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
	var answer struct{ Active bool }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("introspection answers %d, %v", res.StatusCode, err)
	}
	return answer.Active
}

// authorizeInBrowser runs roster authorize and goes where it says.
func authorizeInBrowser(t *testing.T, home string, args ...string) (output string) {
	t.Helper()
	cmd := roster(t.Context(), home, append([]string{"authorize", "--listen", "127.0.0.1:0", "--timeout", "30s"}, args...)...)
	var out, told strings.Builder
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
			told.WriteString(line + "\n")
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("roster authorize: %v\n%s%s", err, out.String(), told.String())
	}
	return out.String() + told.String()
}

// TestOAuth takes a provisioner through the life of an authorization: none, given, access token ended, refresh token ended, given again,
// and changed in Git. No secret is in anything that roster writes or says.
func TestOAuth(t *testing.T) {
	t.Parallel()
	c, stop := newCloud("aws", awssim.Options{})
	defer stop()
	auth := foreign.StartAuthServer(t, canary+"client")
	g := &gateway{}
	home := t.TempDir()
	dir := filepath.Join(home, "d")
	expect(t, home, 0, "init", dir)
	if err := c.settle(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	pick := filepath.Join(dir, "provisioners", "aws.cue")
	edit := func(file, old, new string) {
		t.Helper()
		if err := replace(file, old, new); err != nil {
			t.Fatal(err)
		}
		git(t, dir, "-c", "user.name=Bob", "-c", "user.email=bob@example.com", "commit", "-qam", "Change something")
	}
	declare := func(client string) string {
		return `auth: oauth2: {grant: "authorizationCode", tokenURL: "` + auth.TokenURL() + `", authorizeURL: "` + auth.AuthorizeURL() + `", clientID: "` + client +
			`", clientSecret: {file: "client"}, scopes: ["openid", "scim"]}`
	}
	edit(pick, c.endpoint, g.start(t, c, auth))
	edit(pick, `auth: token: {env: "ROSTER_AWS_TOKEN"}`, declare("roster"))
	secrets := filepath.Join(home, "secrets")
	if err := os.MkdirAll(secrets, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(secrets, "client"), []byte(canary+"client\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said []string
	step := func(code int, want string, args ...string) {
		t.Helper()
		out := expect(t, home, code, append(args, "--secrets-dir", secrets, "-v")...)
		said = append(said, out)
		if !strings.Contains(out, want) {
			t.Errorf("roster %v says\n%s\nwant %q", args, out, want)
		}
	}
	authorize := func() {
		t.Helper()
		said = append(said, authorizeInBrowser(t, home, "-C", dir, "--secrets-dir", secrets, "-v"))
	}
	advance := func(seconds int) {
		t.Helper()
		if err := auth.Advance(seconds); err != nil {
			t.Fatal(err)
		}
	}

	step(1, "needs authorization: client roster is not authorized at 127.0.0.1", "test", "-C", dir)
	step(1, "run: roster authorize aws", "apply", dir)
	if n := c.Calls().Total; n != 0 {
		t.Errorf("%d calls were made without authorization", n)
	}
	authorize()
	step(0, "answers and accepts the token", "test", "-C", dir)
	step(0, "applied", "apply", dir)
	if n := len(c.State().Users); n != 36 {
		t.Errorf("the directory has %d users; want 36", n)
	}

	advance(660) // the access token ends sooner than the server said: the run fails, and the next one gets another
	step(1, "401", "apply", dir)
	step(0, "in sync", "apply", dir)

	advance(25 * 3600) // the refresh token ends
	step(1, "401", "plan", dir)
	step(1, "needs authorization", "apply", dir)
	c.ResetCalls()
	step(1, "invalid_grant", "apply", dir)
	if n := c.Calls().Total; n != 0 {
		t.Errorf("%d calls were made without authorization", n)
	}
	authorize()
	step(0, "in sync", "apply", dir)

	edit(pick, declare("roster"), declare("roster-post"))
	step(1, "needs authorization: the authorization is for another client or server", "apply", dir)
	authorize()
	step(0, "in sync", "apply", dir)
	edit(pick, declare("roster-post"), `auth: token: {env: "ROSTER_AWS_TOKEN"}`)
	step(1, "needs authorization: `auth` was changed in Git, and its test call failed", "apply", dir) // the gateway wants OAuth's
	step(1, "needs authorization", "apply", dir)

	g.mu.Lock()
	defer g.mu.Unlock()
	for _, secret := range append(g.seen, canary) {
		for _, out := range said {
			if strings.Contains(out, secret) {
				t.Fatalf("roster says %q", out)
			}
		}
		if found, err := holders(t.Context(), dir, secret); err != nil || len(found) > 0 {
			t.Fatalf("a secret is in %v, %v", found, err)
		}
	}
}
