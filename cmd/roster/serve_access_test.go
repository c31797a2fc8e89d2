package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

func TestServeRefusesToShowEverybodyWhoHasAccess(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for _, flags := range [][]string{
		{"--listen", "0.0.0.0:0"}, {"--listen", ":0"}, {"--listen", "[::]:0"}, {"--listen", "192.0.2.7:8741"},
		{"--listen", "0.0.0.0:0", "--behind-proxy"}, {"--listen", "127.0.0.1:0", "--behind-proxy"},
	} {
		args := append([]string{"serve", "--repo", "file:///does/not/exist"}, flags...)
		out := expect(t, home, exitUsage, args...)
		if !strings.Contains(out, "the pages show who has access to what; add ") ||
			!strings.Contains(out, "--api-tokens") {
			t.Errorf("%q: %s", flags, out)
		}
	}
	if files, err := filepath.Glob(filepath.Join(home, "*")); err != nil || len(files) > 0 {
		t.Errorf("it created %q, %v", files, err)
	}
}

// request sends a request to the daemon, and returns the status and the body.
func (d *daemonProcess) request(client *http.Client, method, path string, change func(*http.Request)) (int, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), method, d.address+strings.TrimPrefix(path, "/"), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	res, err := client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestServeAnswersOnlyForNamesOfThisMachine(t *testing.T) {
	t.Parallel()
	_, d := newAppliedDaemon(t)
	for _, path := range []string{"/", "/api/v1/status", "/api/v1/explain/user/u-1002", "/metrics", "/readyz"} {
		status, body := d.request(http.DefaultClient, "GET", path,
			func(r *http.Request) { r.Host = "evil.example.com" })
		if status != http.StatusMisdirectedRequest || strings.Contains(body, "bram") {
			t.Errorf("GET %s for a foreign name: %d %s", path, status, body)
		}
		if status, _ := d.get(path); status != 200 {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	d.stop()
}

func TestServeWithAPITokens(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	tokens := filepath.Join(d.home, "tokens")
	newToken := func(args ...string) string {
		args = append([]string{"token", "new", "--api-tokens", tokens}, args...)
		return strings.TrimSpace(expect(t, d.home, 0, args...))
	}
	read, act := newToken("reader"), newToken("actor", "--role", "act")
	d.start("--api-tokens", tokens, "--behind-proxy", "--host-name", "roster.example.com", "--poll", "1h")
	d.wantOutcome(reconcile.RunApplied)
	status := func(method, path, token string) int {
		code, body := d.request(http.DefaultClient, method, path, func(r *http.Request) {
			r.Host = "roster.example.com"
			r.Header.Set("X-Forwarded-For", "192.0.2.7")
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
		})
		if code >= 400 && strings.Contains(body, "bram") {
			t.Errorf("%s %s shows a user: %s", method, path, body)
		}
		return code
	}
	for _, test := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/api/v1/status", "", 401}, {"GET", "/api/v1/status", "roster_guess", 401},
		{"GET", "/api/v1/status", read, 200}, {"GET", "/", act, 200}, {"GET", "/metrics", read, 200},
		{"GET", "/healthz", "", 200}, {"GET", "/readyz", "", 200}, {"POST", "/webhooks/github", "", 404},
		{"POST", "/api/v1/poll", read, 403}, {"POST", "/api/v1/poll", "", 401},
	} {
		if have := status(test.method, test.path, test.token); have != test.want {
			t.Errorf("%s %s: %d; want %d", test.method, test.path, have, test.want)
		}
	}
	d.edit("users/security.cue", `email: "mei@example.com", state: "ACTIVE"`,
		`email: "mei@example.com", state: "INACTIVE"`)
	d.push("Mei leaves")
	if code := status("POST", "/api/v1/poll", act); code != 202 {
		t.Errorf("POST /api/v1/poll: %d", code)
	}
	d.wantOutcome(reconcile.RunApplied) // the next poll would be in an hour
	if u, _ := sim.State().User("mei@example.com"); u.Active {
		t.Error("mei is still active")
	}
	content, err := os.ReadFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte(read)) || bytes.Contains(content, []byte(act)) {
		t.Error("the file has a token")
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	if err := os.WriteFile(tokens, append(first, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := status("GET", "/api/v1/status", act); code != 401 {
		t.Errorf("with a token that was removed: %d", code)
	}
	later := newToken("later")
	if a, b := status("GET", "/api/v1/status", read), status("GET", "/api/v1/status", later); a != 200 || b != 200 {
		t.Errorf("with the token that stayed %d, with a new one %d", a, b)
	}
	d.stop()
	for _, token := range []string{read, act} {
		if found, err := filesContaining(t.Context(), d.home, token); err != nil || len(found) > 0 {
			t.Errorf("a token is in %v (%v)", found, err)
		}
	}
}

// TestServeWithOpenIDConnect signs users in at npm's oidc-provider.
func TestServeWithOpenIDConnect(t *testing.T) {
	t.Parallel()
	provider := foreign.StartAuthServer(t, canary)
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	d.env = append(d.env, "ROSTER_OIDC_CLIENT_SECRET="+canary)
	address := freeAddress(t)
	d.start("--listen", address, "--public-url", "http://"+address, "--oidc-issuer", provider.URL,
		"--oidc-client-id", "roster-pages", "--oidc-scopes", "email,roles", "--oidc-read", "staff,auditors",
		"--oidc-act", "platform")
	d.wantOutcome(reconcile.RunApplied)
	html := func(r *http.Request) { r.Header.Set("Accept", "text/html") }
	for _, test := range []struct {
		name, user string
		roles      []string
		read, act  int
	}{
		{"a user with the role read", "rita", []string{"guests", "auditors"}, 200, 403},
		{"a user with the role act", "anna", []string{"platform"}, 200, 202},
		{"a user without a role", "otto", []string{"guests"}, 403, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := provider.SignIn(test.user, test.roles...); err != nil {
				t.Fatal(err)
			}
			jar, err := cookiejar.New(nil)
			if err != nil {
				t.Fatal(err)
			}
			browser := &http.Client{Jar: jar}
			status, body := d.request(browser, "GET", "/users/u-1002", html)
			if status != test.read || strings.Contains(body, "bram@example.com") != (status == 200) {
				t.Errorf("the page that the user asked for: %d %s; want %d", status, body, test.read)
			}
			if status, _ := d.request(browser, "GET", "/api/v1/status", nil); status != test.read {
				t.Errorf("the API: %d; want %d", status, test.read)
			}
			if status, _ := d.request(browser, "POST", "/api/v1/poll", nil); status != test.act {
				t.Errorf("an action: %d; want %d", status, test.act)
			}
			if status, _ := d.request(browser, "POST", "/api/v1/poll", func(r *http.Request) {
				r.Header.Set("Origin", "https://evil.example.com")
			}); status != 403 {
				t.Errorf("an action of another website: %d; want 403", status)
			}
			wantOpaqueCookies(t, jar, address, test.user)
			if status, _ := d.request(browser, "POST", "/logout", nil); status != 200 {
				t.Errorf("the sign-out: %d", status)
			}
			if status, _ := d.request(browser, "GET", "/api/v1/status", nil); status != 401 {
				t.Errorf("after the sign-out: %d; want 401", status)
			}
		})
	}
	if status, _ := d.request(http.DefaultClient, "GET", "/api/v1/status", nil); status != 401 {
		t.Errorf("without a session: %d; want 401", status)
	}
	d.stop()
}

func wantOpaqueCookies(t *testing.T, jar http.CookieJar, address, user string) {
	t.Helper()
	cookies := jar.Cookies(&url.URL{Scheme: "http", Host: address, Path: "/"})
	found := false
	for _, c := range cookies {
		found = found || c.Name == "roster_session"
		if strings.Contains(c.Name, "roster") && strings.Contains(c.Value, user) {
			t.Errorf("the cookie %s is readable", c.Name)
		}
	}
	if !found {
		t.Errorf("the browser has no session: %v", cookies)
	}
}

// lastPort is the last port that freeAddress returned.
var lastPort atomic.Int32

// freeAddress returns a loopback address with a free port for a daemon that must know its address
// before it starts. The port is below those that the system gives to listeners and connections, so
// that no other takes it meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	lastPort.CompareAndSwap(0, 20000+int32(os.Getpid()%10000))
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", lastPort.Add(1))
		if listener, err := net.Listen("tcp", address); err == nil {
			listener.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// TestServeKeepsNoSlowConnectionsInMemory opens 144 deliveries that never end, as a sender without
// the secret can. The daemon closes all but a few of them, and still accepts one of the forge.
func TestServeKeepsNoSlowConnectionsInMemory(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	d.env = append(d.env, "ROSTER_WEBHOOK_SECRET="+canary)
	d.start("--poll", "1h")
	d.wantOutcome(reconcile.RunApplied)
	const slow, atOnce = 144, 32
	closed := make(chan struct{}, slow)
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	for range slow {
		address := strings.Trim(strings.TrimPrefix(d.address, "http://"), "/")
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n"+
			"X-Hub-Signature-256: sha256=%s\r\n\r\n%s", strings.Repeat("0", 64), strings.Repeat("x", 4096))
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			closed <- struct{}{}
		}()
	}
	for range slow - atOnce {
		select {
		case <-closed:
		case <-ctx.Done():
			t.Fatal("the daemon waits for slow senders")
		}
	}
	if status, _ := d.get("/healthz"); status != 200 {
		t.Errorf("health: %d", status)
	}
	d.stop()
}
