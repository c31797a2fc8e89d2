package samlmeta

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/crewjam/saml"

	"github.com/seed-d64a251c/roster/schema"
)

// What AWS's names look like: the entityID from configurations in use, the AssertionConsumerServices from the user guide's page on
// multi-Region access (UG/multi-region-workforce-access.html).
var (
	entityForm    = regexp.MustCompile(`^https://([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.signin\.aws\.amazon\.com/platform/saml/(d-[0-9a-z]{10})$`)
	consumerForms = []struct {
		kind string
		form *regexp.Regexp
	}{
		{"IPv4", regexp.MustCompile(`^https://([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.signin\.aws/platform/saml/acs/[0-9A-Za-z-]+$`)},
		{"alternative IPv4", regexp.MustCompile(`^https://([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.signin\.aws\.amazon\.com/platform/saml/acs/[0-9A-Za-z-]+$`)},
		{"dual stack", regexp.MustCompile(`^https://([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.sso\.signin\.aws/platform/saml/acs/[0-9A-Za-z-]+$`)},
	}
)

// consumerForm tells which of AWS's forms an address has, "" for none.
func consumerForm(location string) (kind, region string) {
	for _, f := range consumerForms {
		if m := f.form.FindStringSubmatch(location); m != nil {
			return f.kind, m[1]
		}
	}
	return "", ""
}

// oddities are what AWS's own file would not have.
func (sp *ServiceProvider) oddities(doc *document) schema.Problems {
	var out schema.Problems
	odd := func(c code, pos schema.Pos, value, format string, args ...any) {
		p := c.at(pos, "", format, args...)
		p.Value = value
		out = append(out, p)
	}
	role := doc.all("SPSSODescriptor")[0].pos
	if m := entityForm.FindStringSubmatch(sp.EntityID); m != nil {
		sp.Region, sp.IdentityStore = m[1], m[2]
	} else {
		odd(oddAWS, doc.rootPos(), clip(sp.EntityID), "the entityID is not of AWS's form, https://<region>.signin.aws.amazon.com/platform/saml/<identity store>")
	}
	defaults := 0
	for _, c := range sp.Consumers {
		if c.Default {
			defaults++
		}
		switch {
		case c.Binding != saml.HTTPPostBinding:
			odd(oddAWS, c.Pos, clip(c.Binding), "the AssertionConsumerService %d has another binding than AWS's, HTTP-POST", c.Index)
		case c.Kind == "":
			odd(oddAWS, c.Pos, clip(c.Location), "the AssertionConsumerService %d is not at an address of AWS", c.Index)
		}
	}
	primary := slices.ContainsFunc(sp.Consumers, func(c Consumer) bool { return c.Region == sp.Region })
	switch {
	case defaults > 1:
		odd(oddAWS, role, "", "%d AssertionConsumerServices are the default", defaults)
	case sp.Region != "" && !primary:
		odd(oddAWS, role, quote(sp.Region), "no AssertionConsumerService is in the entityID's region")
	}
	if !slices.Contains(sp.NameIDFormats, EmailAddress) {
		odd(nameIDFormat, role, "", "the NameID formats do not include emailAddress")
	}
	if doc.all("SPSSODescriptor")[0].attr("WantAssertionsSigned") != "" && !sp.WantAssertionsSigned {
		odd(oddAWS, role, "", "does not want assertions to be signed")
	}
	if sp.AuthnRequestsSigned && len(sp.Certificates) == 0 {
		odd(oddAWS, role, "", "says that requests are signed, and gives no certificate to check them with")
	}
	return out
}

func quote(s string) string { return strconv.QuoteToASCII(s) }
