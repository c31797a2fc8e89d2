package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

// methods are tried at every path, whether the API has them or not.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "SYNC"}

// otherPaths are the paths of the daemon that the description of the API does not have.
var otherPaths = []string{"/", "/provisioners/aws", "/provisioners/aws/changes", "/operations", "/deadlines",
	"/find?q=a",
	"/users/u-1002", "/webhooks/github", "/login/callback?code=x&state=y", "/api/v1/nowhere", "/metrics/x"}

// rolesDaemon is a daemon that authenticates with API tokens and at npm's oidc-provider.
type rolesDaemon struct {
	*daemonProcess
	sim      *simulator
	provider *foreign.AuthServer
	// read and act are API tokens.
	read, act string
}

// audience is that of access tokens for the daemon.
const audience = "https://roster.example.com"

func newRolesDaemon(t *testing.T) *rolesDaemon {
	t.Helper()
	sim, stop := startSimulator("aws", awssim.Options{})
	t.Cleanup(stop)
	d := &rolesDaemon{newDaemonProcess(t, sim), sim, foreign.StartAuthServer(t, canary), "", ""}
	tokens := filepath.Join(d.home, "tokens")
	for role, token := range map[string]*string{"read": &d.read, "act": &d.act} {
		*token = strings.TrimSpace(expect(t, d.home, 0, "token", "new", "of-"+role, "--role", role, "--api-tokens",
			tokens))
	}
	d.env = append(d.env, "ROSTER_OIDC_CLIENT_SECRET="+canary)
	address := freeAddress(t)
	d.start("--listen", address, "--public-url", "http://"+address, "--api-tokens", tokens, "--poll", "1h",
		"--rate-limit-acts", "0", "--oidc-issuer", d.provider.URL, "--oidc-client-id", "roster-pages",
		"--oidc-audience", audience, "--oidc-scopes", "email,roles", "--oidc-read", "auditors",
		"--oidc-act", "platform")
	d.wantOutcome(reconcile.RunApplied)
	return d
}

// accessToken returns a token of the provider with a role.
func (d *rolesDaemon) accessToken(role, audience string) string {
	d.t.Helper()
	if err := d.provider.SignIn("roster", role); err != nil {
		d.t.Fatal(err)
	}
	token, err := d.provider.AccessToken(canary, audience)
	if err != nil {
		d.t.Fatal(err)
	}
	return token
}

// expired returns a token with the role act that ended an hour ago.
func (d *rolesDaemon) expired() string {
	d.t.Helper()
	if err := d.provider.Advance(-4200); err != nil {
		d.t.Fatal(err)
	}
	token := d.accessToken("platform", audience)
	if err := d.provider.Advance(4200); err != nil {
		d.t.Fatal(err)
	}
	return token
}

// session returns a browser that has signed in with a role.
func (d *rolesDaemon) session(user, role string) *http.Client {
	d.t.Helper()
	if err := d.provider.SignIn(user, role); err != nil {
		d.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	html := func(r *http.Request) { r.Header.Set("Accept", "text/html") }
	if status, body := d.request(browser, "GET", "/operations", html); status != 200 {
		d.t.Fatalf("sign in as %s: %d %s", user, status, body)
	}
	return browser
}

// status returns the status of the response to a request, and does not wait for the end of a
// stream.
func (d *rolesDaemon) status(client *http.Client, token, method, path string) int {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(d.address, "/")+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := client.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// paths returns the paths of the description of the API, and the other ones.
func (d *rolesDaemon) paths() (paths []string) {
	d.t.Helper()
	status, body := d.request(http.DefaultClient, "GET", "/api/v1/openapi.json", func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+d.read)
	})
	var doc struct {
		Paths map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || status != 200 {
		d.t.Fatal(status, err)
	}
	for path := range doc.Paths {
		paths = append(paths, strings.NewReplacer("provisioners/{key}", "provisioners/aws", "{key}", "u-1002", "{id}",
			"x").Replace(path))
	}
	if len(paths) < 10 {
		d.t.Fatalf("the description has only the paths %q", paths)
	}
	return slices.Sorted(slices.Values(append(paths, otherPaths...)))
}

// snapshot returns everything that an act would change: the branches, AWS, and the operations.
func (d *rolesDaemon) snapshot() string {
	d.t.Helper()
	_, operations := d.request(http.DefaultClient, "GET", "/api/v1/operations", func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+d.read)
	})
	directory, err := json.Marshal(d.sim.State())
	if err != nil {
		d.t.Fatal(err)
	}
	return fmt.Sprint(git(d.t, d.bare, "for-each-ref"), d.sim.Calls().Total, string(directory), operations)
}

// TestOnlyTheRoleActActs tries every method at every path with credentials that must not act.
// Nothing succeeds that is not a read, and nothing changes.
func TestOnlyTheRoleActActs(t *testing.T) {
	t.Parallel()
	d := newRolesDaemon(t)
	before, paths := d.snapshot(), d.paths()
	reader := d.session("rita", "auditors")
	for _, test := range []struct {
		name   string
		client *http.Client
		token  string
		reads  bool
	}{
		{"an access token with the role read", http.DefaultClient, d.accessToken("auditors", audience), true},
		{"an API token with the role read", http.DefaultClient, d.read, true},
		{"a session with the role read", reader, "", true},
		{"an access token without a role", http.DefaultClient, d.accessToken("guests", audience), false},
		{"an access token for another audience", http.DefaultClient,
			d.accessToken("platform", "https://other.example.com"), false},
		{"an access token that has ended", http.DefaultClient, d.expired(), false},
		{"an access token with another signature", http.DefaultClient,
			forged(d.accessToken("platform", audience), d.accessToken("auditors", audience)), false},
		{"a wrong API token", http.DefaultClient, "roster_guess", false},
		{"nothing", http.DefaultClient, "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			reads := 0
			for _, path := range paths {
				for _, method := range methods {
					status := d.status(test.client, test.token, method, path)
					open := path == "/healthz" || path == "/readyz"
					switch read := method == "GET" || method == "HEAD"; {
					case status < 400 && !read:
						t.Errorf("%s %s: status %d", method, path, status)
					case status < 400 && !open && !test.reads:
						t.Errorf("%s %s: status %d, want a refusal", method, path, status)
					case status < 400 && !open:
						reads++
					}
				}
			}
			if (reads > 20) != test.reads {
				t.Errorf("%d requests read something; want that: %t", reads, test.reads)
			}
		})
	}
	if after := d.snapshot(); after != before {
		t.Errorf("something has changed: before\n%s\nafter\n%s", before, after)
	}
	for name, token := range map[string]string{"an API token": d.act, "an access token": d.accessToken("platform",
		audience)} {
		if status := d.status(http.DefaultClient, token, "POST", "/api/v1/provisioners/aws/sync"); status != 202 {
			t.Errorf("%s with the role act: status %d, want 202", name, status)
		}
		d.wantOutcome(reconcile.RunInSync)
	}
	if after := d.snapshot(); after == before {
		t.Error("the snapshot does not notice a run")
	}
	d.stop()
}

// forged returns a token with the signature of another one.
func forged(token, other string) string {
	return token[:strings.LastIndex(token, ".")] + other[strings.LastIndex(other, "."):]
}
