package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
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

// world is a client at a real authorization server, on one clock.
type world struct {
	*Client
	server *foreign.AuthServer
	asked  atomic.Int32 // requests to the token endpoint
	ahead  time.Duration
}

// RoundTrip counts.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.asked.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

func (w *world) wantAsked(t *testing.T, n int) {
	t.Helper()
	if have := int(w.asked.Swap(0)); have != n {
		t.Errorf("the token endpoint was asked %d times; want %d", have, n)
	}
}

// pass lets time pass, here and at the server.
func (w *world) pass(t *testing.T, d time.Duration) {
	t.Helper()
	w.ahead += d
	if err := w.server.Advance(int(d.Seconds())); err != nil {
		t.Fatal(err)
	}
}

func (w *world) twin() *Client {
	return &Client{Grant: w.Grant, TokenURL: w.TokenURL, AuthorizeURL: w.AuthorizeURL, ClientID: w.ClientID, Scopes: w.Scopes, Secret: w.Secret,
		Store: w.Store, Name: w.Name, HTTP: w.HTTP, Now: w.Now}
}

func newWorld(t *testing.T, grant Grant, client string) *world {
	t.Helper()
	server := foreign.StartAuthServer(t, canary)
	w := &world{server: server}
	w.Client = &Client{Grant: grant, TokenURL: server.TokenURL(), AuthorizeURL: server.AuthorizeURL(), ClientID: client,
		Store: &Store{filepath.Join(t.TempDir(), "oauth")}, Name: "aws", HTTP: &http.Client{Transport: w, Timeout: 10 * time.Second},
		Now: func() time.Time { return time.Now().Add(w.ahead) }}
	if grant == AuthorizationCode {
		w.Scopes = []string{"openid", "scim"}
	}
	if client != "roster-public" {
		w.Secret = func(context.Context) (string, error) { return canary, nil }
	}
	return w
}

