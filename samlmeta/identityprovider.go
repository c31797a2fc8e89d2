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

// maxMetadata is how many characters AWS takes a metadata file in (UG/other-idps.html).
const maxMetadata = 75000

// Profile says what a rendered file is for.
type Profile string

const (
	// Upload is for a file that is handed over once, by hand, as AWS wants it: it is valid for as long as is declared.
	Upload Profile = "upload"
	// Published is for a file that is fetched again and again: it is valid for a week at most, counted from the beginning of the day (UTC),
	// so that it stays the same for a day.
	Published Profile = "published"
)

const (
	day            = 24 * time.Hour
	publishedDays  = 7
	publishedCache = 24 * time.Hour
)

// The bounds of a lifetime, in days.
const (
	MinLifetimeDays = 2
	MaxLifetimeDays = 730
)

// Rendering is the metadata of an identity provider that is to be written for one of its domains.
type Rendering struct {
	Provider *schema.IdentityProvider
	Domain   string
	// Certificates are those of Provider.Signing, by name: Certificates reads them.
	Certificates map[string]*Certificate
	// Only is the name of the one certificate that the file is to have; empty for all that are published.
	Only string
	// Key signs the file. It is that of Provider.SignMetadataWith, and required if and only if that is set.
	Key     crypto.Signer
	Profile Profile
	// LifetimeDays replaces what is declared, unless 0.
	LifetimeDays int
	Now          time.Time
}

// File is rendered metadata.
type File struct {
	XML        []byte
	EntityID   string
	ValidUntil time.Time
	// Changes is when a rendering of the Published profile turns out otherwise; zero with Upload.
	Changes time.Time
	// Certificates are the names of those in the file, in its order.
	Certificates []string
}

// Render writes the file. The same Rendering gives the same bytes: ids follow from the content, and signatures take no random number.
func (r Rendering) Render() (*File, error) {
	if err := r.sound(); err != nil {
		return nil, err
	}
	f := &File{EntityID: r.fill(r.Provider.EntityID), Certificates: r.names()}
	if len(f.Certificates) == 0 {
		return nil, errors.New("render metadata: no signing certificate is published")
	}
	entity := r.describe(f)
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
		return nil, schema.Problems{metadataLimit.at(r.Provider.Pos, "", "the metadata for %s has %d characters; AWS takes %d", r.Domain, n, maxMetadata)}
	}
	return f, r.proof(f, trusted)
}

// sound checks what the caller chose.
func (r Rendering) sound() error {
	days := r.days()
	switch {
	case !slices.Contains(r.Provider.Domains, r.Domain):
		return fmt.Errorf("the identity provider has no domain %q; it has %s", r.Domain, strings.Join(r.Provider.Domains, ", "))
	case days < MinLifetimeDays || days > MaxLifetimeDays:
		return fmt.Errorf("a lifetime of %d days; want %d to %d", days, MinLifetimeDays, MaxLifetimeDays)
	case r.Profile != Upload && r.Profile != Published:
		return fmt.Errorf("there is no profile %q; there are %s and %s", r.Profile, Upload, Published)
	case r.Only != "" && r.Certificates[r.Only] == nil:
		return fmt.Errorf("the identity provider has no signing certificate %q", r.Only)
	case r.Now.IsZero():
		return errors.New("render metadata: the time is not set")
	case (r.Key != nil) != (r.Provider.SignMetadataWith != ""):
		return errors.New("render metadata: a key belongs to signMetadataWith, and the other way round")
	}
	return nil
}

func (r Rendering) days() int { return cmp.Or(r.LifetimeDays, r.Provider.LifetimeDays) }

func (r Rendering) fill(text string) string { return strings.ReplaceAll(text, "{domain}", r.Domain) }

// published are the phases whose certificates stand in metadata, in that order.
var published = []string{"active", "uploaded", "next", "previous"}

