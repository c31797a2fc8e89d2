package forge

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-github/v92/github"

	"github.com/seed-d64a251c/roster/internal/neterror"
)

// App is a GitHub App that is installed for the repository.
type App struct {
	ID           int64
	PrivateKey   []byte // PEM, as downloaded from GitHub
	Installation int64  // 0 means: look up the installation of the repository
}

// installation creates access tokens with the key of a GitHub App. GitHub limits them to one hour
// (docs.github.com, "Generating an installation access token").
type installation struct {
	app         App
	key         *rsa.PrivateKey
	client      *github.Client // authenticates as the App itself
	owner, name string
	now         func() time.Time

	mu      sync.Mutex
	value   string
	expires time.Time
}

// InstallationToken returns a function that returns a token of c.App for Git over HTTPS. A token
// lasts one hour and gives access to c's repository only. The function renews it shortly before it
// expires.
func InstallationToken(c Config) (func(context.Context) (string, error), error) {
	if c.App == nil {
		return nil, errors.New("no GitHub App is configured")
	}
	c.Kind = KindGitHub
	f, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("open GitHub App: %w", err)
	}
	return func(ctx context.Context) (string, error) {
		token, err := f.(*gitHub).app.token(ctx)
		return token, neterror.Within(err)
	}, nil
}

func newInstallation(app App, httpClient *http.Client, options []github.ClientOptionsFunc, owner, name string,
	now func() time.Time) (*installation, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM(app.PrivateKey)
	if err != nil {
		// The cause is left out, because it might quote the key.
		return nil, errors.New("cannot read the private key of the GitHub App: it must be an RSA key in PEM")
	}
	if now == nil {
		now = time.Now
	}
	i := &installation{app: app, key: key, owner: owner, name: name, now: now}
	signed := *httpClient
	signed.Transport = bearer{httpClient.Transport, i.jwt}
	i.client, err = github.NewClient(append(options[:len(options):len(options)], github.WithHTTPClient(&signed))...)
	return i, err
}

// jwt returns a short-lived token that identifies the App. This machine's clock may be a minute
// ahead of GitHub's.
func (i *installation) jwt(context.Context) (string, error) {
	now := i.now()
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{Issuer: strconv.FormatInt(i.app.ID, 10),
		IssuedAt:  jwt.NewNumericDate(now.Add(-time.Minute)),
		ExpiresAt: jwt.NewNumericDate(now.Add(8 * time.Minute))}).SignedString(i.key)
}

// token returns an installation token that is valid for at least five minutes.
func (i *installation) token(ctx context.Context) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.value != "" && i.now().Before(i.expires.Add(-5*time.Minute)) {
		return i.value, nil
	}
	id := i.app.Installation
	if id == 0 {
		found, _, err := i.client.Apps.GetRepositoryInstallation(ctx, i.owner, i.name)
		if err != nil {
			return "", fmt.Errorf("find the installation of the GitHub App %d: %w", i.app.ID, err)
		}
		id = found.GetID()
	}
	t, _, err := i.client.Apps.CreateInstallationToken(ctx, id,
		&github.InstallationTokenOptions{Repositories: []string{i.name}})
	if err != nil {
		return "", fmt.Errorf("get a token of the GitHub App %d: %w", i.app.ID, err)
	}
	i.app.Installation, i.value, i.expires = id, t.GetToken(), t.GetExpiresAt().Time
	return i.value, nil
}

// botLogin returns the author of the App's comments.
func (i *installation) botLogin(ctx context.Context) (string, error) {
	app, _, err := i.client.Apps.Get(ctx, "")
	if err != nil {
		return "", err
	}
	return app.GetSlug() + "[bot]", nil
}
