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

// Grant is an OAuth grant type.
type Grant string

// The supported grants.
const (
	ClientCredentials Grant = "clientCredentials" // RFC 6749 section 4.4
	AuthorizationCode Grant = "authorizationCode" // RFC 6749 section 4.1
)

// Client is a client at one authorization server. Its methods may be called concurrently.
type Client struct {
	Grant                            Grant
	TokenURL, AuthorizeURL, ClientID string
	Scopes                           []string
	// Secret returns the client secret. A nil Secret means a public client.
	Secret func(context.Context) (string, error)
	// Store holds the tokens of the authorization code grant, under Name. Name must be a valid file
	// name.
	Store *Store
	Name  string
	// HTTP sends the requests; nil means a client with a timeout of 30 seconds. Redirects are never
	// followed, because they would forward the credentials.
	HTTP *http.Client
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Register, if set, is called with each code and token before anything else sees it. name is
	// the same for the successors of a token.
	Register func(name, token string)

	mu        sync.Mutex
	current   tokens
	authStyle oauth2.AuthStyle // the style that the server accepts
	unsaved   bool             // current is newer than the stored tokens
	retryAt   time.Time        // when the next request is allowed after a failure of the server
}

// defaultLifetime is the lifetime of an access token if the server states none. Reject handles
// tokens that expire earlier.
const defaultLifetime = time.Hour

// Token returns an access token that does not expire soon. If errors.Is(err,
// ErrNeedsAuthorization), every call fails until a user acts.
func (c *Client) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); !c.unsaved && (!c.current.needsRenewal(now) || now.Before(c.retryAt) && c.current.valid(now)) {
		return c.current.AccessToken, nil
	}
	if c.Grant == ClientCredentials {
		t, err := c.request(ctx, "get an access token", clientCredentialsRequest)
		if err != nil {
			return c.fallBack(c.current, err)
		}
		c.current = t
		return t.AccessToken, nil
	}
	return c.storedToken(ctx)
}

// storedToken returns the token of the store, and renews it if necessary.
func (c *Client) storedToken(ctx context.Context) (string, error) {
	unlock, err := c.Store.lock(c.Name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if c.unsaved { // an earlier write failed
		if err := c.Store.save(c.Name, c.current); err != nil {
			return "", err
		}
		c.unsaved = false
	}
	have, err := c.Store.load(c.Name)
	c.remember("access token", have.AccessToken)
	c.remember("refresh token", have.RefreshToken)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%w: client %s is not authorized at %s yet", ErrNeedsAuthorization, c.ClientID,
			host(c.TokenURL))
	case err != nil:
		return "", err
	case have.ClientFingerprint != c.fingerprint():
		return "", fmt.Errorf("%w: the authorization is for another client or server than %s at %s",
			ErrNeedsAuthorization, c.ClientID, host(c.TokenURL))
	case !have.needsRenewal(c.now()):
		c.current = have
		return have.AccessToken, nil
	case have.RefusedReason != "":
		return "", fmt.Errorf("%w: %s", ErrNeedsAuthorization, have.RefusedReason)
	case have.RefreshToken == "":
		return "", fmt.Errorf("%w: the access token expired at %s, and the server issued no refresh token",
			ErrNeedsAuthorization, have.ExpiresAt.Format(time.RFC3339))
	}
	return c.refresh(ctx, have)
}

// refresh renews a token. It writes the store before the request too, to detect a store that cannot
// be written.
func (c *Client) refresh(ctx context.Context, have tokens) (string, error) {
	if err := c.Store.save(c.Name, have); err != nil {
		return "", err
	}
	got, err := c.request(ctx, "refresh the access token", refreshRequest(have.RefreshToken), have.RefreshToken)
	var refused *Error
	if errors.As(err, &refused) && refused.Code == "invalid_grant" {
		have.AccessToken, have.RefreshToken, have.RefusedReason = "", "", err.Error()
		c.current = tokens{}
		return "", errors.Join(err, c.Store.save(c.Name, have))
	}
	if err != nil {
		return c.fallBack(have, err)
	}
	got.RefreshToken = cmp.Or(got.RefreshToken, have.RefreshToken) // a server without rotation sends none
	c.current = got
	if err := c.Store.save(c.Name, got); err != nil {
		c.unsaved = true // the next call tries again
		return "", err
	}
	return got.AccessToken, nil
}

// fallBack returns the old token while it is valid, if the server is unavailable. The next request
// is sent after 30 seconds.
func (c *Client) fallBack(old tokens, err error) (string, error) {
	if errors.Is(err, ErrNeedsAuthorization) || !old.valid(c.now()) {
		return "", err
	}
	c.current, c.retryAt = old, c.now().Add(30*time.Second)
	return old.AccessToken, nil
}

// Reject marks a token as rejected by a resource server. The next call of Token returns another.
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

// Transport wraps the RoundTripper for a resource server. A response with status 401 rejects the
// token of the request, so that the next call of Token returns another.
func (c *Client) Transport(next http.RoundTripper) http.RoundTripper { return &transport{c, next} }

