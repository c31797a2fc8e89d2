package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/oauth"
	"github.com/seed-d64a251c/roster/internal/secret"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

// client makes the SCIM client of a provisioner, and gets its first token.
func (w *workspace) client(ctx context.Context, p *schema.Provisioner, readOnly bool) (*scim.Client, error) {
	if err := w.app.policy.CheckURL(p.Endpoint); err != nil {
		return nil, fmt.Errorf("%s: %w", p.EndpointPos, err)
	}
	client := &scim.Client{Endpoint: p.Endpoint, Limiter: w.limiter(p), UserAgent: "roster/" + version(), Log: w.log,
		HTTP: w.pool.client(readOnly), Retry: w.app.retry(readOnly)}
	if p.Auth.OAuth2 != nil {
		tokens, err := w.oauth(p)
		if err != nil {
			return nil, err
		}
		client.HTTP.Transport = tokens.Transport(client.HTTP.Transport)
		client.Token = func(ctx context.Context) (string, error) {
			token, err := tokens.Token(ctx)
			return token, needing(p, err)
		}
	} else {
		token, err := w.resolver().Resolve(ctx, p.Auth.Token) // once: a command or a call to AWS may stand behind it
		if err != nil {
			return nil, err
		}
		client.Token = func(context.Context) (string, error) { return token.Reveal(), nil }
	}
	if _, err := client.Token(ctx); err != nil {
		return nil, err
	}
	return client, nil
}

// paced is who shares a limiter: all callers of an endpoint, until a commit changes the rate.
type paced struct {
	identity string
	rate     schema.Rate
}

func (w *workspace) limiter(p *schema.Provisioner) *scim.Limiter {
	l, _ := w.limiters.LoadOrStore(paced{p.Identity(), p.Rate}, &scim.Limiter{PerSecond: p.Rate.PerSecond, Concurrency: p.Rate.Concurrency})
	return l.(*scim.Limiter)
}

func (w *workspace) resolver() *secret.Resolver {
	return &secret.Resolver{Policy: w.app.policy, Getenv: w.app.env, AgeIdentity: w.app.ageIdentity}
}

// needing gives an error that somebody has to act on reconcile's name, and says how to act.
func needing(p *schema.Provisioner, err error) error {
	switch {
	case !errors.Is(err, oauth.ErrNeedsAuthorization):
		return err
	case p.Auth.OAuth2.Grant == string(oauth.AuthorizationCode):
		return fmt.Errorf("%w: %w; run: roster authorize %s", run.ErrNeedsAuthorization, err, p.Key)
	}
	return fmt.Errorf("%w: %w", run.ErrNeedsAuthorization, err)
}

// oauth is the OAuth client of a provisioner: one for as long as its declaration stays the same, so that tokens are used to their end.
func (w *workspace) oauth(p *schema.Provisioner) (*oauth.Client, error) {
	o := p.Auth.OAuth2
	for _, address := range []string{o.TokenURL, o.AuthorizeURL} {
		if err := w.app.policy.CheckURL(address); address != "" && err != nil {
			return nil, fmt.Errorf("%s: %w", o.Pos, err)
		}
	}
	client := &oauth.Client{Grant: oauth.Grant(o.Grant), TokenURL: o.TokenURL, AuthorizeURL: o.AuthorizeURL, ClientID: o.ClientID, Scopes: o.Scopes,
		Store: &oauth.Store{Dir: filepath.Join(w.book.StateDir, "oauth")}, Name: p.Key}
	if o.ClientSecret != nil {
		resolver := w.resolver()
		client.Secret = func(ctx context.Context) (string, error) {
			v, err := resolver.Resolve(ctx, o.ClientSecret)
			return v.Reveal(), err
		}
	}
	kept, _ := w.tokens.LoadOrStore(p.Key+" "+reconcile.AuthFingerprint(p), client)
	return kept.(*oauth.Client), nil
}

// try makes one harmless call with a provisioner's credentials.
func (w *workspace) try(ctx context.Context, p *schema.Provisioner) error {
	client, err := w.client(ctx, p, true)
	if err != nil {
		return err
	}
	_, err = client.ServiceProviderConfig(ctx)
	return err
}
