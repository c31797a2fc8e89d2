package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// hosting is what the daemon is told about the forge. Declarations have no say in it.
type hosting struct {
	kind, url, api    string
	tokenEnv          string
	webhookSecretEnvs []string
	fresh             time.Duration
	snapshots         string
}

func (h *hosting) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&h.kind, "forge", "", "github, gitlab or gitea (Forgejo too): preview pull requests, and know what was approved")
	f.StringVar(&h.url, "forge-url", "", "https URL of the repository at the forge (default: --repo)")
	f.StringVar(&h.api, "forge-api", "", "URL of the forge's API, where it does not follow from the repository's")
	f.StringVar(&h.tokenEnv, "forge-token-env", "ROSTER_FORGE_TOKEN", "environment name of the forge's token")
	f.StringSliceVar(&h.webhookSecretEnvs, "webhook-secret-env", []string{"ROSTER_WEBHOOK_SECRET"}, "environment names of secrets for /webhooks/; several while one is replaced")
	f.DurationVar(&h.fresh, "preview-fresh", 10*time.Minute, "how old a look at AWS may become that previews rest on")
	f.StringVar(&h.snapshots, "snapshots", "", "folder for what AWS holds, as roster plan --observed reads it; it holds people's data")
}

// open connects to the forge; nil if there is none.
func (h *hosting) open(a *app, repo string, git *credentials) (forge.Forge, error) {
	if h.kind == "" {
		if h.url != "" || h.api != "" {
			return nil, usageError{errors.New("--forge is missing: github, gitlab or gitea")}
		}
		return nil, nil
	}
	c := forge.Config{Kind: forge.Kind(h.kind), Repository: h.url, API: h.api, UserAgent: "roster/" + version()}
	if c.Repository == "" {
		c.Repository = repo
	}
	if c.Kind == forge.KindGitHub {
		var err error
		if c.App, err = git.readApp(); err != nil {
			return nil, err
		}
	}
	if c.Token, _ = a.env(h.tokenEnv); c.Token == "" && c.App == nil {
		return nil, fmt.Errorf("the forge needs a token: set %s, or name another with --forge-token-env", h.tokenEnv)
	}
	return forge.Open(c)
}

// webhooks hears deliveries; nil if no secret is set.
func (h *hosting) webhooks(a *app, w *workspace, ring func()) http.Handler {
	var secrets [][]byte
	for _, name := range h.webhookSecretEnvs {
		if v, ok := a.env(name); ok && v != "" {
			secrets = append(secrets, []byte(v))
		}
	}
	if len(secrets) == 0 {
		return nil
	}
	return &forge.Webhooks{Secrets: secrets, Trigger: ring, Log: w.log}
}

// previews joins the previewer to the repository, the forge and the runner; nil if nobody wants any.
func (w *workspace) previews(s *service, f forge.Forge, runner *run.Runner, wake <-chan struct{}) *preview.Previewer {
	if f == nil && s.hosting.snapshots == "" {
		return nil
	}
	reader := *runner // looks are taken while runs are under way
	reader.Audit = w.book.Reader()
	p := &preview.Previewer{Forge: preview.NoForge{}, Repo: w.proposals(), Branch: s.branch, PollInterval: s.poll, MaxSnapshotAge: s.hosting.fresh, Trigger: wake, Log: w.log, RedactKey: w.redactKey,
		ReadDirectory: func(ctx context.Context, pr *schema.Provisioner) (*reconcile.Snapshot, error) {
			return reader.Snapshot(ctx, pr)
		}}
	if f != nil {
		p.Forge = f
	}
	if dir := s.hosting.snapshots; dir != "" {
		p.StoreSnapshot = func(s *reconcile.Snapshot) error { return preview.WriteSnapshot(dir, s) }
	}
	return p
}

// proposals is the repository as what merging would make of it.
func (w *workspace) proposals() *preview.Repository {
	return &preview.Repository{Repo: w.source.repo, Path: strings.TrimPrefix(w.source.path, "./"), Declarations: w.load, Check: w.app.policy.Check,
		Load: func(tree fs.FS) (*schema.Declarations, error) { return loadTree(tree, w.source.cache.Load) }}
}

// bell is a channel that holds one ring.
type bell chan struct{}

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