// names are the certificates of the file: the active one first.
func (r Rendering) names() []string {
	if r.Only != "" {
		return []string{r.Only}
	}
	var out []string
	for _, phase := range published {
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

// describe builds the descriptor (saml-metadata-2.0-os, 2.3.2 and 2.4.3).
func (r Rendering) describe(f *File) *saml.EntityDescriptor {
	cache, _ := time.ParseDuration(r.Provider.CacheDuration) // "" and what the schema refuses are 0: none
	from, days := r.Now.UTC().Truncate(time.Second), r.days()
	if r.Profile == Published {
		from, days = r.Now.UTC().Truncate(day), min(days, publishedDays)
		f.Changes = from.Add(day)
		cache = min(cmp.Or(cache, publishedCache), time.Duration(days)*day)
	}
	f.ValidUntil = from.Add(time.Duration(days) * day)
	role := saml.IDPSSODescriptor{SSODescriptor: saml.SSODescriptor{
		RoleDescriptor: saml.RoleDescriptor{ProtocolSupportEnumeration: "urn:oasis:names:tc:SAML:2.0:protocol"},
		NameIDFormats:  []saml.NameIDFormat{saml.EmailAddressNameIDFormat},
	}}
	for _, name := range f.Certificates {
		data := saml.X509Data{X509Certificates: []saml.X509Certificate{{Data: r.Certificates[name].embedded()}}}
		role.KeyDescriptors = append(role.KeyDescriptors, saml.KeyDescriptor{Use: "signing", KeyInfo: saml.KeyInfo{X509Data: data}})
	}
	role.SingleSignOnServices = []saml.Endpoint{{Binding: saml.HTTPPostBinding, Location: r.fill(r.Provider.SingleSignOnPost)}}
	if redirect := r.Provider.SingleSignOnRedirect; redirect != "" {
		role.SingleSignOnServices = append(role.SingleSignOnServices, saml.Endpoint{Binding: saml.HTTPRedirectBinding, Location: r.fill(redirect)})
	}
	return &saml.EntityDescriptor{EntityID: f.EntityID, ValidUntil: f.ValidUntil, CacheDuration: cache, IDPSSODescriptors: []saml.IDPSSODescriptor{role}}
}

// proof reads the file as its reader will: nothing leaves that says something else than was meant.
func (r Rendering) proof(f *File, trusted []*Certificate) error {
	read, err := ParseIdentityProvider("metadata.xml", f.XML, trusted)
	if err != nil {
		return fmt.Errorf("read the rendered metadata back: %v", err) // its lines are not those of any file that people have
	}
	same := read.EntityID == f.EntityID && read.ValidUntil.Equal(f.ValidUntil) && read.SingleSignOnPost == r.fill(r.Provider.SingleSignOnPost) &&
		read.SingleSignOnRedirect == r.fill(r.Provider.SingleSignOnRedirect) && len(read.Certificates) == len(f.Certificates)
	for i := range read.Certificates {
		same = same && read.Certificates[i].Fingerprint == r.Certificates[f.Certificates[i]].Fingerprint
	}
	if !same {
		return errors.New("read the rendered metadata back: it says something else than is declared")
	}
	return nil
}

// IdentityProvider is what the metadata of an identity provider says.
type IdentityProvider struct {
	EntityID                               string
	SingleSignOnPost, SingleSignOnRedirect string
	NameIDFormats                          []string
	Certificates                           []*Certificate
	ValidUntil                             time.Time // zero if the file names no end
	CacheDuration                          time.Duration
}

// ParseIdentityProvider reads the metadata of one identity provider. With trusted certificates it must be signed by one of their keys, and
// what is returned is what the signature covers; without, a signature is not looked at. As metadata has it, a certificate is a holder of a
// key: whether it has expired plays no part (SAML V2.0 Metadata Interoperability Profile, 2.6.1).
func ParseIdentityProvider(name string, data []byte, trusted []*Certificate) (*IdentityProvider, error) {
	doc, err := pass(name, data)
	if err != nil {
		return nil, err
	}
	if problems := append(doc.entity(), doc.role("IDPSSODescriptor", "identity provider")...); len(problems) > 0 {
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
	idp := &IdentityProvider{EntityID: entity.EntityID, ValidUntil: earliest(entity.ValidUntil, role.ValidUntil), CacheDuration: entity.CacheDuration}
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
		return nil, schema.Problems{notMetadata.at(doc.rootPos(), "", "names no SingleSignOnService over HTTP-POST or HTTP-Redirect")}
	}
	if idp.Certificates, err = signing(doc, role.KeyDescriptors); err != nil {
		return nil, err
	}
	return idp, nil
}

// signing reads the certificates that an identity provider signs with. AWS refuses a file with a key for encryption.
func signing(doc *document, keys []saml.KeyDescriptor) ([]*Certificate, error) {
	var out []*Certificate
	for _, k := range keys {
		if k.Use == "encryption" {
			return nil, schema.Problems{notMetadata.at(doc.rootPos(), "", "has a key for encryption, which AWS does not take")}
		}
		for _, x := range k.KeyInfo.X509Data.X509Certificates {
			c, err := parseEmbedded(doc.rootPos(), x.Data)
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
