package app

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/notexist"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/samlmeta"
)

// metadataCache renders the metadata of identity providers at a commit, for the daemon. It keeps
// each file until the commit or the content changes.
type metadataCache struct {
	settings Settings
	source   *Source
	commit   func() string // the newest valid commit, "" before there is one

	mu    sync.Mutex
	files map[metadataKey]cachedMetadata // only of declared apps and domains
}

type metadataKey struct{ app, domain string }

type cachedMetadata struct {
	commit string
	file   *samlmeta.File
}

// get returns the metadata for a domain of an app: fs.ErrNotExist if it is not declared. It is a
// web.MetadataFunc.
func (c *metadataCache) get(ctx context.Context, app, domain string) (*web.Metadata, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	commit := c.commit()
	if commit == "" {
		return nil, errors.New("no valid commit yet")
	}
	key, now := metadataKey{app, strings.ToLower(domain)}, c.settings.now()
	cached, found := c.files[key]
	if !found || cached.commit != commit || !now.Before(cached.file.NextChange) {
		file, err := c.render(ctx, commit, key, now)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				c.settings.Log.Error("render SAML metadata", "app", app, "domain", domain, "error", err)
			}
			return nil, err
		}
		if c.files == nil {
			c.files = map[metadataKey]cachedMetadata{}
		}
		cached = cachedMetadata{commit, file}
		c.files[key] = cached
	}
	return &web.Metadata{XML: cached.file.XML, Expires: cached.file.NextChange}, nil
}

func (c *metadataCache) render(
	ctx context.Context, commit string, key metadataKey, now time.Time,
) (*samlmeta.File, error) {
	decls, err := c.source.checkedDeclarations(ctx, commit)
	if err != nil {
		return nil, err
	}
	idp, err := identityProvider(decls, key.app)
	if err != nil {
		return nil, notexist.Errorf("%w", err)
	}
	domain := ""
	for _, d := range idp.Domains {
		if strings.EqualFold(d, key.domain) {
			domain = d
		}
	}
	if domain == "" {
		return nil, notexist.Errorf("app %q has no domain %q", key.app, key.domain)
	}
	tree, err := c.source.tree(commit)
	if err != nil {
		return nil, err
	}
	r := samlmeta.Rendering{Provider: idp, Domain: domain, Profile: samlmeta.Published, Now: now}
	if r.Certificates, err = samlmeta.Certificates(idp, tree); err != nil {
		return nil, err
	}
	if name := idp.SignMetadataWith; name != "" {
		if r.Key, err = c.settings.signingKey(ctx, idp.Signing[name], r.Certificates[name]); err != nil {
			return nil, err
		}
	}
	return r.Render()
}
