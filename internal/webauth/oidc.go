package webauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"

	"github.com/seed-d64a251c/roster/internal/loopback"
)

// The paths of the sign-in.
const (
	signInPath    = "/login"
	callbackPath  = "/login/callback"
	signOutPath   = "/logout"
	signedOutPath = "/logout/done"
)

const (
	// sessionDuration is the time until a browser signs in again, which needs no user if the
	// identity provider still knows the browser. A changed role takes effect then.
	sessionDuration = time.Hour
	// signInDuration is the time that a user has for a sign-in.
	signInDuration = 10 * time.Minute
	// providerTimeout is the time that a request to the identity provider may take.
	providerTimeout = 10 * time.Second
	// discoveryInterval is the minimum time between two failed attempts to discover the provider.
	discoveryInterval = 5 * time.Second
	maxProviderAnswer = 1 << 20
	maxName           = 200
	maxReturn         = 2000 // bytes of the path that a sign-in returns to; a cookie has it
)

// OIDCConfig configures the sign-in of users at an OpenID Connect provider.
type OIDCConfig struct {
	Issuer       string
	ClientID     string
	ClientSecret string // "" for a public client
	// PublicURL is the URL of the daemon, as browsers see it, without a path. PublicURL with
	// /login/callback must be a redirect URI of the client.
	PublicURL *url.URL
	Scopes    []string // in addition to openid
	// RolesClaim is the claim with the roles or groups of a user: a string or a list. It may be the
	// path of a claim in an object, such as realm_access.roles.
	RolesClaim string
	// Audience is that of the access tokens that programs may send instead of an API token: JWTs of
	// the issuer (RFC 9068). "" means that only users sign in. It must not be ClientID: ID tokens
	// are for the client.
	Audience string
	// ReadRoles and ActRoles are the values of the claim that give a role.
	ReadRoles, ActRoles []string

	Log *slog.Logger
	Now func() time.Time // nil means time.Now
}

// OIDC signs users in by the authorization code flow with PKCE (RFC 6749, RFC 7636), state and
// nonce. A session is an encrypted cookie.
type OIDC struct {
	config OIDCConfig
	client *http.Client
	// keys is the client for the discovery and the keys of the provider. Tokens with unknown keys
	// make it send requests, so it has a rate limit.
	keys   *http.Client
	sealer *sealer

	mu       sync.Mutex
	provider *oidc.Provider // nil until it is discovered
	failed   time.Time      // of the last discovery
	failure  error
	ended    revocations
}

// session is the content of the session cookie.
type session struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Expires time.Time `json:"expires"`
}

// signIn is the content of the cookie of a sign-in that has not ended.
type signIn struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // of PKCE
	Return   string    `json:"return"`   // where to go afterward
	Expires  time.Time `json:"expires"`
}

// NewOIDC makes a sign-in. It does not connect to the provider: a daemon must start while the
// provider is down.
func NewOIDC(c OIDCConfig) (*OIDC, error) {
	if c.Now == nil {
		c.Now = time.Now
	}
	issuer, err := url.Parse(c.Issuer)
	local := err == nil && issuer.Scheme == "http" && loopback.IsHost(issuer.Hostname())
	if err != nil || issuer.Host == "" || issuer.Scheme != "https" && !local {
		return nil, fmt.Errorf("invalid issuer %q: want an https URL", c.Issuer)
	}
	s, err := newSealer()
	if err != nil {
		return nil, err
	}
	if c.Audience != "" && c.Audience == c.ClientID {
		return nil, fmt.Errorf("invalid audience %q: it must not be the client ID, because ID tokens have that one",
			c.Audience)
	}
	transport := limitedTransport{http.DefaultTransport}
	keys := throttledTransport{transport, rate.NewLimiter(keyRequests, maxKeyRequests)}
	return &OIDC{config: c, sealer: s, ended: revocations{},
		client: &http.Client{Timeout: providerTimeout, Transport: transport},
		keys:   &http.Client{Timeout: providerTimeout, Transport: keys}}, nil
}

// The requests for keys that the provider gets, in a second and at once.
const (
	keyRequests    = 1
	maxKeyRequests = 10
)

// throttledTransport sends no requests that exceed a limit.
type throttledTransport struct {
	base    http.RoundTripper
	limiter *rate.Limiter
}

func (t throttledTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.limiter.Allow() {
		return nil, errors.New("too many requests for the keys of the identity provider")
	}
	return t.base.RoundTrip(r)
}

// limitedTransport bounds the answers of the provider.
type limitedTransport struct{ base http.RoundTripper }

func (t limitedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, maxProviderAnswer), res.Body}
	return res, nil
}

// discover returns the provider. A provider that was found once is kept.
func (o *OIDC) discover(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	if now := o.config.Now(); o.failure != nil && now.Sub(o.failed) < discoveryInterval {
		return nil, o.failure
	}
	// The provider keeps the context for the requests of its keys.
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), o.keys)
	provider, err := oidc.NewProvider(ctx, o.config.Issuer)
	if err != nil {
		o.failed, o.failure = o.config.Now(), err
		o.config.Log.Error("the OpenID Connect provider is not available: nobody can sign in", "issuer",
			o.config.Issuer, "error", err)
		return nil, err
	}
	o.provider, o.failure = provider, nil
	return provider, nil
}

