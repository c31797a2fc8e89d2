package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/foreign"
)

// canary is in every secret that a test can choose.
const canary = "canary-77ab0e91"

const minute = time.Minute

// env is a client with a real authorization server. Both have the same clock.
type env struct {
	*Client
	server   *foreign.AuthServer
	requests atomic.Int32  // to the token endpoint
	offset   time.Duration // of the clock
}

// RoundTrip counts requests.
func (e *env) RoundTrip(r *http.Request) (*http.Response, error) {
	e.requests.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

func (e *env) wantRequests(t *testing.T, n int) {
	t.Helper()
	if have := int(e.requests.Swap(0)); have != n {
		t.Errorf("%d requests to the token endpoint; want %d", have, n)
	}
}

// advance lets time pass, here and at the server.
func (e *env) advance(t *testing.T, d time.Duration) {
	t.Helper()
	e.offset += d
	if err := e.server.Advance(int(d.Seconds())); err != nil {
		t.Fatal(err)
	}
}

// newProcess returns a client with the same store, like another process.
func (e *env) newProcess() *Client {
	return &Client{Grant: e.Grant, TokenURL: e.TokenURL, AuthorizeURL: e.AuthorizeURL, ClientID: e.ClientID,
		Scopes: e.Scopes, Secret: e.Secret,
		Store: e.Store, Name: e.Name, HTTP: e.HTTP, Now: e.Now}
}

func newEnv(t *testing.T, grant Grant, client string) *env {
	t.Helper()
	server := foreign.StartAuthServer(t, canary)
	e := &env{server: server}
	e.Client = &Client{Grant: grant, TokenURL: server.TokenURL(), AuthorizeURL: server.AuthorizeURL(), ClientID: client,
		Store: &Store{filepath.Join(t.TempDir(), "oauth")}, Name: "aws",
		HTTP: &http.Client{Transport: e, Timeout: 10 * time.Second},
		Now:  func() time.Time { return time.Now().Add(e.offset) }}
	if grant == AuthorizationCode {
		e.Scopes = []string{"openid", "scim"}
	}
	if client != "roster-public" {
		e.Secret = func(context.Context) (string, error) { return canary, nil }
	}
	return e
}

// browse opens a URL like a browser, with cookies and redirects, and returns the last page.
func browse(t *testing.T, address string) (status int, page string, end *url.URL) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{Jar: jar, Timeout: 10 * time.Second}).Get(address)
	if err != nil {
		t.Error(err)
		return 0, "", nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(b), res.Request.URL
}

func authorize(t *testing.T, c *Client) Authorization {
	t.Helper()
	var browser sync.WaitGroup
	got, err := c.Authorize(t.Context(), Flow{Listen: "127.0.0.1:0", Timeout: minute, ShowURL: func(address string) {
		browser.Go(func() {
			if status, page, _ := browse(t, address); status != http.StatusOK ||
				!strings.HasPrefix(page, "Authorized.") {
				t.Errorf("the browser ends at %d %s", status, page)
			}
		})
	}})
	if err != nil {
		t.Fatal(err)
	}
	browser.Wait()
	return got
}

func wantToken(t *testing.T, c *Client) string {
	t.Helper()
	token, err := c.Token(t.Context())
	if err != nil || token == "" {
		t.Fatalf("got %d bytes of token, %v", len(token), err)
	}
	return token
}

// wantError checks that an error contains want, is ErrNeedsAuthorization or not, and contains no
// secret.
func wantError(t *testing.T, err error, needs bool, want string, secrets ...string) {
	t.Helper()
	if err == nil || errors.Is(err, ErrNeedsAuthorization) != needs || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v (needs authorization: %v); want %q (%v)", err, errors.Is(err, ErrNeedsAuthorization),
			want, needs)
	}
	for _, secret := range append(secrets, canary) {
		if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error contains a secret: %v", err)
		}
	}
}
