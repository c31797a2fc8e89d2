package declaration

import (
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// App is one application at the service provider: its SAML settings and the groups that may use it.
type App struct {
	Key         string
	Pos         tree.Pos
	DisplayName string
	SAML        *SAML
	Access      map[string]*Access
}

// Access is the access rule of one group for an app.
type Access struct {
	Pos      tree.Pos
	Requires string
}

// SAML declares both sides of the metadata exchange.
type SAML struct {
	Pos tree.Pos
	// ServiceProviderMetadata is the path of the file downloaded from AWS, relative to the root of
	// the configuration.
	ServiceProviderMetadata string
	// MetadataPos is the position of that path.
	MetadataPos tree.Pos
	// NameID is the field of users that the identity provider sends as NameID: "email", "userId",
	// or "attributes." followed by a custom attribute.
	NameID           string
	IdentityProvider *IdentityProvider
}

// IdentityProvider is the content of the rendered metadata. {domain} in its URLs is replaced by
// each of Domains.
type IdentityProvider struct {
	Pos                  tree.Pos
	EntityID             string
	SingleSignOnPost     string
	SingleSignOnRedirect string
	Signing              map[string]*SigningKey
	Domains              []string
	LifetimeDays         int
	CacheDuration        string
	SignMetadataWith     string
	// Uploaded is when the rendered file was last uploaded to AWS, or nil.
	Uploaded *Date
}

// Phases are the phases of a signing certificate, in order.
var Phases = []string{"next", "uploaded", "active", "previous", "retired"}

// SigningKey is one certificate of the identity provider, with a reference to its private key.
type SigningKey struct {
	Pos         tree.Pos
	Certificate string // path of a PEM file, relative to the configuration's root
	Key         *SecretRef
	Phase       string // one of Phases
	// Dates are the start dates of the phases, by name.
	Dates map[string]*Date
}
