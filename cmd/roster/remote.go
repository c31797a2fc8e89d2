package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// credentials are who roster is to a Git server.
type credentials struct {
	tokenEnv, username     string
	sshKey, passphraseEnv  string
	appID, appInstallation int64
	appKey                 string
}

// register adds the flags, each beginning with prefix.
func (c *credentials) register(f *pflag.FlagSet, prefix, env, what string) {
	f.StringVar(&c.tokenEnv, prefix+"git-token-env", "ROSTER_"+env+"GIT_TOKEN", "environment name of the token or password for "+what+" over HTTPS")
	f.StringVar(&c.username, prefix+"git-username", "", "user name that goes with it")
	f.StringVar(&c.sshKey, prefix+"ssh-key", "", "private key file for "+what+" over SSH (default: the agent)")
	f.StringVar(&c.passphraseEnv, prefix+"ssh-passphrase-env", "ROSTER_"+env+"SSH_PASSPHRASE", "environment name of that key's passphrase")
	f.Int64Var(&c.appID, prefix+"github-app", 0, "id of a GitHub App to be instead, for "+what+" on GitHub over HTTPS")
	f.StringVar(&c.appKey, prefix+"github-app-key", "", "file with the private key of the GitHub App (PEM)")
	f.Int64Var(&c.appInstallation, prefix+"github-app-installation", 0, "installation of the GitHub App (default: the repository's)")
}

// given reports whether somebody has named any.
func (c *credentials) given(a *app) bool {
	token, ok := a.env(c.tokenEnv)
	return ok && token != "" || c.username != "" || c.sshKey != "" || c.appID != 0
}

// readApp reads the GitHub App; nil if none is named.
func (c *credentials) readApp() (*forge.App, error) {
	if c.appID == 0 {
		return nil, nil
	}
	key, err := os.ReadFile(c.appKey)
	if err != nil {
		return nil, fmt.Errorf("read the private key of the GitHub App: %w", err)
	}
	return &forge.App{ID: c.appID, PrivateKey: key, Installation: c.appInstallation}, nil
}

// network is how Git servers are reached, whoever roster is to them.
type network struct{ knownHosts, caFile, proxy, githubAPI string }

func (n *network) register(f *pflag.FlagSet) {
	f.StringVar(&n.knownHosts, "known-hosts", "", "known_hosts file for SSH repositories (default: the user's)")
	f.StringVar(&n.caFile, "git-ca", "", "further certificate authorities for HTTPS repositories (PEM)")
	f.StringVar(&n.proxy, "git-proxy", "", "URL of the proxy for HTTPS repositories (default: HTTPS_PROXY and NO_PROXY)")
	f.StringVar(&n.githubAPI, "github-api", "", "URL of the API that gives tokens to a GitHub App, where it does not follow from the repository's")
}

// auth is how to reach the repository at a URL with these credentials.
func (a *app) auth(n *network, c *credentials, repo string) (gitrepo.Auth, error) {
	auth := gitrepo.Auth{Username: c.username, SSHKeyFile: c.sshKey, CAFile: n.caFile}
	if n.knownHosts != "" {
		auth.KnownHostsFiles = []string{n.knownHosts}
	}
	if n.proxy != "" {
		proxy, err := url.Parse(n.proxy)
		if err != nil || proxy.Host == "" { // the cause may quote a password
			return auth, usageError{errors.New("--git-proxy: want a URL such as http://proxy.example.com:3128")}
		}
		auth.Proxy = http.ProxyURL(proxy)
	}
	if token, ok := a.env(c.tokenEnv); ok && token != "" {
		auth.Token = func(context.Context) (string, error) { return token, nil }
	}
	if auth.Token == nil && c.appID != 0 {
		app, err := c.readApp()
		if err != nil {
			return auth, err
		}
		carrier, err := auth.Transport()
		if err != nil {
			return auth, err
		}
		auth.Token, err = forge.InstallationToken(forge.Config{Repository: repo, API: n.githubAPI, App: app, UserAgent: "roster/" + version(), HTTP: carrier})
		if err != nil {
			return auth, err
		}
	}
	auth.SSHPassphrase, _ = a.env(c.passphraseEnv)
	return auth, nil
}

// mirror opens the cache of a repository in a folder.
func (w *workspace) mirror(dir, url string, c *credentials) (*gitrepo.Repo, error) {
	auth, err := w.app.auth(&w.place.network, c, url)
	if err != nil {
		return nil, err
	}
	return gitrepo.Mirror(dir, url, auth)
}

// auditCredentials are those for the audit branch: its own, or those for reading.
func (w *workspace) auditCredentials() *credentials {
	if w.place.auditGit.given(w.app) {
		return &w.place.auditGit
	}
	return &w.place.git
}

// fetch brings what a ref needs: the branch alone, where it is one.
func fetch(ctx context.Context, repo *gitrepo.Repo, ref string) error {
	err := repo.Fetch(ctx, ref)
	if errors.Is(err, fs.ErrNotExist) { // a tag or a commit, if it is there at all
		err = repo.Fetch(ctx)
	}
	if err != nil {
		return fmt.Errorf("read the repository: %w", err)
	}
	return nil
}
