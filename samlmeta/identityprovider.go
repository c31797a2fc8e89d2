package samlmeta

import (
	"cmp"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/crewjam/saml"

	"github.com/seed-d64a251c/roster/schema"
)

// maxMetadata is the maximum number of characters of a metadata file in AWS (user guide,
// other-idps.html).
const maxMetadata = 75000

// Profile is the purpose of a rendered file.
type Profile string

// The profiles.
const (
	// Upload is for a file that is uploaded by hand, as AWS requires. It is valid for the declared
	// lifetime.
	Upload Profile = "upload"
	// Published is for a file that clients fetch regularly. It is valid for at most a week from the
	// start of the day (UTC), so that it does not change during a day.
	Published Profile = "published"
)

const (
	day            = 24 * time.Hour
	publishedDays  = 7
	publishedCache = 24 * time.Hour
)

// The limits of a lifetime, in days.
const (
	MinLifetimeDays = 2
	MaxLifetimeDays = 730
)

// Rendering is the input for the metadata of an identity provider's domain.
type Rendering struct {
	Provider *schema.IdentityProvider
	Domain   string
	// Certificates are the certificates of Provider.Signing, by name. Function Certificates returns
	// them.
	Certificates map[string]*Certificate
	// Only is the name of the only certificate in the file; "" means all published certificates.
	Only string
	// Key signs the file. It is the key of Provider.SignMetadataWith, and required if and only if
	// that is set.
	Key     crypto.Signer
	Profile Profile
	// LifetimeDays, if not 0, replaces the declared lifetime.
	LifetimeDays int
	Now          time.Time
}

// File is rendered metadata.
type File struct {
	XML        []byte
	EntityID   string
	ValidUntil time.Time
	// NextChange is the time from which a rendering with the profile Published differs; zero for
	// Upload.
	NextChange time.Time
	// Certificates are the names of the certificates in the file, in order.
	Certificates []string
}

// Render renders the file. The same Rendering always gives the same bytes: ids are derived from the
// content, and signatures are deterministic.
func (r Rendering) Render() (*File, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	f := &File{EntityID: r.expand(r.Provider.EntityID), Certificates: r.certificateNames()}
	if len(f.Certificates) == 0 {
		return nil, errors.New("render metadata: no signing certificate is published")
	}
	entity := r.descriptor(f)
	unsigned, err := xml.Marshal(entity)
	if err != nil {
		return nil, fmt.Errorf("render metadata: %w", err)
	}
	sum := sha256.Sum256(unsigned)
	entity.ID = "_" + hex.EncodeToString(sum[:16])
	out, err := xml.MarshalIndent(entity, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("render metadata: %w", err)
	}
	f.XML = append([]byte(xml.Header), append(out, '\n')...)
	var trusted []*Certificate
	if s := r.Provider.SignMetadataWith; s != "" {
		if f.XML, err = sign(f.XML, r.Key, r.Certificates[s]); err != nil {
			return nil, fmt.Errorf("sign metadata: %w", err)
		}
		trusted = []*Certificate{r.Certificates[s]}
	}
	if n := utf8.RuneCount(f.XML); n > maxMetadata {
		return nil, schema.Problems{metadataLimit.at(r.Provider.Pos, "", "the metadata for %s has %d characters; "+
			"AWS accepts %d", r.Domain, n, maxMetadata)}
	}
	return f, r.verifyOutput(f, trusted)
}

