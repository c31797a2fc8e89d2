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
)

// App is a GitHub App that is installed on the repository.
type App struct {
	ID           int64
	PrivateKey   []byte // PEM, as GitHub hands it out
	Installation int64  // 0: the one of the repository is asked for
}

// installation turns an App's key into tokens that last for an hour (docs.github.com, "Generating an installation access token").
type installation struct {
	app         App
	key         *rsa.PrivateKey
	client      *github.Client // as the App itself
	owner, name string
	now         func() time.Time

	mu      sync.Mutex
	value   string
	expires time.Time
}

// InstallationToken returns what gives tokens of the App in c for Git over HTTPS: each lasts for an hour, is for c's repository alone, and is
// renewed when it is asked for shortly before its end.
func InstallationToken(c Config) (func(context.Context) (string, error), error) {
	if c.App == nil {
		return nil, errors.New("there is no GitHub App")
	}
	c.Kind = KindGitHub
	f, err := open(c)
	if err != nil {
		return nil, fmt.Errorf("open GitHub App: %w", err)
	}
	return f.(*gitHub).app.token, nil
}

func newInstallation(app App, carrier *http.Client, options []github.ClientOptionsFunc, owner, name string, now func() time.Time) (*installation, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM(app.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("the private key of the GitHub App cannot be read: want RSA in PEM") // the cause might quote it
	}
	if now == nil {
		now = time.Now
	}
	i := &installation{app: app, key: key, owner: owner, name: name, now: now}
	signed := *carrier
	signed.Transport = bearer{carrier.Transport, i.jwt}
	i.client, err = github.NewClient(append(options[:len(options):len(options)], github.WithHTTPClient(&signed))...)
	return i, err
}

// jwt identifies the App for the next minutes. Its clock may differ from GitHub's by one.
func (i *installation) jwt(context.Context) (string, error) {
	now := i.now()
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.RegisteredClaims{Issuer: strconv.FormatInt(i.app.ID, 10),
		IssuedAt: jwt.NewNumericDate(now.Add(-time.Minute)), ExpiresAt: jwt.NewNumericDate(now.Add(8 * time.Minute))}).SignedString(i.key)
}

// token returns an installation token that is good for some minutes yet.
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
	t, _, err := i.client.Apps.CreateInstallationToken(ctx, id, &github.InstallationTokenOptions{Repositories: []string{i.name}})
	if err != nil {
		return "", fmt.Errorf("get a token of the GitHub App %d: %w", i.app.ID, err)
	}
	i.app.Installation, i.value, i.expires = id, t.GetToken(), t.GetExpiresAt().Time
	return i.value, nil
}

// login returns the name under which the App comments.
func (i *installation) login(ctx context.Context) (string, error) {
	app, _, err := i.client.Apps.Get(ctx, "")
	if err != nil {
		return "", err
	}
	return app.GetSlug() + "[bot]", nil
}