// browse opens an address as a browser does, with cookies and redirects, and returns the last page.
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
	got, err := c.Authorize(t.Context(), Flow{Listen: "127.0.0.1:0", Timeout: minute, Show: func(address string) {
		browser.Go(func() {
			if status, page, _ := browse(t, address); status != http.StatusOK || !strings.HasPrefix(page, "Authorized.") {
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

// wantError wants an error that says want, needs authorization or not, and holds no secret.
func wantError(t *testing.T, err error, needs bool, want string, secrets ...string) {
	t.Helper()
	if err == nil || errors.Is(err, ErrNeedsAuthorization) != needs || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v (needs authorization: %v); want %q (%v)", err, errors.Is(err, ErrNeedsAuthorization), want, needs)
	}
	for _, secret := range append(secrets, canary) {
		if err != nil && secret != "" && strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds a secret: %v", err)
		}
	}
}

func TestClientCredentials(t *testing.T) {
	for _, client := range []string{"roster", "roster-post"} {
		t.Run(client, func(t *testing.T) {
			w := newWorld(t, ClientCredentials, client)
			first := wantToken(t, w.Client)
			if again := wantToken(t, w.Client); again != first {
				t.Error("a good token was thrown away")
			}
			w.wantAsked(t, 1)
			w.pass(t, 8*minute+time.Second) // of ten
			if second := wantToken(t, w.Client); second == first {
				t.Error("the token was not renewed before it expired")
			}
			w.wantAsked(t, 1)
			if err := w.Reject(wantToken(t, w.Client)); err != nil {
				t.Fatal(err)
			}
			wantToken(t, w.Client)
			w.wantAsked(t, 1)
		})
	}
}

func TestAuthorizationCode(t *testing.T) {
	for _, client := range []string{"roster", "roster-public"} {
		t.Run(client, func(t *testing.T) {
			w := newWorld(t, AuthorizationCode, client)
			_, err := w.Token(t.Context())
			wantError(t, err, true, "nobody has authorized client "+client)
			w.wantAsked(t, 0)
			if got := authorize(t, w.Client); !got.Renews || got.Expires.Sub(w.now()) < 9*minute {
				t.Errorf("the authorization is %+v", got)
			}
			first := wantToken(t, w.twin()) // another process
			w.wantAsked(t, 1)
			before, err := w.Store.load("aws")
			if err != nil {
				t.Fatal(err)
			}
			w.pass(t, 9*minute)
			second := wantToken(t, w.twin())
			after, err := w.Store.load("aws")
			if err != nil {
				t.Fatal(err)
			}
			if second == first || after.RefreshToken == before.RefreshToken || after.AccessToken != second {
				t.Error("the token was not renewed, or the refresh token not rotated, or not stored")
			}
			w.wantAsked(t, 1)
			if have := wantToken(t, w.Client); have != second {
				t.Error("a process does not use what another has renewed")
			}
			w.wantAsked(t, 0)
		})
	}
}

// TestProcessesTakeTurns has many renew at once. The server takes a refresh token that is used twice for stolen, and ends everything.
func TestProcessesTakeTurns(t *testing.T) {
	w := newWorld(t, AuthorizationCode, "roster")
	authorize(t, w.Client)
	w.wantAsked(t, 1)
	w.pass(t, 9*minute)
	var all sync.WaitGroup
	for range 8 {
		c := w.twin()
		all.Go(func() { wantToken(t, c) })
	}
	all.Wait()
	w.wantAsked(t, 1)
}

func TestAuthorizationEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T, w *world, refresh string)
	}{
		{"it expires", func(t *testing.T, w *world, _ string) { w.pass(t, 25*time.Hour) }},
		{"it is revoked", func(t *testing.T, w *world, refresh string) {
			res, err := http.PostForm(w.server.RevokeURL(), url.Values{"client_id": {"roster-public"}, "token": {refresh}})
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatal(res, err)
			}
			res.Body.Close()
			w.pass(t, 9*minute)
		}},
		{"a thief uses the refresh token first", func(t *testing.T, w *world, refresh string) {
			res, err := http.PostForm(w.TokenURL, url.Values{"grant_type": {"refresh_token"}, "client_id": {"roster-public"}, "refresh_token": {refresh}})
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatal(res, err)
			}
			res.Body.Close()
			w.pass(t, 9*minute)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, AuthorizationCode, "roster-public")
			authorize(t, w.Client)
			wantToken(t, w.Client)
			have, err := w.Store.load("aws")
			if err != nil {
				t.Fatal(err)
			}
			test.end(t, w, have.RefreshToken)
			w.asked.Store(0)
			_, err = w.Token(t.Context())
			wantError(t, err, true, "invalid_grant", have.RefreshToken, have.AccessToken)
			w.wantAsked(t, 1)
			for _, c := range []*Client{w.Client, w.twin()} { // nobody asks again with what was refused
				_, err = c.Token(t.Context())
				wantError(t, err, true, "invalid_grant")
			}
			w.wantAsked(t, 0)
			authorize(t, w.twin()) // in another process
			wantToken(t, w.Client)
		})
	}
}

func TestWrongClient(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *Client)
		needs  bool
		want   string
	}{
		{"a wrong secret", func(c *Client) { c.Secret = func(context.Context) (string, error) { return canary + "-wrong", nil } }, true,
			"invalid_client"},
		{"a client that is not known", func(c *Client) { c.ClientID = "nobody" }, true, "the server does not know this client"},
		{"a grant that is not allowed", func(c *Client) { c.ClientID = "roster-code-only" }, true, "requested grant type is not allowed for this client"},
		{"a wrong path", func(c *Client) { c.TokenURL += "s" }, false, "404"},
		{"a secret that cannot be had", func(c *Client) {
			c.Secret = func(context.Context) (string, error) { return "", errors.New("the vault is shut") }
		}, false, "the vault is shut"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, ClientCredentials, "roster")
			test.change(w.Client)
			_, err := w.Token(t.Context())
			wantError(t, err, test.needs, test.want)
		})
	}
}

// TestAuthorizationStaysWithItsServer changes the declaration: a token never goes to another server than the one that gave it.
func TestAuthorizationStaysWithItsServer(t *testing.T) {
	w := newWorld(t, AuthorizationCode, "roster")
	authorize(t, w.Client)
	w.pass(t, 9*minute)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other server was asked") }))
	defer other.Close()
	for _, change := range []func(c *Client){func(c *Client) { c.TokenURL = other.URL }, func(c *Client) { c.ClientID = "other" },
		func(c *Client) { c.AuthorizeURL = other.URL }, func(c *Client) { c.Scopes = []string{"all"} }} {
		c := w.twin()
		change(c)
		_, err := c.Token(t.Context())
		wantError(t, err, true, "the authorization is for another client or server")
	}
}