// validate checks the fields that the caller has set.
func (r Rendering) validate() error {
	days := r.days()
	switch {
	case !slices.Contains(r.Provider.Domains, r.Domain):
		return fmt.Errorf("the identity provider has no domain %q; it has %s", r.Domain,
			strings.Join(r.Provider.Domains, ", "))
	case days < MinLifetimeDays || days > MaxLifetimeDays:
		return fmt.Errorf("the lifetime is %d days; it must be %d to %d", days, MinLifetimeDays, MaxLifetimeDays)
	case r.Profile != Upload && r.Profile != Published:
		return fmt.Errorf("unknown profile %q; use %s or %s", r.Profile, Upload, Published)
	case r.Only != "" && r.Certificates[r.Only] == nil:
		return fmt.Errorf("the identity provider has no signing certificate %q", r.Only)
	case r.Now.IsZero():
		return errors.New("render metadata: the time is not set")
	case (r.Key != nil) != (r.Provider.SignMetadataWith != ""):
		return errors.New("render metadata: a key is required if signMetadataWith is set, and only then")
	}
	return nil
}

func (r Rendering) days() int { return cmp.Or(r.LifetimeDays, r.Provider.LifetimeDays) }

func (r Rendering) expand(text string) string { return strings.ReplaceAll(text, "{domain}", r.Domain) }

// publishedPhases are the phases whose certificates are in metadata, in this order.
var publishedPhases = []string{"active", "uploaded", "next", "previous"}

