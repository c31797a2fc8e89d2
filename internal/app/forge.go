package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// ForgeConfig configures the forge of a daemon's repository. Declarations cannot change it.
type ForgeConfig struct {
	Kind        string // github, gitlab or gitea; "" for none
	URL         string // of the repository; "" means the URL that the daemon polls
	API         string // "" means the usual one of the forge
	TokenEnv    string // environment name
	SecretEnvs  []string
	MaxAge      time.Duration // of the snapshot of AWS that previews use
	SnapshotDir string        // for snapshots of AWS; "" writes none
	// TrustCommitAuthors accepts reviews of commits whose author and pusher the forge does not
	// know.
	TrustCommitAuthors bool
}

// open connects to the forge. It returns nil if none is configured.
func (c *ForgeConfig) open(s *Settings, r *RepositoryConfig) (forge.Forge, error) {
	if c.Kind == "" {
		if c.URL != "" || c.API != "" {
			return nil, UsageError{errors.New("--forge is missing: github, gitlab or gitea")}
		}
		return nil, nil
	}
	config := forge.Config{Kind: forge.Kind(c.Kind), Repository: cmp.Or(c.URL, r.URL), API: c.API,
		UserAgent: s.userAgent(), HTTP: s.Secrets.Requests(http.DefaultTransport)}
	if config.Kind == forge.KindGitHub {
		var err error
		if config.App, err = r.Git.readApp(); err != nil {
			return nil, err
		}
	}
	if config.Token = s.secretOf(c.TokenEnv); config.Token == "" && config.App == nil {
		return nil, fmt.Errorf("the forge requires a token: set %s, or name another variable with --forge-token-env",
			c.TokenEnv)
	}
	return forge.Open(config)
}

// webhooks returns the handler of webhooks, which makes the daemon poll and renews the previews. It
// returns nil if no secret is set.
func (c *ForgeConfig) webhooks(s *Settings, poll, renew func()) http.Handler {
	var secrets [][]byte
	for _, name := range c.SecretEnvs {
		if v := s.secretOf(name); v != "" {
			secrets = append(secrets, []byte(v))
		}
	}
	if len(secrets) == 0 {
		return nil
	}
	return &forge.Webhooks{Secrets: secrets, Trigger: poll, Renew: renew, Log: s.Log}
}

// newPreviewer connects a previewer to the repository, the forge and a copy of the daemon's runner.
// It returns nil if there is neither a forge nor a folder for snapshots.
func newPreviewer(w *Workspace, c *ServeConfig, f forge.Forge, runner run.Runner) *preview.Previewer {
	if f == nil && c.Forge.SnapshotDir == "" {
		return nil
	}
	runner.Audit = w.recorder.Reader() // snapshots are read while runs write
	p := &preview.Previewer{
		Forge:          preview.NoForge{},
		Repo:           w.source.merges(),
		Branch:         c.Branch,
		PollInterval:   c.Poll,
		MaxSnapshotAge: c.Forge.MaxAge,
		Now:            w.settings.Now,
		Log:            w.settings.Log,
		RedactKey:      w.redactKey,
		Approvals:      w.recorder.Reader().Approvals,
		ReadDirectory: func(ctx context.Context, p *schema.Provisioner) (*reconcile.Snapshot, error) {
			return runner.Snapshot(ctx, p)
		},
	}
	if f != nil {
		p.Forge = f
		p.Outcomes = &preview.Outcomes{Forge: f, Repo: p.Repo, Branch: c.Branch, Log: w.settings.Log}
	}
	if dir := c.Forge.SnapshotDir; dir != "" {
		p.StoreSnapshot = func(s *reconcile.Snapshot) error { return preview.WriteSnapshot(dir, s) }
	}
	return p
}