func (o *OIDC) oauth(provider *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: o.config.ClientID, ClientSecret: o.config.ClientSecret,
		Endpoint: provider.Endpoint(), RedirectURL: o.config.PublicURL.String() + callbackPath,
		Scopes: append([]string{oidc.ScopeOpenID}, o.config.Scopes...)}
}

func (o *OIDC) routes(mux Router) {
	mux.HandleFunc("GET "+signInPath, o.start)
	mux.HandleFunc("GET "+callbackPath, o.callback)
	mux.HandleFunc("POST "+signOutPath, o.signOut)
	mux.HandleFunc("GET "+signedOutPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "Signed out of roster, but not of the identity provider.\n")
	})
}

// Authenticate returns the user of a session.
func (o *OIDC) Authenticate(r *http.Request) (caller Caller, ok bool) {
	s, ok := o.session(r)
	if !ok {
		return Caller{}, false
	}
	return Caller{Name: s.Name, Role: s.Role, Session: true}, true
}

// isJWT reports whether a token has the form of a JWT. API tokens do not.
func isJWT(token string) bool { return strings.Count(token, ".") == 2 }

// authenticateToken returns the caller of an access token of the provider for this server.
func (o *OIDC) authenticateToken(ctx context.Context, token string) (caller Caller, ok bool) {
	if o.config.Audience == "" {
		return Caller{}, false
	}
	provider, err := o.discover(ctx)
	if err != nil {
		return Caller{}, false // discover has logged it
	}
	id, err := provider.Verifier(&oidc.Config{ClientID: o.config.Audience, Now: o.config.Now}).Verify(ctx, token)
	if err != nil {
		return Caller{}, false
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return Caller{}, false
	}
	return o.callerOf(id.Subject, claims), true
}

func (o *OIDC) session(r *http.Request) (s session, ok bool) {
	if !o.sealer.open(r, o.sessionCookie(), &s) || !o.config.Now().Before(s.Expires) {
		return session{}, false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ended := o.ended[s.ID]
	return s, !ended
}

// signInURL is the address of a sign-in that ends at a path of this server.
func (o *OIDC) signInURL(path string) string {
	return signInPath + "?" + url.Values{"return": {path}}.Encode()
}

// localPath returns a path of this server. It returns "/" for anything that a browser could take
// for another server.
func localPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") ||
		strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") || len(path) > maxReturn ||
		strings.HasPrefix(u.Path, signInPath) {
		return "/"
	}
	return path
}

// start sends the browser to the provider.
func (o *OIDC) start(w http.ResponseWriter, r *http.Request) {
	provider, err := o.discover(r.Context())
	if err != nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "The identity provider is not available. The daemon's log has the reason.",
			http.StatusServiceUnavailable)
		return
	}
	s := signIn{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Return: localPath(r.URL.Query().Get("return")), Expires: o.config.Now().Add(signInDuration)}
	if err := o.setCookie(w, o.signInCookie(), s, signInDuration); err != nil {
		http.Error(w, "The sign-in failed.", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, o.oauth(provider).AuthCodeURL(s.State, oidc.Nonce(s.Nonce),
		oauth2.S256ChallengeOption(s.Verifier)), http.StatusFound)
}

// callback receives the browser from the provider.
func (o *OIDC) callback(w http.ResponseWriter, r *http.Request) {
	var s signIn
	if !o.sealer.open(r, o.signInCookie(), &s) || !o.config.Now().Before(s.Expires) ||
		subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("state")), []byte(s.State)) != 1 {
		http.Error(w, "The sign-in is not of this browser, or too old. Open / to sign in again.",
			http.StatusBadRequest)
		return
	}
	o.clearCookie(w, o.signInCookie()) // a code is used once
	caller, err := o.identify(r, s)
	if err != nil {
		o.config.Log.Warn("sign-in failed", "error", err, "from", r.RemoteAddr)
		http.Error(w, "The sign-in failed. The daemon's log has the reason. Open / to sign in again.",
			http.StatusForbidden)
		return
	}
	value := session{ID: rand.Text(), Name: caller.Name, Role: caller.Role,
		Expires: o.config.Now().Add(sessionDuration)}
	if err := o.setCookie(w, o.sessionCookie(), value, sessionDuration); err != nil {
		http.Error(w, "The sign-in failed.", http.StatusInternalServerError)
		return
	}
	o.config.Log.Info("signed in", "user", caller.Name, "role", caller.Role.String())
	http.Redirect(w, r, s.Return, http.StatusFound)
}

// errorCode is an error code of RFC 6749 or OpenID Connect.
var errorCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// codeOf returns an error code of the provider, if it is one.
func codeOf(text string) string {
	if errorCode.MatchString(text) {
		return text
	}
	return "an unknown error"
}

