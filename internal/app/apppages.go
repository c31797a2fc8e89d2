package app

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

// appList lists the apps with sign-in settings of a commit, for the pages of the daemon. It keeps
// the list until the commit changes.
type appList struct {
	source *Source
	commit func() string // the newest valid commit, "" before there is one

	mu   sync.Mutex
	at   string
	apps []web.App
}

// get returns the apps, by key.
func (l *appList) get(ctx context.Context) ([]web.App, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	commit := l.commit()
	if commit == "" {
		return nil, errors.New("no commit is valid yet")
	}
	if commit == l.at {
		return l.apps, nil
	}
	decls, err := l.source.checkedDeclarations(ctx, commit)
	if err != nil {
		return nil, err
	}
	tree, err := l.source.tree(commit)
	if err != nil {
		return nil, err
	}
	var apps []web.App
	for _, key := range slices.Sorted(maps.Keys(decls.Apps)) {
		if decls.Apps[key].SAML != nil {
			apps = append(apps, appOf(decls.Apps[key], tree))
		}
	}
	l.at, l.apps = commit, apps
	return apps, nil
}

// appOf returns an app with the files that its sign-in settings name. Files that cannot be read are
// problems: the rest of the app can still be shown.
func appOf(app *schema.App, tree fs.FS) web.App {
	settings := app.SAML
	out := web.App{Key: app.Key, Name: app.DisplayName, Position: settings.Pos.String(), NameID: settings.NameID}
	if out.Name == "" {
		out.Name = app.Key
	}
	sp, err := samlmeta.ReadServiceProvider(tree, settings.ServiceProviderMetadata)
	out.Problems = append(out.Problems, problemLines(err)...)
	if idp := settings.IdentityProvider; idp != nil {
		certificates, err := samlmeta.Certificates(idp, tree)
		out.Problems = append(out.Problems, problemLines(err)...)
		out.Provider = providerOf(idp)
		for _, name := range slices.Sorted(maps.Keys(idp.Signing)) {
			if c := certificates[name]; c != nil {
				out.Certificates = append(out.Certificates, certificateOf(c, name, idp.Signing[name].Phase,
					idp.Signing[name].Pos.String()))
			}
		}
		slices.SortStableFunc(out.Certificates, func(a, b web.AppCertificate) int {
			return slices.Index(phaseOrder, a.Phase) - slices.Index(phaseOrder, b.Phase)
		})
	}
	if sp != nil {
		out.Service = &web.AppService{File: settings.ServiceProviderMetadata, EntityID: sp.EntityID, Region: sp.Region,
			NameIDFormats: sp.NameIDFormats, ValidUntil: sp.ValidUntil}
		for _, c := range sp.Consumers {
			out.Service.Endpoints = append(out.Service.Endpoints, web.AppEndpoint{Kind: c.Binding, Address: c.Location})
		}
		for _, c := range sp.Certificates {
			out.Certificates = append(out.Certificates, certificateOf(c, c.X509.Subject.String(), "",
				settings.MetadataPos.String()))
		}
	}
	return out
}

// phaseOrder is the order of certificates on a page.
var phaseOrder = []string{"active", "uploaded", "next", "previous", "retired"}

func providerOf(idp *schema.IdentityProvider) *web.AppProvider {
	out := &web.AppProvider{EntityID: idp.EntityID, Domains: idp.Domains, LifetimeDays: idp.LifetimeDays,
		CacheDuration: idp.CacheDuration, SignedWith: idp.SignMetadataWith}
	for _, e := range []web.AppEndpoint{{Kind: "HTTP-POST", Address: idp.SingleSignOnPost},
		{Kind: "HTTP-Redirect", Address: idp.SingleSignOnRedirect}} {
		if e.Address != "" {
			out.Endpoints = append(out.Endpoints, e)
		}
	}
	if idp.Uploaded != nil {
		out.Uploaded = idp.Uploaded.Start
	}
	return out
}

func certificateOf(c *samlmeta.Certificate, name, phase, position string) web.AppCertificate {
	return web.AppCertificate{Name: name, Phase: phase, Algorithm: c.Algorithm(), Fingerprint: c.Fingerprint,
		Position: position, NotBefore: c.NotBefore(), NotAfter: c.NotAfter()}
}

// problemLines returns the problems of an error, one by one; nil for nil.
func problemLines(err error) []string {
	var problems schema.Problems
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &problems):
		return []string{err.Error()}
	}
	var out []string
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}
