package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestClientCredentials(t *testing.T) {
	for _, client := range []string{"roster", "roster-post"} {
		t.Run(client, func(t *testing.T) {
			e := newEnv(t, ClientCredentials, client)
			first := wantToken(t, e.Client)
			if again := wantToken(t, e.Client); again != first {
				t.Error("a valid token was not reused")
			}
			e.wantRequests(t, 1)
			e.advance(t, 8*minute+time.Second) // of ten minutes
			if second := wantToken(t, e.Client); second == first {
				t.Error("the token was not renewed before it expired")
			}
			e.wantRequests(t, 1)
			if err := e.Reject(wantToken(t, e.Client)); err != nil {
				t.Fatal(err)
			}
			wantToken(t, e.Client)
			e.wantRequests(t, 1)
		})
	}
}

func TestAuthorizationCode(t *testing.T) {
	for _, client := range []string{"roster", "roster-public"} {
		t.Run(client, func(t *testing.T) {
			e := newEnv(t, AuthorizationCode, client)
			_, err := e.Token(t.Context())
			wantError(t, err, true, "client "+client+" is not authorized at ")
			e.wantRequests(t, 0)
			if got := authorize(t, e.Client); !got.Renewable || got.Expires.Sub(e.now()) < 9*minute {
				t.Errorf("the authorization is %+v", got)
			}
			first := wantToken(t, e.newProcess()) // another process
			e.wantRequests(t, 1)
			before, err := e.Store.load("aws")
			if err != nil {
				t.Fatal(err)
			}
			e.advance(t, 9*minute)
			second := wantToken(t, e.newProcess())
			after, err := e.Store.load("aws")
			if err != nil {
				t.Fatal(err)
			}
			if second == first || after.RefreshToken == before.RefreshToken || after.AccessToken != second {
				t.Error("the token was not renewed, or the refresh token not rotated, or not stored")
			}
			e.wantRequests(t, 1)
			if have := wantToken(t, e.Client); have != second {
				t.Error("a process does not use the token that another process has renewed")
			}
			e.wantRequests(t, 0)
		})
	}
}

// The server treats a refresh token that is used twice as stolen and revokes the authorization.
func TestConcurrentProcessesRenewOnce(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster")
	authorize(t, e.Client)
	e.wantRequests(t, 1)
	e.advance(t, 9*minute)
	var all sync.WaitGroup
	for range 8 {
		c := e.newProcess()
		all.Go(func() { wantToken(t, c) })
	}
	all.Wait()
	e.wantRequests(t, 1)
}

func TestEndedAuthorization(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(t *testing.T, e *env, refresh string)
	}{
		{"it expires", func(t *testing.T, e *env, _ string) { e.advance(t, 25*time.Hour) }},
		{"it is revoked", func(t *testing.T, e *env, refresh string) {
			res, err := http.PostForm(e.server.RevokeURL(), url.Values{"client_id": {"roster-public"},
				"token": {refresh}})
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatal(res, err)
			}
			res.Body.Close()
			e.advance(t, 9*minute)
		}},
		{"the stolen refresh token is used first", func(t *testing.T, e *env, refresh string) {
			res, err := http.PostForm(e.TokenURL, url.Values{"grant_type": {"refresh_token"},
				"client_id": {"roster-public"}, "refresh_token": {refresh}})
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatal(res, err)
			}
			res.Body.Close()
			e.advance(t, 9*minute)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, AuthorizationCode, "roster-public")
			authorize(t, e.Client)
			wantToken(t, e.Client)
			have, err := e.Store.load("aws")
			if err != nil {
				t.Fatal(err)
			}
			test.end(t, e, have.RefreshToken)
			e.requests.Store(0)
			_, err = e.Token(t.Context())
			wantError(t, err, true, "invalid_grant", have.RefreshToken, have.AccessToken)
			e.wantRequests(t, 1)
			for _, c := range []*Client{e.Client, e.newProcess()} { // a refused token is not sent again
				_, err = c.Token(t.Context())
				wantError(t, err, true, "invalid_grant")
			}
			e.wantRequests(t, 0)
			authorize(t, e.newProcess()) // in another process
			wantToken(t, e.Client)
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
		{"a wrong secret",
			func(c *Client) { c.Secret = func(context.Context) (string, error) { return canary + "-wrong", nil } },
			true,
			"invalid_client"},
		{"an unknown client", func(c *Client) { c.ClientID = "nobody" }, true, "the server does not know this client"},
		{"a grant that is not allowed", func(c *Client) { c.ClientID = "roster-code-only" }, true,
			"requested grant type is not allowed for this client"},
		{"a wrong path", func(c *Client) { c.TokenURL += "s" }, false, "404"},
		{"an unavailable secret", func(c *Client) {
			c.Secret = func(context.Context) (string, error) {
				return "", errors.New("the secret store is unavailable")
			}
		}, false, "the secret store is unavailable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, ClientCredentials, "roster")
			test.change(e.Client)
			_, err := e.Token(t.Context())
			wantError(t, err, test.needs, test.want)
		})
	}
}

