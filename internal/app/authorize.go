package app

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/internal/oauth"
)

// AuthorizationFlow configures the authorization of a provisioner by a user in a browser.
type AuthorizationFlow struct {
	Listen  string        // loopback address of the redirect URI
	Timeout time.Duration // for the user
	ShowURL func(address string)
	// PastedURLs are addresses that the user pastes.
	PastedURLs <-chan string
}

// Authorization is the result of an authorization flow.
type Authorization struct {
	Provisioner string
	Expires     time.Time // of the access token
	Renewable   bool      // there is a refresh token
}

// Authorize runs the authorization code flow of the named provisioner, or of the only one, and
// stores the tokens in the state directory.
func (w *Workspace) Authorize(ctx context.Context, provisioner string, f AuthorizationFlow) (*Authorization, error) {
	p, err := w.selectProvisioner(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	if o := p.Auth.OAuth2; o == nil || o.Grant != string(oauth.AuthorizationCode) {
		return nil, fmt.Errorf("%s: provisioner %q needs no authorization: only oauth2 with the grant "+
			"authorizationCode does", p.Pos, p.Key)
	}
	client, err := w.directories.oauthClient(p)
	if err != nil {
		return nil, err
	}
	flow := oauth.Flow{Listen: f.Listen, Timeout: f.Timeout, ShowURL: f.ShowURL, PastedURLs: f.PastedURLs}
	got, err := client.Authorize(ctx, flow)
	if err != nil {
		return nil, err
	}
	if err := checkToken(ctx, p, client.Token); err != nil {
		return nil, err
	}
	return &Authorization{Provisioner: p.Key, Expires: got.Expires, Renewable: got.Renewable}, nil
}
