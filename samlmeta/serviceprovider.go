package samlmeta

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"net/url"
	"slices"
	"time"

	"github.com/crewjam/saml"

	"github.com/seed-d64a251c/roster/schema"
)

// EmailAddress is the NameID format that IAM Identity Center requires (saml-core-2.0-os, 8.3.2).
const EmailAddress = string(saml.EmailAddressNameIDFormat)

// ServiceProvider is the content of a service provider's metadata.
type ServiceProvider struct {
	EntityID string
	// Region and IdentityStore are parts of the entityID; "" if it does not have the form of AWS.
	Region, IdentityStore string
	Consumers             []Consumer
	NameIDFormats         []string
	// Certificates sign the service provider's requests.
	Certificates         []*Certificate
	AuthnRequestsSigned  bool
	WantAssertionsSigned bool
	// ValidUntil is the earliest end in the file; zero if there is none.
	ValidUntil time.Time
	// SHA256 is the digest of the file, in hexadecimal.
	SHA256 string
	// Warnings are differences from the files of AWS, sorted.
	Warnings schema.Problems

	descriptor *saml.EntityDescriptor
}

// Consumer is an AssertionConsumerService, the URL that assertions are sent to.
type Consumer struct {
	Pos               schema.Pos
	Index             int
	Default           bool
	Binding, Location string
	// Kind and Region are properties of an AWS URL; "" for other URLs.
	Kind, Region string
}

// ParseServiceProvider parses the metadata of one service provider. The error is schema.Problems
// with positions in the file. The caller must check whether the file has expired.
func ParseServiceProvider(name string, data []byte) (*ServiceProvider, error) {
	doc, err := parseDocument(name, data)
	if err != nil {
		return nil, err
	}
	if problems := append(doc.checkEntity(),
		doc.checkRole("SPSSODescriptor", "service provider")...); len(problems) > 0 {
		return nil, problems
	}
	entity := &saml.EntityDescriptor{}
	if err := xml.Unmarshal(data, entity); err != nil {
		return nil, schema.Problems{notMetadata.at(doc.rootPos(), "", "is not SAML metadata: %v", err)}
	}
	sum := sha256.Sum256(data)
	r := &providerReader{doc: doc, role: &entity.SPSSODescriptors[0]}
	sp := &ServiceProvider{
		EntityID: entity.EntityID, AuthnRequestsSigned: isTrue(r.role.AuthnRequestsSigned),
		WantAssertionsSigned: isTrue(r.role.WantAssertionsSigned),
		ValidUntil:           earliest(entity.ValidUntil, r.role.ValidUntil), SHA256: hex.EncodeToString(sum[:]),
		descriptor: entity,
	}
	sp.Region, sp.IdentityStore = matchEntityID(sp.EntityID)
	for _, f := range r.role.NameIDFormats {
		sp.NameIDFormats = append(sp.NameIDFormats, string(f))
	}
	sp.Consumers = r.consumers()
	if sp.Region != "" {
		r.refuseOtherHosts(sp.Consumers)
	}
	sp.Certificates = r.certificates()
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	sp.Warnings = slices.Concat(r.warnings, sp.awsWarnings(doc))
	return sp, nil
}

// roles are the elements for the roles of an entity (saml-metadata-2.0-os, 2.3.2).
var roles = []string{"RoleDescriptor", "IDPSSODescriptor", "SPSSODescriptor", "AuthnAuthorityDescriptor",
	"AttributeAuthorityDescriptor", "PDPDescriptor", "AffiliationDescriptor"}

// checkRole checks that the document has exactly one role, the wanted one.
func (d *document) checkRole(wanted, words string) schema.Problems {
	var problems schema.Problems
	found := 0
	for _, name := range roles {
		for _, e := range d.all(name) {
			switch {
			case name != wanted:
				problems = append(problems,
					notMetadata.at(e.pos, "", "has the role %s; it must be the metadata of only a %s", name, words))
			case found > 0:
				problems = append(problems, notMetadata.at(e.pos, "", "describes the %s twice", words))
			case e.parent != 0:
				problems = append(problems, notMetadata.at(e.pos, "", "has %s at the wrong place", name))
			}
			if name == wanted {
				found++
			}
		}
	}
	if found == 0 && len(problems) == 0 {
		problems = append(problems, notMetadata.at(d.rootPos(), "", "has no %s", wanted))
	}
	return problems
}

