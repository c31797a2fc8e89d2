package oauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/seed-d64a251c/roster/internal/httpserver"
)

// Flow is the configuration of one authorization by a user with a browser.
type Flow struct {
	// Listen is the loopback address of the redirect; "127.0.0.1:0" means any free port. The
	// redirect URI http://<address>/callback must be registered at the server. RFC 8252 section 7.3
	// requires that a server accepts any port, but many accept only the registered one.
	Listen string
	// Timeout is the maximum duration of the flow.
	Timeout time.Duration
	// ShowURL shows the user the URL to open.
	ShowURL func(address string)
	// PastedURLs, if set, receives URLs of redirects that the user pastes, for a browser on another
	// machine.
	PastedURLs <-chan string
}

// Authorization is the result of a flow.
type Authorization struct {
	Expires   time.Time // of the access token
	Renewable bool      // there is a refresh token
}

// callbackPath is the path of the redirect URI.
const callbackPath = "/callback"

// Authorize runs a flow and stores the tokens. If the user or the server refuses, the error is an
// *Error.
func (c *Client) Authorize(ctx context.Context, f Flow) (Authorization, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.Timeout, fmt.Errorf("the browser did not return within %s",
		f.Timeout))
	defer cancel()
	listener, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return Authorization{}, fmt.Errorf("listen for the browser: %w", err)
	}
	if ip := listener.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
		err := fmt.Errorf("listen for the browser: %s is not a loopback address, so other machines "+
			"could intercept the code", listener.Addr())
		return Authorization{}, errors.Join(err, listener.Close())
	}
	h := &callbackHandler{client: c, redirect: "http://" + listener.Addr().String() + callbackPath, state: rand.Text(),
		verifier: oauth2.GenerateVerifier(),
		done:     make(chan result, 1)}
	server := httpserver.New(h, nil, httpserver.Limits{}, nil, nil)
	go func() { _ = server.Serve(listener) }()                 // until Shutdown, below
	defer func() { _ = server.Shutdown(ctx, 2*time.Second) }() // the last page needs the time
	f.ShowURL(h.authorizeURL())
	for {
		select {
		case <-ctx.Done():
			return Authorization{}, context.Cause(ctx)
		case r := <-h.done:
			return r.authorization, r.err
		case line, ok := <-f.PastedURLs:
			if !ok {
				f.PastedURLs = nil
				continue
			}
			u, err := url.Parse(strings.TrimSpace(line))
			if err == nil && h.validState(u.Query()) {
				_ = h.finish(ctx, u.Query()) // h.done receives the error
			}
		}
	}
}

// callbackHandler handles the redirect back from the authorization server.
type callbackHandler struct {
	client                    *Client
	redirect, state, verifier string
	done                      chan result
}

type result struct {
	authorization Authorization
	err           error
}

func (h *callbackHandler) authorizeURL() string {
	config := oauth2.Config{ClientID: h.client.ClientID, RedirectURL: h.redirect, Scopes: h.client.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: h.client.AuthorizeURL}}
	return config.AuthCodeURL(h.state, oauth2.S256ChallengeOption(h.verifier))
}

// validState reports whether a redirect has the state of this flow. Any website can send a browser
// here with a code of its own (RFC 6749 section 10.12).
func (h *callbackHandler) validState(query url.Values) bool {
	return subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(h.state)) == 1
}

// ServeHTTP handles the redirect. Requests with a wrong state are rejected, and the flow continues.
func (h *callbackHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	switch {
	case r.URL.Path != callbackPath:
		http.Error(w, "not found", http.StatusNotFound)
	case r.Method != http.MethodGet:
		http.Error(w, "use GET", http.StatusMethodNotAllowed)
	case !h.validState(r.URL.Query()):
		http.Error(w, "The state does not belong to this authorization. Open the URL that roster printed.",
			http.StatusBadRequest)
	case h.finish(r.Context(), r.URL.Query()) != nil:
		http.Error(w, "The authorization failed. roster prints the reason. You can close this page.",
			http.StatusBadGateway)
	default:
		_, _ = w.Write([]byte("Authorized. You can close this page.\n"))
	}
}

// finish exchanges the code for tokens and stores them. Only the first result is used.
func (h *callbackHandler) finish(ctx context.Context, query url.Values) error {
	authorization, err := h.exchange(context.WithoutCancel(ctx), query) // also if the browser closes the page
	select {
	case h.done <- result{authorization, err}:
	default:
	}
	return err
}

func (h *callbackHandler) exchange(ctx context.Context, query url.Values) (Authorization, error) {
	c := h.client
	if code := query.Get("error"); code != "" {
		clean := c.cleaner(nil)
		return Authorization{}, &Error{Op: "authorize", Host: host(c.AuthorizeURL), Status: http.StatusBadRequest,
			Code: clean.code(code), Description: clean.description(query.Get("error_description"))}
	}
	code := query.Get("code")
	if code == "" {
		return Authorization{}, fmt.Errorf("authorize at %s: the redirect has no code", host(c.AuthorizeURL))
	}
	c.remember("code", code)
	c.mu.Lock()
	defer c.mu.Unlock()
	unlock, err := c.Store.lock(c.Name)
	if err != nil {
		return Authorization{}, err
	}
	defer unlock()
	got, err := c.request(ctx, "exchange the code",
		func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
			config.RedirectURL = h.redirect
			return config.Exchange(ctx, code, oauth2.VerifierOption(h.verifier))
		}, code, h.verifier)
	if err != nil {
		return Authorization{}, err
	}
	if err := c.Store.save(c.Name, got); err != nil {
		return Authorization{}, err
	}
	c.current = got
	return Authorization{Expires: got.ExpiresAt, Renewable: got.RefreshToken != ""}, nil
}
