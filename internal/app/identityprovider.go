package app

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

// MetadataRequest asks for the metadata of an app's identity provider.
type MetadataRequest struct {
	App          string
	Domain       string // "" means the only one
	Certificate  string // the only signing certificate to publish; "" means all
	Profile      string // "upload" or "published"
	LifetimeDays int    // 0 means what is declared
}

// MetadataFile is the metadata of an identity provider.
type MetadataFile struct {
	*samlmeta.File
	SigningCertificates map[string]*samlmeta.Certificate // by name
	// Notes name the certificates whose keys were not checked. They are there after an error too.
	Notes []string
}

// IdentityProviderMetadata renders the metadata that an app declares. It compares the private keys
// that it can resolve with their certificates.
func IdentityProviderMetadata(
	ctx context.Context, s Settings, r RepositoryConfig, q MetadataRequest,
) (*MetadataFile, error) {
	out := &MetadataFile{}
	decls, tree, err := readDeclarations(ctx, s, r)
	if err != nil {
		return out, err
	}
	idp, err := identityProvider(decls, q.App)
	if err != nil {
		return out, err
	}
	domain := q.Domain
	if domain == "" && len(idp.Domains) > 1 {
		return out, UsageError{fmt.Errorf("app %q has several domains: --domain %s", q.App,
			strings.Join(idp.Domains, "|"))}
	}
	if domain == "" {
		domain = idp.Domains[0]
	}
	rendering := samlmeta.Rendering{Provider: idp, Domain: domain, Only: q.Certificate,
		Profile: samlmeta.Profile(q.Profile), LifetimeDays: q.LifetimeDays, Now: s.now()}
	if rendering.Certificates, err = samlmeta.Certificates(idp, tree); err != nil {
		return out, err
	}
	out.SigningCertificates = rendering.Certificates
	rendering.Key, out.Notes, err = s.checkSigningKeys(ctx, idp, rendering.Certificates)
	if err != nil {
		return out, err
	}
	out.File, err = rendering.Render()
	return out, err
}

// identityProvider returns the identity provider that an app declares.
func identityProvider(decls *schema.Declarations, key string) (*schema.IdentityProvider, error) {
	app := decls.Apps[key]
	switch {
	case app == nil:
		return nil, fmt.Errorf("there is no app %q; declared: %s", key,
			strings.Join(slices.Sorted(maps.Keys(decls.Apps)), ", "))
	case app.SAML == nil || app.SAML.IdentityProvider == nil:
		return nil, fmt.Errorf("%s: app %q declares no saml.identityProvider", app.Pos, key)
	}
	return app.SAML.IdentityProvider, nil
}

// checkSigningKeys compares the keys of published certificates with them, and returns the key that
// signs the metadata, or nil. A key that cannot be resolved is an error only if it signs; else a
// note names it.
func (s *Settings) checkSigningKeys(
	ctx context.Context, idp *schema.IdentityProvider, certificates map[string]*samlmeta.Certificate,
) (signer crypto.Signer, notes []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(idp.Signing)) {
		k := idp.Signing[name]
		if k.Key == nil || k.Phase == "retired" {
			continue
		}
		key, err := s.signingKey(ctx, k, certificates[name])
		var unresolved unresolvedKeyError
		switch {
		case errors.As(err, &unresolved) && name != idp.SignMetadataWith:
			notes = append(notes, fmt.Sprintf("the key of %q was not compared with its certificate: %v", name, err))
		case err != nil:
			return nil, notes, fmt.Errorf("the key of %q: %w", name, err)
		case name == idp.SignMetadataWith:
			signer = key
		}
	}
	return signer, notes, nil
}

// unresolvedKeyError is the error for a private key that this machine cannot read.
type unresolvedKeyError struct{ error }

func (e unresolvedKeyError) Unwrap() error { return e.error }

// signingKey resolves the private key of a certificate.
func (s *Settings) signingKey(
	ctx context.Context, k *schema.SigningKey, c *samlmeta.Certificate,
) (crypto.Signer, error) {
	v, err := s.secrets().Resolve(ctx, k.Key)
	if err != nil {
		return nil, unresolvedKeyError{err}
	}
	key, err := c.ParseKey(v.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Key.Pos, err)
	}
	return key, nil
}