// certificateNames returns the certificates of the file, the active one first.
func (r Rendering) certificateNames() []string {
	if r.Only != "" {
		return []string{r.Only}
	}
	var out []string
	for _, phase := range publishedPhases {
		var names []string
		for name, key := range r.Provider.Signing {
			if key.Phase == phase && r.Certificates[name] != nil {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		out = append(out, names...)
	}
	return out
}

// descriptor builds the EntityDescriptor (saml-metadata-2.0-os, 2.3.2 and 2.4.3).
func (r Rendering) descriptor(f *File) *saml.EntityDescriptor {
	cache, _ := time.ParseDuration(r.Provider.CacheDuration) // 0 means none; the schema has checked it
	from, days := r.Now.UTC().Truncate(time.Second), r.days()
	if r.Profile == Published {
		from, days = r.Now.UTC().Truncate(day), min(days, publishedDays)
		f.NextChange = from.Add(day)
		cache = min(cmp.Or(cache, publishedCache), time.Duration(days)*day)
	}
	f.ValidUntil = from.Add(time.Duration(days) * day)
	role := saml.IDPSSODescriptor{SSODescriptor: saml.SSODescriptor{
		RoleDescriptor: saml.RoleDescriptor{ProtocolSupportEnumeration: "urn:oasis:names:tc:SAML:2.0:protocol"},
		NameIDFormats:  []saml.NameIDFormat{saml.EmailAddressNameIDFormat},
	}}
	for _, name := range f.Certificates {
		data := saml.X509Data{X509Certificates: []saml.X509Certificate{{Data: r.Certificates[name].base64()}}}
		role.KeyDescriptors = append(role.KeyDescriptors, saml.KeyDescriptor{Use: "signing",
			KeyInfo: saml.KeyInfo{X509Data: data}})
	}
	role.SingleSignOnServices = []saml.Endpoint{{Binding: saml.HTTPPostBinding,
		Location: r.expand(r.Provider.SingleSignOnPost)}}
	if redirect := r.Provider.SingleSignOnRedirect; redirect != "" {
		role.SingleSignOnServices = append(role.SingleSignOnServices, saml.Endpoint{Binding: saml.HTTPRedirectBinding,
			Location: r.expand(redirect)})
	}
	return &saml.EntityDescriptor{EntityID: f.EntityID, ValidUntil: f.ValidUntil, CacheDuration: cache,
		IDPSSODescriptors: []saml.IDPSSODescriptor{role}}
}

// verifyOutput parses the rendered file and compares it with the input, so that a file with another
// content is never used.
func (r Rendering) verifyOutput(f *File, trusted []*Certificate) error {
	read, err := ParseIdentityProvider("metadata.xml", f.XML, trusted)
	if err != nil {
		return fmt.Errorf("parse the rendered metadata: %v", err) // without positions, because the file is not on disk
	}
	same := read.EntityID == f.EntityID && read.ValidUntil.Equal(f.ValidUntil) &&
		read.SingleSignOnPost == r.expand(r.Provider.SingleSignOnPost) &&
		read.SingleSignOnRedirect == r.expand(r.Provider.SingleSignOnRedirect) &&
		len(read.Certificates) == len(f.Certificates)
	for i := range read.Certificates {
		same = same && read.Certificates[i].Fingerprint == r.Certificates[f.Certificates[i]].Fingerprint
	}
	if !same {
		return errors.New("parse the rendered metadata: its content differs from the declarations")
	}
	return nil
}

// IdentityProvider is the content of an identity provider's metadata.
type IdentityProvider struct {
	EntityID                               string
	SingleSignOnPost, SingleSignOnRedirect string
	NameIDFormats                          []string
	Certificates                           []*Certificate
	ValidUntil                             time.Time // zero if the file has no end
	CacheDuration                          time.Duration
}

// ParseIdentityProvider parses the metadata of one identity provider. If there are trusted
// certificates, one of their keys must have signed the file, and the result has only the signed
// part. Without trusted certificates, a signature is ignored. The validity of certificates is not
// checked, because metadata uses a certificate only as a container of a key (SAML V2.0 Metadata
// Interoperability Profile, 2.6.1).
func ParseIdentityProvider(name string, data []byte, trusted []*Certificate) (*IdentityProvider, error) {
	doc, err := parseDocument(name, data)
	if err != nil {
		return nil, err
	}
	if problems := append(doc.checkEntity(),
		doc.checkRole("IDPSSODescriptor", "identity provider")...); len(problems) > 0 {
		return nil, problems
	}
	if len(trusted) > 0 {
		if data, err = verify(doc, trusted); err != nil {
			return nil, err
		}
	}
	entity := &saml.EntityDescriptor{}
	if err := xml.Unmarshal(data, entity); err != nil {
		return nil, schema.Problems{notMetadata.at(doc.rootPos(), "", "is not SAML metadata: %v", err)}
	}
	role := entity.IDPSSODescriptors[0]
	idp := &IdentityProvider{EntityID: entity.EntityID, ValidUntil: earliest(entity.ValidUntil, role.ValidUntil),
		CacheDuration: entity.CacheDuration}
	for _, f := range role.NameIDFormats {
		idp.NameIDFormats = append(idp.NameIDFormats, string(f))
	}
	for _, s := range role.SingleSignOnServices {
		switch s.Binding {
		case saml.HTTPPostBinding:
			idp.SingleSignOnPost = cmp.Or(idp.SingleSignOnPost, s.Location)
		case saml.HTTPRedirectBinding:
			idp.SingleSignOnRedirect = cmp.Or(idp.SingleSignOnRedirect, s.Location)
		}
	}
	if idp.SingleSignOnPost == "" && idp.SingleSignOnRedirect == "" {
		return nil, schema.Problems{notMetadata.at(doc.rootPos(), "", "has no SingleSignOnService with the binding "+
			"HTTP-POST or HTTP-Redirect")}
	}
	if idp.Certificates, err = signingCertificates(doc, role.KeyDescriptors); err != nil {
		return nil, err
	}
	return idp, nil
}

// signingCertificates parses the signing certificates of an identity provider. A key for encryption
// is an error, because AWS rejects it.
func signingCertificates(doc *document, keys []saml.KeyDescriptor) ([]*Certificate, error) {
	var out []*Certificate
	for _, k := range keys {
		if k.Use == "encryption" {
			return nil, schema.Problems{notMetadata.at(doc.rootPos(), "", "has a key for encryption, which AWS "+
				"does not accept")}
		}
		for _, x := range k.KeyInfo.X509Data.X509Certificates {
			c, err := parseBase64(doc.rootPos(), x.Data)
			if err != nil {
				return nil, err
			}
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return nil, schema.Problems{notMetadata.at(doc.rootPos(), "", "has no signing certificate")}
	}
	return out, nil
}