func isTrue(b *bool) bool { return b != nil && *b }

// earliest returns the earlier of the times that are set.
func earliest(a time.Time, b *time.Time) time.Time {
	if b != nil && (a.IsZero() || b.Before(a)) {
		return b.UTC()
	}
	if a.IsZero() {
		return time.Time{}
	}
	return a.UTC()
}

// providerReader reads parts of a service provider's metadata.
type providerReader struct {
	doc                *document
	role               *saml.SPSSODescriptor
	problems, warnings schema.Problems
}

// consumers returns every AssertionConsumerService. It reads locations from the elements, because
// the decoder drops the location of an unknown binding.
func (r *providerReader) consumers() []Consumer {
	elements := r.doc.all("AssertionConsumerService")
	if len(elements) == 0 || len(elements) != len(r.role.AssertionConsumerServices) {
		r.problems = append(r.problems, badConsumer.at(r.doc.all("SPSSODescriptor")[0].pos, "",
			"has no AssertionConsumerService"))
		return nil
	}
	var out []Consumer
	taken := map[int]bool{}
	for i, acs := range r.role.AssertionConsumerServices {
		e := elements[i]
		c := Consumer{Pos: e.pos, Index: acs.Index, Default: isTrue(acs.IsDefault), Binding: acs.Binding,
			Location: e.attr("Location")}
		c.Kind, c.Region = matchConsumer(c.Location)
		if u, err := url.Parse(c.Location); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
			u.Fragment != "" {
			p := badConsumer.at(e.pos, "", "the AssertionConsumerService is not an https URL")
			p.Value = truncateQuoted(c.Location)
			r.problems = append(r.problems, p)
		}
		if taken[c.Index] {
			r.warnings = append(r.warnings,
				unusualMetadata.at(e.pos, "", "two AssertionConsumerServices have the index %d", c.Index))
		}
		taken[c.Index] = true
		out = append(out, c)
	}
	return out
}

// refuseOtherHosts reports the consumers whose hosts are not of AWS. They would get the assertions
// that are meant for AWS, and could sign in with them.
func (r *providerReader) refuseOtherHosts(consumers []Consumer) {
	for _, c := range consumers {
		u, err := url.Parse(c.Location)
		if err != nil || isSignInHost(u.Hostname()) {
			continue // consumers has reported the URL that cannot be parsed
		}
		p := badConsumer.at(c.Pos, "", "the entityID is of AWS, but the host of AssertionConsumerService %d is not",
			c.Index)
		p.Value = truncateQuoted(c.Location)
		r.problems = append(r.problems, p)
	}
}

// certificates parses the signing certificates. A key for encryption is a problem.
func (r *providerReader) certificates() []*Certificate {
	var out []*Certificate
	elements := r.doc.all("KeyDescriptor")
	for i, k := range r.role.KeyDescriptors {
		pos := elements[min(i, len(elements)-1)].pos
		if k.Use == "encryption" {
			r.problems = append(r.problems,
				encryptedAssertions.at(pos, "", "the service provider requests encrypted assertions"))
			continue
		}
		if k.Use == "" {
			r.warnings = append(r.warnings,
				unusualMetadata.at(pos, "", "a KeyDescriptor has no use; it is treated as a signing key"))
		}
		for _, x := range k.KeyInfo.X509Data.X509Certificates {
			c, err := parseBase64(pos, x.Data)
			if problems, ok := err.(schema.Problems); ok {
				r.problems = append(r.problems, problems...)
				continue
			}
			out = append(out, c)
			r.warnings = append(r.warnings, c.Warnings...)
		}
	}
	return out
}

// truncateQuoted returns a text in quotation marks, truncated for a message.
func truncateQuoted(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return quote(s)
}
