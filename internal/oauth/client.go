package oauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// Grant is the way to a token.
type Grant string

// The grants.
const (
	ClientCredentials Grant = "clientCredentials" // RFC 6749 section 4.4
	AuthorizationCode Grant = "authorizationCode" // RFC 6749 section 4.1
)

// Client is a client at one authorization server. Its methods may be called concurrently.
type Client struct {
	Grant                            Grant
	TokenURL, AuthorizeURL, ClientID string
	Scopes                           []string
	// Secret returns the client's secret; nil makes it a public client.
	Secret func(context.Context) (string, error)
	// Store and Name say where the tokens of the authorization code grant lie. Name must be fit for a file.
	Store *Store
	Name  string
	// HTTP makes the requests; nil means 30 seconds for each. Redirects are never followed: they would carry the credentials along.
	HTTP *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu      sync.Mutex
	current tokens
	style   oauth2.AuthStyle // the one that the server has understood
	unsaved bool             // current is newer than what the store holds
	again   time.Time        // before it, a server that is away is not asked again
}

// life is how long an access token counts as good when the server does not say: a token that it revokes sooner is found out by Reject.
const life = time.Hour

// Token returns an access token that is good for some time yet. An error for which errors.Is(err, ErrNeedsAuthorization) holds will come
// again until somebody acts.
func (c *Client) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); !c.unsaved && (c.current.fresh(now) || now.Before(c.again) && c.current.good(now)) {
		return c.current.AccessToken, nil
	}
	if c.Grant == ClientCredentials {
		t, err := c.ask(ctx, "get an access token", byCredentials)
		if err != nil {
			return c.fallBack(c.current, err)
		}
		c.current = t
		return t.AccessToken, nil
	}
	return c.stored(ctx)
}

// stored takes the token from the store, and renews it there when it is old.
func (c *Client) stored(ctx context.Context) (string, error) {
	unlock, err := c.Store.lock(c.Name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if c.unsaved { // the disk refused it once
		if err := c.Store.save(c.Name, c.current); err != nil {
			return "", err
		}
		c.unsaved = false
	}
	have, err := c.Store.load(c.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: nobody has authorized client %s at %s yet", ErrNeedsAuthorization, c.ClientID, host(c.TokenURL))
	case err != nil:
		return "", err
	case have.ClientFingerprint != c.fingerprint():
		return "", fmt.Errorf("%w: the authorization is for another client or server than %s at %s", ErrNeedsAuthorization, c.ClientID, host(c.TokenURL))
	case have.fresh(c.now()):
		c.current = have
		return have.AccessToken, nil
	case have.RefusedReason != "":
		return "", fmt.Errorf("%w: %s", ErrNeedsAuthorization, have.RefusedReason)
	case have.RefreshToken == "":
		return "", fmt.Errorf("%w: the access token expired at %s, and the server gave no refresh token", ErrNeedsAuthorization, have.ExpiresAt.Format(time.RFC3339))
	}
	return c.refresh(ctx, have)
}

// refresh renews a token. The store is written before, which proves that it can be, and after.
func (c *Client) refresh(ctx context.Context, have tokens) (string, error) {
	if err := c.Store.save(c.Name, have); err != nil {
		return "", err
	}
	got, err := c.ask(ctx, "refresh the access token", byRefresh(have.RefreshToken), have.RefreshToken)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == "invalid_grant" {
		have.AccessToken, have.RefreshToken, have.RefusedReason = "", "", err.Error()
		c.current = tokens{}
		return "", errors.Join(err, c.Store.save(c.Name, have))
	}
	if err != nil {
		return c.fallBack(have, err)
	}
	got.RefreshToken = cmp.Or(got.RefreshToken, have.RefreshToken) // a server that does not rotate sends none
	c.current = got
	if err := c.Store.save(c.Name, got); err != nil {
		c.unsaved = true // kept here, and tried again
		return "", err
	}
	return got.AccessToken, nil
}

// fallBack lives on the old token for as long as it is good, while the server is away; it is asked again after a while.
func (c *Client) fallBack(old tokens, err error) (string, error) {
	if errors.Is(err, ErrNeedsAuthorization) || !old.good(c.now()) {
		return "", err
	}
	c.current, c.again = old, c.now().Add(30*time.Second)
	return old.AccessToken, nil
}

// Reject tells the client that a resource server does not take a token: it is not used again, and the next call of Token gets another.
func (c *Client) Reject(token string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current.AccessToken == token {
		c.current.AccessToken = ""
	}
	if c.Grant == ClientCredentials {
		return nil
	}
	unlock, err := c.Store.lock(c.Name)
	if err != nil {
		return err
	}
	defer unlock()
	have, err := c.Store.load(c.Name)
	if err != nil || have.AccessToken != token {
		return err
	}
	have.AccessToken = ""
	return c.Store.save(c.Name, have)
}

// Watch wraps the way to a resource server: a token that it answers with 401 is rejected, so that whoever asks next gets another.
func (c *Client) Watch(next http.RoundTripper) http.RoundTripper { return &watch{c, next} }

type watch struct {
	client *Client
	next   http.RoundTripper
}

func (w *watch) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := w.next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusUnauthorized {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			_ = w.client.Reject(token) // a store in trouble is found by the next Token
		}
	}
	return res, err
}