// identify exchanges the code of a redirect, verifies the ID token, and returns the user. Errors
// have no text of the token endpoint, which could repeat a secret.
func (o *OIDC) identify(r *http.Request, s signIn) (Caller, error) {
	query := r.URL.Query()
	if query.Has("error") {
		return Caller{}, fmt.Errorf("the provider refused the sign-in: %s", codeOf(query.Get("error")))
	}
	provider, err := o.discover(r.Context())
	if err != nil {
		return Caller{}, err
	}
	ctx := oidc.ClientContext(r.Context(), o.client)
	tokens, err := o.oauth(provider).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(s.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) {
			return Caller{}, fmt.Errorf("exchange the code: status %d, %s", refused.Response.StatusCode,
				codeOf(refused.ErrorCode))
		}
		return Caller{}, errors.New("exchange the code: the provider did not answer")
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: o.config.ClientID, Now: o.config.Now}).Verify(ctx, raw)
	if err != nil {
		return Caller{}, fmt.Errorf("verify the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(s.Nonce)) != 1 {
		return Caller{}, errors.New("verify the ID token: it is not of this sign-in: the nonce is wrong")
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return Caller{}, fmt.Errorf("read the ID token: %w", err)
	}
	if _, found := claimAt(claims, o.config.RolesClaim); !found && provider.UserInfoEndpoint() != "" {
		if err := addUserInfo(ctx, provider, tokens, id.Subject, claims); err != nil {
			return Caller{}, err
		}
	}
	return o.callerOf(id.Subject, claims), nil
}

// addUserInfo adds the claims of the userinfo endpoint. Some providers keep roles out of ID tokens.
func addUserInfo(ctx context.Context, p *oidc.Provider, t *oauth2.Token, subject string, claims map[string]any) error {
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(t))
	if err != nil {
		return errors.New("read the userinfo endpoint: the provider refused the access token")
	}
	if info.Subject != subject {
		return errors.New("read the userinfo endpoint: it is about another user than the ID token")
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("read the userinfo endpoint: %w", err)
	}
	for name, value := range more {
		if _, found := claims[name]; !found {
			claims[name] = value
		}
	}
	return nil
}

// callerOf returns the user of an ID token. A user without a role is known, but may do nothing.
func (o *OIDC) callerOf(subject string, claims map[string]any) Caller {
	c := Caller{Name: subject}
	for _, claim := range []string{"email", "preferred_username", "name"} {
		if text, _ := claims[claim].(string); text != "" {
			c.Name = text
			break
		}
	}
	if len(c.Name) > maxName {
		c.Name = strings.ToValidUTF8(c.Name[:maxName], "")
	}
	value, _ := claimAt(claims, o.config.RolesClaim)
	for _, role := range rolesOf(value) {
		switch {
		case slices.Contains(o.config.ActRoles, role):
			c.Role = max(c.Role, RoleAct)
		case slices.Contains(o.config.ReadRoles, role):
			c.Role = max(c.Role, RoleRead)
		}
	}
	return c
}

// claimAt returns a claim by its name, or by its path in objects.
func claimAt(claims map[string]any, name string) (value any, found bool) {
	if value, found = claims[name]; found {
		return value, true
	}
	head, rest, ok := strings.Cut(name, ".")
	inner, isObject := claims[head].(map[string]any)
	if !ok || !isObject {
		return nil, false
	}
	return claimAt(inner, rest)
}

// rolesOf returns the texts of a claim: a list, or a string with one value.
func rolesOf(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var roles []string
		for _, item := range v {
			if text, ok := item.(string); ok {
				roles = append(roles, text)
			}
		}
		return roles
	}
	return nil
}

// signOut ends the session here. The user stays signed in at the provider.
func (o *OIDC) signOut(w http.ResponseWriter, r *http.Request) {
	if s, ok := o.session(r); ok {
		o.mu.Lock()
		o.ended.add(s.ID, s.Expires, o.config.Now())
		o.mu.Unlock()
	}
	o.clearCookie(w, o.sessionCookie())
	http.Redirect(w, r, signedOutPath, http.StatusSeeOther)
}

// secure reports whether browsers use TLS.
func (o *OIDC) secure() bool { return o.config.PublicURL.Scheme == "https" }

// The prefix __Host- binds a cookie to this host, for browsers that use TLS (RFC 6265bis).
func (o *OIDC) cookieName(name string) string {
	if o.secure() {
		return "__Host-" + name
	}
	return name
}

func (o *OIDC) sessionCookie() string { return o.cookieName("roster_session") }
func (o *OIDC) signInCookie() string  { return o.cookieName("roster_login") }

func (o *OIDC) setCookie(w http.ResponseWriter, name string, value any, duration time.Duration) error {
	sealed, err := o.sealer.seal(name, value)
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: sealed, Path: "/", HttpOnly: true, Secure: o.secure(),
		SameSite: http.SameSiteLaxMode, MaxAge: int(duration.Seconds())})
	return nil
}

func (o *OIDC) clearCookie(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{Name: name, Path: "/", HttpOnly: true, Secure: o.secure(),
		SameSite: http.SameSiteLaxMode, MaxAge: -1})
}
