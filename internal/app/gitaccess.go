package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/textfile"
)

// GitCredentials authenticate roster to a Git server.
type GitCredentials struct {
	TokenEnv         string // environment name of a token or password, for HTTPS
	Username         string // sent with the token
	SSHKey           string // private key file; "" means the SSH agent
	SSHPassphraseEnv string // environment name of the passphrase of SSHKey

	AppID           int64  // GitHub App to authenticate as; 0 for none
	AppInstallation int64  // 0 means the installation of the repository
	AppKey          string // file with the private key of the app
}

// GitNetwork configures connections to Git servers, with any credentials.
type GitNetwork struct {
	KnownHosts string // known_hosts file; "" means the user's
	CAFile     string // additional certificate authorities
	Proxy      string // URL; "" means HTTPS_PROXY and NO_PROXY
	GitHubAPI  string // API that issues the tokens of GitHub Apps; "" means the repository's
}

// set reports whether any credentials are configured.
func (c *GitCredentials) set(env func(string) (string, bool)) bool {
	token, found := env(c.TokenEnv)
	return found && token != "" || c.Username != "" || c.SSHKey != "" || c.AppID != 0
}

// readApp reads the private key of the GitHub App. It returns nil if no app is configured.
func (c *GitCredentials) readApp() (*forge.App, error) {
	if c.AppID == 0 {
		return nil, nil
	}
	key, err := textfile.Read(c.AppKey)
	if err != nil {
		return nil, fmt.Errorf("read the private key of the GitHub App: %w", err)
	}
	return &forge.App{ID: c.AppID, PrivateKey: key, Installation: c.AppInstallation}, nil
}

// gitAccess opens remote repositories with the configured credentials.
type gitAccess struct {
	settings *Settings
	config   *RepositoryConfig
}

// mirror opens the cache of a remote repository in dir.
func (g gitAccess) mirror(dir, url string, c *GitCredentials) (*gitrepo.Repo, error) {
	auth, err := g.auth(url, c)
	if err != nil {
		return nil, err
	}
	repo, err := gitrepo.Mirror(dir, url, auth)
	var damaged *gitrepo.DamagedError
	if errors.As(err, &damaged) {
		aside, failed := atomicfile.MoveDamaged(dir)
		if failed != nil {
			return nil, errors.Join(err, failed)
		}
		g.logDamage(aside, err)
		repo, err = gitrepo.Mirror(dir, url, auth)
	}
	if err == nil {
		repo.Renewed = g.logDamage
	}
	return repo, err
}

func (g gitAccess) logDamage(aside string, damage error) {
	g.settings.Log.Warn("a state file is damaged and was set aside", "file", aside, "error", damage,
		"lost", "nothing: it is fetched again")
}

// auditCredentials returns the credentials for the audit branch: its own, or those for reading.
func (g gitAccess) auditCredentials() *GitCredentials {
	if g.config.AuditGit.set(g.settings.Env) {
		return &g.config.AuditGit
	}
	return &g.config.Git
}

func (g gitAccess) auth(repo string, c *GitCredentials) (gitrepo.Auth, error) {
	g.settings.registerPassword(repo)
	network := &g.config.Network
	auth := gitrepo.Auth{Username: c.Username, SSHKeyFile: c.SSHKey, CAFile: network.CAFile}
	if network.KnownHosts != "" {
		auth.KnownHostsFiles = []string{network.KnownHosts}
	}
	if network.Proxy != "" {
		proxy, err := url.Parse(network.Proxy)
		if err != nil || proxy.Host == "" { // the error may quote a password
			return auth, UsageError{errors.New("invalid --git-proxy: want a URL such as http://proxy.example.com:3128")}
		}
		auth.Proxy = http.ProxyURL(proxy)
	}
	auth.SSHPassphrase = g.settings.secretOf(c.SSHPassphraseEnv)
	if token := g.settings.secretOf(c.TokenEnv); token != "" {
		auth.Token = func(context.Context) (string, error) { return token, nil }
		return auth, nil
	}
	if c.AppID == 0 {
		return auth, nil
	}
	var err error
	auth.Token, err = g.appToken(repo, c, auth)
	return auth, err
}

// appToken returns a function that gets tokens of a GitHub App's installation.
func (g gitAccess) appToken(
	repo string, c *GitCredentials, auth gitrepo.Auth,
) (func(context.Context) (string, error), error) {
	app, err := c.readApp()
	if err != nil {
		return nil, err
	}
	transport, err := auth.Transport()
	if err != nil {
		return nil, err
	}
	token, err := forge.InstallationToken(forge.Config{Repository: repo, API: g.config.Network.GitHubAPI, App: app,
		UserAgent: g.settings.userAgent(), HTTP: transport})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (string, error) {
		text, err := token(ctx)
		g.settings.Secrets.AddToken("GitHub App for "+repo, text)
		return text, g.settings.Secrets.Error(err)
	}, nil
}

// fetch fetches what a ref needs: only the branch, if it is one.
func fetch(ctx context.Context, repo *gitrepo.Repo, ref string) error {
	err := repo.Fetch(ctx, ref)
	if errors.Is(err, fs.ErrNotExist) { // a tag or a commit, if it exists
		err = repo.Fetch(ctx)
	}
	if err != nil {
		return fmt.Errorf("read the repository: %w", err)
	}
	return nil
}
