package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"

	"github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/internal/metrics"
	"github.com/seed-d64a251c/roster/internal/oauth"
	"github.com/seed-d64a251c/roster/internal/secret"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

// Directories connect to the SCIM endpoints of provisioners. All runs share the connections, the
// rate limiter of each endpoint, and OAuth tokens. The methods may be called concurrently.
type Directories struct {
	settings Settings
	stateDir string // OAuth tokens are stored below it
	// metrics counts calls; nil counts nothing. It must not change after the first call.
	metrics *metrics.Metrics
	calls   *metrics.Hours // counts them by hour; nil counts nothing

	connections connections
	limiters    sync.Map // limiterKey -> *scim.Limiter
	tokens      sync.Map // provisioner and fingerprint of its auth -> *oauth.Client
}

// Open connects to the directory of a provisioner. With readOnly set, the connection refuses
// requests that write.
func (d *Directories) Open(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
	client, err := d.client(ctx, p, readOnly)
	if err != nil {
		return nil, err
	}
	return &directory.Directory{Client: client}, nil
}

// Test makes one read request with the credentials of a provisioner.
func (d *Directories) Test(ctx context.Context, p *schema.Provisioner) error {
	client, err := d.client(ctx, p, true)
	if err != nil {
		return err
	}
	return (&directory.Directory{Client: client}).Test(ctx)
}

// client makes the SCIM client of a provisioner, and gets its first token.
func (d *Directories) client(ctx context.Context, p *schema.Provisioner, readOnly bool) (*scim.Client, error) {
	if err := d.settings.Policy.CheckURL(p.Endpoint); err != nil {
		return nil, fmt.Errorf("%s: %w", p.EndpointPos, err)
	}
	client := &scim.Client{
		Endpoint:  p.Endpoint,
		Limiter:   d.limiter(p),
		UserAgent: d.settings.userAgent(),
		Log:       d.settings.Log,
		HTTP:      d.connections.client(readOnly, d.settings.Secrets),
		Retry:     d.settings.retry(readOnly),
		Observe: func(c scim.Call) {
			d.metrics.Call(p.Key, c)
			d.calls.Call(p.Key, c, d.settings.now())
		},
	}
	if p.Auth.OAuth2 != nil {
		tokens, err := d.oauthClient(p)
		if err != nil {
			return nil, err
		}
		client.HTTP.Transport = tokens.Transport(client.HTTP.Transport)
		client.Token = func(ctx context.Context) (string, error) {
			token, err := tokens.Token(ctx)
			return token, explainAuthorization(p, err)
		}
	} else {
		// Resolve it only once: the reference may run a command or call AWS.
		token, err := d.settings.secrets().Resolve(ctx, p.Auth.Token)
		if err != nil {
			return nil, err
		}
		client.Token = func(context.Context) (string, error) { return token.Reveal(), nil }
	}
	if err := checkToken(ctx, p, client.Token); err != nil {
		return nil, err
	}
	return client, nil
}

// checkToken gets the token of a provisioner with get. It returns an error that names the source if
// the result cannot be a token.
func checkToken(ctx context.Context, p *schema.Provisioner, get func(context.Context) (string, error)) error {
	token, err := get(ctx)
	if err != nil {
		return err
	}
	if err := scim.CheckToken(token); err != nil {
		return fmt.Errorf("%s: %w", tokenSource(p), err)
	}
	return nil
}

// tokenSource returns where a provisioner's token comes from, after the position of its
// declaration.
func tokenSource(p *schema.Provisioner) string {
	if o := p.Auth.OAuth2; o != nil {
		return fmt.Sprintf("%s: answer of the authorization server %s", o.Pos, o.TokenURL)
	}
	return fmt.Sprintf("%s: %s", p.Auth.Token.Pos, secret.Describe(p.Auth.Token))
}

// limiterKey identifies a limiter: all callers of an endpoint share it, until a commit changes the
// rate.
type limiterKey struct {
	identity string
	rate     schema.Rate
}

func (d *Directories) limiter(p *schema.Provisioner) *scim.Limiter {
	l, _ := d.limiters.LoadOrStore(limiterKey{p.Identity(), p.Rate},
		&scim.Limiter{PerSecond: p.Rate.PerSecond, Concurrency: p.Rate.Concurrency})
	return l.(*scim.Limiter)
}

// explainAuthorization marks an error that a user has to resolve with
// run.ErrNeedsAuthorization, and adds the command.
func explainAuthorization(p *schema.Provisioner, err error) error {
	switch {
	case !errors.Is(err, oauth.ErrNeedsAuthorization):
		return err
	case p.Auth.OAuth2.Grant == string(oauth.AuthorizationCode):
		return fmt.Errorf("%w: %w; run: roster authorize %s", run.ErrNeedsAuthorization, err, p.Key)
	}
	return fmt.Errorf("%w: %w", run.ErrNeedsAuthorization, err)
}

// oauthClient returns the OAuth client of a provisioner. It is the same client until the auth of
// the provisioner changes, so that tokens are used until they expire.
func (d *Directories) oauthClient(p *schema.Provisioner) (*oauth.Client, error) {
	o := p.Auth.OAuth2
	for _, address := range []string{o.TokenURL, o.AuthorizeURL} {
		if err := d.settings.Policy.CheckURL(address); address != "" && err != nil {
			return nil, fmt.Errorf("%s: %w", o.Pos, err)
		}
	}
	client := &oauth.Client{
		Grant:        oauth.Grant(o.Grant),
		TokenURL:     o.TokenURL,
		AuthorizeURL: o.AuthorizeURL,
		ClientID:     o.ClientID,
		Scopes:       o.Scopes,
		Store:        &oauth.Store{Dir: filepath.Join(d.stateDir, "oauth")},
		Name:         p.Key,
		Register:     d.settings.Secrets.AddToken,
	}
	if o.ClientSecret != nil {
		client.Secret = func(ctx context.Context) (string, error) {
			v, err := d.settings.secrets().Resolve(ctx, o.ClientSecret)
			return v.Reveal(), err
		}
	}
	shared, _ := d.tokens.LoadOrStore(p.Key+" "+reconcile.AuthFingerprint(p), client)
	return shared.(*oauth.Client), nil
}

// connections are idle HTTP connections that one run leaves for the next. The zero value is empty.
type connections struct {
	once      sync.Once
	transport *http.Transport
}

// maxConcurrency is the largest concurrency that declarations may ask for.
const maxConcurrency = 100

// client returns an HTTP client that uses the connections. Its responses have none of the secrets.
func (c *connections) client(readOnly bool, secrets *scrub.Scrubber) *http.Client {
	c.once.Do(func() {
		c.transport = http.DefaultTransport.(*http.Transport).Clone()
		c.transport.MaxIdleConns, c.transport.MaxIdleConnsPerHost = 0, maxConcurrency
	})
	clean := secrets.Transport(c.transport)
	if readOnly {
		return &http.Client{Transport: scim.ReadOnly(clean)}
	}
	return &http.Client{Transport: clean}
}