type transport struct {
	client *Client
	next   http.RoundTripper
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(r)
	if err == nil && res.StatusCode == http.StatusUnauthorized {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			_ = t.client.Reject(token) // the next call of Token reports an error of the store
		}
	}
	return res, err
}

// valid reports whether there is an access token that has not expired.
func (t tokens) valid(now time.Time) bool { return t.AccessToken != "" && now.Before(t.ExpiresAt) }

// needsRenewal reports whether the access token expires soon: within a fifth of its lifetime, but
// at most five minutes.
func (t tokens) needsRenewal(now time.Time) bool {
	return !t.valid(now.Add(min(t.ExpiresAt.Sub(t.ObtainedAt)/5, 5*time.Minute)))
}

// tokenRequest sends one kind of request to a token endpoint. config identifies the client.
type tokenRequest func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error)

func clientCredentialsRequest(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
	return (&clientcredentials.Config{ClientID: config.ClientID, ClientSecret: config.ClientSecret,
		TokenURL: config.Endpoint.TokenURL,
		Scopes:   config.Scopes, AuthStyle: config.Endpoint.AuthStyle}).Token(ctx)
}

func refreshRequest(token string) tokenRequest {
	return func(ctx context.Context, config *oauth2.Config) (*oauth2.Token, error) {
		return config.TokenSource(ctx, &oauth2.Token{RefreshToken: token}).Token()
	}
}

// request sends a request to the token endpoint. A client secret is sent in the header, which every
// server must support (RFC 6749 section 2.3.1). If the server rejects that, it is sent in the body.
// secrets are the other secrets in the request; errors do not contain them.
func (c *Client) request(ctx context.Context, op string, do tokenRequest, secrets ...string) (tokens, error) {
	config := &oauth2.Config{ClientID: c.ClientID, Scopes: c.Scopes, Endpoint: oauth2.Endpoint{TokenURL: c.TokenURL}}
	styles := []oauth2.AuthStyle{oauth2.AuthStyleInParams}
	if c.Secret != nil {
		var err error
		if config.ClientSecret, err = c.Secret(ctx); err != nil {
			return tokens{}, fmt.Errorf("get the client secret: %w", err)
		}
		styles = []oauth2.AuthStyle{oauth2.AuthStyleInHeader, oauth2.AuthStyleInParams}
		if c.authStyle != oauth2.AuthStyleAutoDetect {
			styles = []oauth2.AuthStyle{c.authStyle}
		}
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.httpClient())
	var first error
	for _, config.Endpoint.AuthStyle = range styles {
		got, err := do(ctx, config)
		if err == nil {
			c.authStyle = config.Endpoint.AuthStyle
			return c.newTokens(op, got)
		}
		err = c.newError(op, err, append(secrets, config.ClientSecret)...)
		first = cmp.Or(first, err)
		var refused *Error
		if !errors.As(err, &refused) || refused.Code != "invalid_client" {
			return tokens{}, err
		}
	}
	return tokens{}, first
}

func (c *Client) newTokens(op string, got *oauth2.Token) (tokens, error) {
	c.remember("access token", got.AccessToken)
	c.remember("refresh token", got.RefreshToken)
	if !strings.EqualFold(got.Type(), "Bearer") {
		return tokens{},
			fmt.Errorf("%s at %s: the server issues tokens of a type that SCIM does not accept; it must be Bearer", op,
				host(c.TokenURL))
	}
	if !isToken(got.AccessToken) || !isToken(got.RefreshToken) {
		return tokens{}, fmt.Errorf("%s at %s: the token has characters that no token may have", op, host(c.TokenURL))
	}
	now := c.now()
	t := tokens{ClientFingerprint: c.fingerprint(), AccessToken: got.AccessToken, RefreshToken: got.RefreshToken,
		ObtainedAt: now,
		ExpiresAt:  now.Add(defaultLifetime)}
	if !got.Expiry.IsZero() { // by the system's clock, which differs from c.Now in tests
		t.ExpiresAt = now.Add(time.Until(got.Expiry))
	}
	return t, nil
}

// isToken reports whether a text has only the characters of tokens (RFC 6749 appendix A.12). The
// text may be empty.
func isToken(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

func (c *Client) httpClient() *http.Client {
	h := http.Client{Timeout: 30 * time.Second}
	if c.HTTP != nil {
		h = *c.HTTP
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

// fingerprint identifies the client of an authorization. It prevents that a token is sent to a
// server that did not issue it.
func (c *Client) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{c.TokenURL, c.AuthorizeURL, c.ClientID,
		strings.Join(c.Scopes, " ")}, "\n")))
	return hex.EncodeToString(sum[:16])
}

// remember registers a token of one kind.
func (c *Client) remember(kind, token string) {
	if c.Register != nil && token != "" {
		c.Register("OAuth "+kind+" of "+c.Name, token)
	}
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