// good reports whether the access token has not expired.
func (t tokens) good(now time.Time) bool { return t.AccessToken != "" && now.Before(t.ExpiresAt) }

// fresh reports whether the access token is good for some time yet: a fifth of its life, and not more than five minutes.
func (t tokens) fresh(now time.Time) bool {
	return t.good(now.Add(min(t.ExpiresAt.Sub(t.ObtainedAt)/5, 5*time.Minute)))
}

// request is one way to ask a token endpoint; config has the client in it.
type request func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error)

func byCredentials(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
	return (&clientcredentials.Config{ClientID: config.ClientID, ClientSecret: config.ClientSecret, TokenURL: config.Endpoint.TokenURL,
		Scopes: config.Scopes, AuthStyle: config.Endpoint.AuthStyle}).Token(ctx)
}

func byRefresh(token string) request {
	return func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
		return config.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
	}
}

// ask makes a request to the token endpoint. A client with a secret shows it in the header, as every server must understand (RFC 6749
// section 2.3.1), and to a server that does not, in the body. secrets are what the request carries beside the client's.
func (c *Client) ask(ctx context.Context, op string, do request, secrets ...string) (tokens, error) {
	config := &oauth2.Config{ClientID: c.ClientID, Scopes: c.Scopes, Endpoint: oauth2.Endpoint{TokenURL: c.TokenURL}}
	styles := []oauth2.AuthStyle{oauth2.AuthStyleInParams}
	if c.Secret != nil {
		var err error
		if config.ClientSecret, err = c.Secret(ctx); err != nil {
			return tokens{}, fmt.Errorf("get the client's secret: %w", err)
		}
		styles = []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams}
		if c.style != oauth2.AuthStyleAutoDetect {
			styles = []oauth2.AuthStyle{c.style}
		}
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.doer())
	var first error
	for _, config.Endpoint.AuthStyle = range styles {
		got, err := do(ctx, config)
		if err == nil {
			c.style = config.Endpoint.AuthStyle
			return c.received(op, got)
		}
		err = c.failure(op, err, append(secrets, config.ClientSecret)...)
		first = cmp.Or(first, err)
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != "invalid_client" {
			return tokens{}, err
		}
	}
	return tokens{}, first
}

func (c *Client) received(op string, got *oauth2.Token) (tokens, error) {
	if !strings.EqualFold(got.Type(), "Bearer") {
		return tokens{}, fmt.Errorf("%s at %s: the server gives tokens of a type that SCIM does not take; want Bearer", op, host(c.TokenURL))
	}
	now := c.now()
	t := tokens{ClientFingerprint: c.fingerprint(), AccessToken: got.AccessToken, RefreshToken: got.RefreshToken, ObtainedAt: now, ExpiresAt: now.Add(life)}
	if !got.Expiry.IsZero() { // on the machine's clock, which is not ours in tests
		t.ExpiresAt = now.Add(time.Until(got.Expiry))
	}
	return t, nil
}

func (c *Client) doer() *http.Client {
	h := http.Client{Timeout: 30 * time.Second}
	if c.HTTP != nil {
		h = *c.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// fingerprint names the client that an authorization is for. A token is never sent to another server than the one that it came from.
func (c *Client) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{c.TokenURL, c.AuthorizeURL, c.ClientID, strings.Join(c.Scopes, " ")}, "\n")))
	return hex.EncodeToString(sum[:16])
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now().UTC()
	}
	return time.Now().UTC()
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the server"
	}
	return u.Host
}