// If the declaration changes, a token is not sent to a server that did not issue it.
func TestTokenIsSentOnlyToItsIssuer(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster")
	authorize(t, e.Client)
	e.advance(t, 9*minute)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the other server received a request")
	}))
	defer other.Close()
	for _, change := range []func(c *Client){
		func(c *Client) { c.TokenURL = other.URL }, func(c *Client) { c.ClientID = "other" },
		func(c *Client) { c.AuthorizeURL = other.URL }, func(c *Client) { c.Scopes = []string{"all"} }} {
		c := e.newProcess()
		change(c)
		_, err := c.Token(t.Context())
		wantError(t, err, true, "the authorization is for another client or server")
	}
}

func TestUnavailableServer(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster")
	authorize(t, e.Client)
	first := wantToken(t, e.Client)
	var down atomic.Bool
	e.HTTP.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		if down.Load() {
			e.requests.Add(1)
			return nil, errors.New("connection refused")
		}
		return e.RoundTrip(r)
	})
	down.Store(true)
	e.advance(t, 9*minute)
	e.requests.Store(0)
	for range 5 {
		if have := wantToken(t, e.Client); have != first {
			t.Error("the old token is valid for another minute, but it is not used")
		}
	}
	e.wantRequests(t, 1)
	e.advance(t, 2*minute)
	_, err := e.Token(t.Context())
	wantError(t, err, false, "connection refused", first)
	down.Store(false)
	wantToken(t, e.Client) // the refresh token was kept
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The servers are broken or hostile in ways that the real authorization server is not.
func TestUnusualResponses(t *testing.T) {
	for _, test := range []struct {
		name  string
		serve http.HandlerFunc
		needs bool
		want  string
	}{
		{"a page of HTML", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>"+canary) },
			false, "cannot parse"},
		{"an empty response", func(http.ResponseWriter, *http.Request) {}, false, ""},
		{"unavailable", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, false, "503"},
		{"too many requests", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }, false, "429"},
		{"a scope that is not granted", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"invalid_scope"}`)
		}, true, "the server does not grant these scopes"},
		{"a refusal without a code", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, true, "403"},
		{"a redirect to another host", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example/", http.StatusTemporaryRedirect)
		}, false, "307"},
		{"a server that repeats the request", func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			_, secret, _ := r.BasicAuth()
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"`+string(b)+" "+secret+`"}`)
		}, true, "invalid_grant"},
		{"a token of another type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"`+canary+`","token_type":"mac"}`)
		}, false, "it must be Bearer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.serve)
			defer server.Close()
			c := &Client{Grant: ClientCredentials, TokenURL: server.URL, ClientID: "roster",
				Secret: func(context.Context) (string, error) { return canary, nil }}
			_, err := c.Token(t.Context())
			wantError(t, err, test.needs, test.want)
		})
	}
}

// The server rejects a client secret in the header.
func TestClientSecretIsSentInTheBodyIfNecessary(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
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
	c := &Client{Grant: ClientCredentials, TokenURL: server.URL, ClientID: "roster",
		Secret: func(context.Context) (string, error) { return canary, nil },
		Now:    func() time.Time { return now }}
	wantToken(t, c)
	now = now.Add(minute)
	wantToken(t, c)
	if requests != 3 {
		t.Errorf("%d requests; want 3, because the second token uses the style that worked", requests)
	}
}
