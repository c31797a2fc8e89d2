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

// EmailAddress is the NameID format that IAM Identity Center asks for (saml-core-2.0-os, 8.3.2).
const EmailAddress = string(saml.EmailAddressNameIDFormat)

// ServiceProvider is what the metadata of a service provider says.
type ServiceProvider struct {
	EntityID string
	// Region and IdentityStore are those in the entityID; empty if it is not one of AWS's.
	Region, IdentityStore string
	Consumers             []Consumer
	NameIDFormats         []string
	// Certificates are those that sign the service provider's requests.
	Certificates         []*Certificate
	AuthnRequestsSigned  bool
	WantAssertionsSigned bool
	// ValidUntil is the earliest end that the file names; zero if it names none.
	ValidUntil time.Time
	// SHA256 is the file's, in hexadecimal: the fact that a commit declares.
	SHA256 string
	// Odd is what is worth a look, sorted.
	Odd schema.Problems

	descriptor *saml.EntityDescriptor
}

// Consumer is an AssertionConsumerService: where assertions are sent.
type Consumer struct {
	Pos               schema.Pos
	Index             int
	Default           bool
	Binding, Location string
	// Kind and Region are what AWS's form of the address says; empty if it is not one of AWS's.
	Kind, Region string
}

// ParseServiceProvider reads the metadata of one service provider. The error is schema.Problems at the file's lines. Whether the file has
// expired is for the caller to say, who knows the time.
func ParseServiceProvider(name string, data []byte) (*ServiceProvider, error) {
	doc, err := pass(name, data)
	if err != nil {
		return nil, err
	}
	if problems := append(doc.entity(), doc.role("SPSSODescriptor", "service provider")...); len(problems) > 0 {
		return nil, problems
	}
	entity := &saml.EntityDescriptor{}
	if err := xml.Unmarshal(data, entity); err != nil {
		return nil, schema.Problems{notMetadata.at(doc.rootPos(), "", "is not SAML metadata: %v", err)}
	}
	sum := sha256.Sum256(data)
	r := &providerReader{doc: doc, role: &entity.SPSSODescriptors[0]}
	sp := &ServiceProvider{
		EntityID: entity.EntityID, AuthnRequestsSigned: yes(r.role.AuthnRequestsSigned), WantAssertionsSigned: yes(r.role.WantAssertionsSigned),
		ValidUntil: earliest(entity.ValidUntil, r.role.ValidUntil), SHA256: hex.EncodeToString(sum[:]), descriptor: entity,
	}
	for _, f := range r.role.NameIDFormats {
		sp.NameIDFormats = append(sp.NameIDFormats, string(f))
	}
	sp.Consumers = r.consumers()
	sp.Certificates = r.certificates()
	if len(r.problems) > 0 {
		return nil, r.problems
	}
	sp.Odd = slices.Concat(r.odd, sp.oddities(doc))
	return sp, nil
}

// roles are the elements that say what an entity does (saml-metadata-2.0-os, 2.3.2).
var roles = []string{"RoleDescriptor", "IDPSSODescriptor", "SPSSODescriptor", "AuthnAuthorityDescriptor", "AttributeAuthorityDescriptor", "PDPDescriptor", "AffiliationDescriptor"}

// role insists on exactly one role, the one wanted.
func (d *document) role(wanted, words string) schema.Problems {
	var problems schema.Problems
	found := 0
	for _, name := range roles {
		for _, e := range d.all(name) {
			switch {
			case name != wanted:
				problems = append(problems, notMetadata.at(e.pos, "", "has the role %s; the metadata of a %s and nothing else is wanted", name, words))
			case found > 0:
				problems = append(problems, notMetadata.at(e.pos, "", "describes the %s twice", words))
			case e.parent != 0:
				problems = append(problems, notMetadata.at(e.pos, "", "has %s where it does not belong", name))
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

func yes(b *bool) bool { return b != nil && *b }

// earliest is the first of the ends that are set.
func earliest(a time.Time, b *time.Time) time.Time {
	if b != nil && (a.IsZero() || b.Before(a)) {
		return b.UTC()
	}
	if a.IsZero() {
		return time.Time{}
	}
	return a.UTC()
}

// providerReader reads the parts of a service provider.
type providerReader struct {
	doc           *document
	role          *saml.SPSSODescriptor
	problems, odd schema.Problems
}

// consumers keeps every AssertionConsumerService. Locations are taken from the file's own attributes: the decoder drops those of bindings
// that it does not know.
func (r *providerReader) consumers() []Consumer {
	elements := r.doc.all("AssertionConsumerService")
	if len(elements) == 0 || len(elements) != len(r.role.AssertionConsumerServices) {
		r.problems = append(r.problems, badConsumer.at(r.doc.all("SPSSODescriptor")[0].pos, "", "names no AssertionConsumerService in its place"))
		return nil
	}
	var out []Consumer
	taken := map[int]bool{}
	for i, acs := range r.role.AssertionConsumerServices {
		e := elements[i]
		c := Consumer{Pos: e.pos, Index: acs.Index, Default: yes(acs.IsDefault), Binding: acs.Binding, Location: e.attr("Location")}
		c.Kind, c.Region = consumerForm(c.Location)
		if u, err := url.Parse(c.Location); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			p := badConsumer.at(e.pos, "", "the AssertionConsumerService is not an https URL")
			p.Value = clip(c.Location)
			r.problems = append(r.problems, p)
		}
		if taken[c.Index] {
			r.odd = append(r.odd, oddAWS.at(e.pos, "", "two AssertionConsumerServices have the index %d", c.Index))
		}
		taken[c.Index] = true
		out = append(out, c)
	}
	return out
}

// certificates reads the signing certificates and refuses keys for encryption.
func (r *providerReader) certificates() []*Certificate {
	var out []*Certificate
	elements := r.doc.all("KeyDescriptor")
	for i, k := range r.role.KeyDescriptors {
		pos := elements[min(i, len(elements)-1)].pos
		if k.Use == "encryption" {
			r.problems = append(r.problems, wantsEncrypted.at(pos, "", "the service provider asks for encrypted assertions"))
			continue
		}
		if k.Use == "" {
			r.odd = append(r.odd, oddAWS.at(pos, "", "a KeyDescriptor does not say what its key is for; it is taken for signing"))
		}
		for _, x := range k.KeyInfo.X509Data.X509Certificates {
			c, err := parseEmbedded(pos, x.Data)
			if problems, ok := err.(schema.Problems); ok {
				r.problems = append(r.problems, problems...)
				continue
			}
			out = append(out, c)
			r.odd = append(r.odd, c.Odd...)
		}
	}
	return out
}

// clip keeps what is quoted in an error short.
func clip(s string) string {
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return quote(s)
}
