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
)

// Flow is one authorization by a person with a browser.
type Flow struct {
	// Listen is the loopback address that the browser is sent back to, "127.0.0.1:0" for any port. The server must know it as the redirect
	// URI http://<address>/callback; by RFC 8252 section 7.3 it has to allow any port, but many want the exact one.
	Listen string
	// Timeout is how long the person may take.
	Timeout time.Duration
	// Show tells the person the address to open.
	Show func(address string)
	// Pasted, if set, brings addresses that the browser ended at, for a browser on another machine.
	Pasted <-chan string
}

// Authorization is what came of a flow.
type Authorization struct {
	Expires time.Time // of the access token
	Renews  bool      // there is a refresh token: it will be renewed
}

// callbackPath is where the browser comes back to.
const callbackPath = "/callback"

// Authorize lets a person authorize the client, and stores what they get. A refusal by the person or the server is an *Error.
func (c *Client) Authorize(ctx context.Context, f Flow) (Authorization, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.Timeout, fmt.Errorf("nobody came back from the browser within %s", f.Timeout))
	defer cancel()
	listener, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return Authorization{}, fmt.Errorf("listen for the browser: %w", err)
	}
	if ip := listener.Addr().(*net.TCPAddr).IP; !ip.IsLoopback() {
		return Authorization{}, errors.Join(fmt.Errorf("listen for the browser: %s is not a loopback address: others could take the code", listener.Addr()), listener.Close())
	}
	v := &visit{client: c, redirect: "http://" + listener.Addr().String() + callbackPath, state: rand.Text(), verifier: oauth2.GenerateVerifier(),
		done: make(chan result, 1)}
	server := &http.Server{Handler: v, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }() // ends with Shutdown, below
	defer func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second) // the browser reads the last page
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	}()
	f.Show(v.address())
	for {
		select {
		case <-ctx.Done():
			return Authorization{}, context.Cause(ctx)
		case r := <-v.done:
			return r.authorization, r.err
		case line, ok := <-f.Pasted:
			if !ok {
				f.Pasted = nil
				continue
			}
			u, err := url.Parse(strings.TrimSpace(line))
			if err == nil && v.ours(u.Query()) {
				v.finish(ctx, u.Query())
			}
		}
	}
}

// visit is a browser's way to the server and back.
type visit struct {
	client                    *Client
	redirect, state, verifier string
	done                      chan result
}

type result struct {
	authorization Authorization
	err           error
}

func (v *visit) address() string {
	config := oauth2.Config{ClientID: v.client.ClientID, RedirectURL: v.redirect, Scopes: v.client.Scopes, Endpoint: oauth2.Endpoint{AuthURL: v.client.AuthorizeURL}}
	return config.AuthCodeURL(v.state, oauth2.S256ChallengeOption(v.verifier))
}

// ours reports whether an answer is to our question. Anybody can send a browser here with an answer of their own (RFC 6749 section 10.12).
func (v *visit) ours(answer url.Values) bool {
	return subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(v.state)) == 1
}

// ServeHTTP receives the browser. What does not bring our state is turned away, and the wait goes on.
func (v *visit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	switch {
	case r.URL.Path != callbackPath:
		http.Error(w, "There is nothing here.", http.StatusNotFound)
	case r.Method != http.MethodGet:
		http.Error(w, "Come with GET.", http.StatusMethodNotAllowed)
	case !v.ours(r.URL.Query()):
		http.Error(w, "This is not an answer to roster's question. Open the address that roster printed.", http.StatusBadRequest)
	case v.finish(r.Context(), r.URL.Query()) != nil:
		http.Error(w, "The authorization failed. roster says why. You can close this page.", http.StatusBadGateway)
	default:
		_, _ = w.Write([]byte("Authorized. You can close this page.\n"))
	}
}

// finish exchanges the code for tokens and stores them. Only the first answer counts.
func (v *visit) finish(ctx context.Context, answer url.Values) error {
	authorization, err := v.exchange(context.WithoutCancel(ctx), answer) // a browser that closes its page changes nothing
	select {
	case v.done <- result{authorization, err}:
	default:
	}
	return err
}

func (v *visit) exchange(ctx context.Context, answer url.Values) (Authorization, error) {
	c := v.client
	if code := answer.Get("error"); code != "" {
		return Authorization{}, &Error{Op: "authorize", Host: host(c.AuthorizeURL), Status: http.StatusBadRequest, Code: tidy(code, nil),
			Description: tidy(answer.Get("error_description"), nil)}
	}
	code := answer.Get("code")
	if code == "" {
		return Authorization{}, fmt.Errorf("authorize at %s: the browser came back without a code", host(c.AuthorizeURL))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	unlock, err := c.Store.lock(c.Name)
	if err != nil {
		return Authorization{}, err
	}
	defer unlock()
	got, err := c.ask(ctx, "exchange the code", func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
		config.RedirectURL = v.redirect
		return config.Exchange(ctx, code, oauth2.VerifierOption(v.verifier))
	}, code, v.verifier)
	if err != nil {
		return Authorization{}, err
	}
	if err := c.Store.save(c.Name, got); err != nil {
		return Authorization{}, err
	}
	c.current = got
	return Authorization{Expires: got.ExpiresAt, Renews: got.RefreshToken != ""}, nil
}
