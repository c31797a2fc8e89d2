package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/samlmeta"
)

// publisher is what serve publishes of identity providers: the metadata of the newest valid commit. It keeps what it rendered while it holds.
type publisher struct {
	workspace *workspace
	state     func() daemon.State
	now       func() time.Time

	mu   sync.Mutex
	kept map[string]keptMetadata // by app and domain; only declared ones come in
}

type keptMetadata struct {
	commit string
	file   *samlmeta.File
}

// metadata is a web.MetadataFunc.
func (p *publisher) metadata(ctx context.Context, app, domain string) (*web.Metadata, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	commit := p.state().ValidCommit.ID
	if commit == "" {
		return nil, errors.New("no valid commit yet")
	}
	key := app + "/" + strings.ToLower(domain)
	if k, ok := p.kept[key]; !ok || k.commit != commit || !p.now().Before(k.file.NextChange) {
		file, err := p.render(ctx, commit, app, domain)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				p.workspace.log.Error("metadata cannot be rendered", "app", app, "domain", domain, "error", err)
			}
			return nil, err
		}
		if p.kept == nil {
			p.kept = map[string]keptMetadata{}
		}
		p.kept[key] = keptMetadata{commit, file}
	}
	file := p.kept[key].file
	return &web.Metadata{XML: file.XML, Expires: file.NextChange}, nil
}

func (p *publisher) render(ctx context.Context, commit, app, domain string) (*samlmeta.File, error) {
	decls, err := p.workspace.load(ctx, commit)
	if err != nil {
		return nil, err
	}
	idp, err := identityProviderOf(decls, app)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	declared := ""
	for _, d := range idp.Domains {
		if strings.EqualFold(d, domain) {
			declared = d
		}
	}
	if declared == "" {
		return nil, fmt.Errorf("%w: app %q has no domain %q", fs.ErrNotExist, app, domain)
	}
	tree, err := p.workspace.source.tree(commit)
	if err != nil {
		return nil, err
	}
	r := samlmeta.Rendering{Provider: idp, Domain: declared, Profile: samlmeta.Published, Now: p.now()}
	if r.Certificates, err = samlmeta.Certificates(idp, tree); err != nil {
		return nil, err
	}
	if s := idp.SignMetadataWith; s != "" {
		if r.Key, err = p.workspace.app.signingKey(ctx, idp.Signing[s], r.Certificates[s]); err != nil {
			return nil, err
		}
	}
	return r.Render()
}