func TestServerThatIsDown(t *testing.T) {
	w := newWorld(t, AuthorizationCode, "roster")
	authorize(t, w.Client)
	first := wantToken(t, w.Client)
	var cut atomic.Bool
	w.HTTP.Transport = transport(func(r *http.Request) (*http.Response, error) {
		if cut.Load() {
			w.asked.Add(1)
			return nil, errors.New("connection refused")
		}
		return w.RoundTrip(r)
	})
	cut.Store(true)
	w.pass(t, 9*minute)
	w.asked.Store(0)
	for range 5 {
		if have := wantToken(t, w.Client); have != first {
			t.Error("the old token is good for a minute yet, and not used")
		}
	}
	w.wantAsked(t, 1)
	w.pass(t, 2*minute)
	_, err := w.Token(t.Context())
	wantError(t, err, false, "connection refused", first)
	cut.Store(false)
	wantToken(t, w.Client) // nothing was lost
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestAnswersOfAllKinds has servers that no foreign software is: broken, hostile, chatty.
func TestAnswersOfAllKinds(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve http.HandlerFunc
		needs bool
		want  string
	}{
		{"a page of HTML", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>"+canary) }, false, "cannot parse"},
		{"an empty answer", func(http.ResponseWriter, *http.Request) {}, false, ""},
		{"trouble", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, false, "503"},
		{"too many requests", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, false, "429"},
		{"a scope that is not given", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"invalid_scope"}`)
		}, true, "the server does not give these scopes"},
		{"a refusal without a code", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, true, "403"},
		{"a redirect elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
		}, false, "307"},
		{"a server that repeats what it was sent", func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			_, secret, _ := r.BasicAuth()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"`+string(b)+" "+secret+`"}`)
		}, true, "invalid_grant"},
		{"a token of another type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"`+canary+`","token_type":"mac"}`)
		}, false, "want Bearer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.serve)
			defer server.Close()
			c := &Client{Grant: ClientCredentials, TokenURL: server.URL, ClientID: "roster", Secret: func(context.Context) (string, error) { return canary, nil }}
			_, err := c.Token(t.Context())
			wantError(t, err, test.needs, test.want)
		})
	}
}

// TestServerThatReadsTheBodyAlone does not know a client that shows its secret in the header.
func TestServerThatReadsTheBodyAlone(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/json")
		if r.PostFormValue("client_secret") != canary {
			w.WriteHeader(401)
			_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"t","token_type":"bearer","expires_in":"1"}`)
	}))
	defer server.Close()
	now := time.Now()
	c := &Client{Grant: ClientCredentials, TokenURL: server.URL, ClientID: "roster", Secret: func(context.Context) (string, error) { return canary, nil },
		Now: func() time.Time { return now }}
	wantToken(t, c)
	now = now.Add(minute)
	wantToken(t, c)
	if asked != 3 {
		t.Errorf("the server was asked %d times; want 3, since the second time the way is known", asked)
	}
}

func TestStoreOnDisk(t *testing.T) {
	w := newWorld(t, AuthorizationCode, "roster")
	authorize(t, w.Client)
	have, err := w.Store.load("aws")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(w.Store.Dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("the store has %v, %v; want key, lock and token", entries, err)
	}
	for _, e := range entries {
		name := filepath.Join(w.Store.Dir, e.Name())
		b, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(b), have.RefreshToken) || strings.Contains(string(b), have.AccessToken) {
			t.Errorf("%s holds a token in the clear (%v)", e.Name(), err)
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 && !strings.HasSuffix(e.Name(), ".lock") {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	key := filepath.Join(w.Store.Dir, "key")
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err = w.twin().Token(t.Context())
	wantError(t, err, false, "may be read by others (mode 0640)")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	_, err = w.twin().Token(t.Context())
	wantError(t, err, true, "is gone")
	authorize(t, w.Client)
	wantToken(t, w.twin())
}
