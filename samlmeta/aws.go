package samlmeta

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/crewjam/saml"

	"github.com/seed-d64a251c/roster/schema"
)

// The patterns of AWS. The entityID is from configurations in use. The AssertionConsumerServices
// are from the user guide's page about multi-Region access (multi-region-workforce-access.html).
var (
	entityIDPattern = regexp.MustCompile(`^https://([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.signin\.aws\.amazon\.com/` +
		`platform/saml/(d-[0-9a-z]{10})$`)
	consumerPatterns = []struct {
		kind    string
		pattern *regexp.Regexp
	}{
		{"IPv4", regexp.MustCompile(`^https://([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.signin\.aws/platform/saml/acs/` +
			`[0-9A-Za-z-]+$`)},
		{"alternative IPv4",
			regexp.MustCompile(`^https://([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.signin\.aws\.amazon\.com/platform/saml/acs/` +
				`[0-9A-Za-z-]+$`)},
		{"dual stack", regexp.MustCompile(`^https://([a-z]{2}(?:-[a-z]+)+-[0-9]+)\.sso\.signin\.aws/platform/saml/` +
			`acs/[0-9A-Za-z-]+$`)},
	}
)

// matchConsumer returns the kind and region of an AWS URL, or "" for other URLs.
func matchConsumer(location string) (kind, region string) {
	for _, f := range consumerPatterns {
		if m := f.pattern.FindStringSubmatch(location); m != nil {
			return f.kind, m[1]
		}
	}
	return "", ""
}

// awsWarnings returns warnings about everything that differs from the files of AWS.
func (sp *ServiceProvider) awsWarnings(doc *document) schema.Problems {
	var out schema.Problems
	warn := func(c code, pos schema.Pos, value, format string, args ...any) {
		p := c.at(pos, "", format, args...)
		p.Value = value
		out = append(out, p)
	}
	role := doc.all("SPSSODescriptor")[0].pos
	if m := entityIDPattern.FindStringSubmatch(sp.EntityID); m != nil {
		sp.Region, sp.IdentityStore = m[1], m[2]
	} else {
		warn(unusualMetadata, doc.rootPos(), truncateQuoted(sp.EntityID),
			"the entityID does not have the form of AWS, "+
				"https://<region>.signin.aws.amazon.com/platform/saml/<identity store>")
	}
	defaults := 0
	for _, c := range sp.Consumers {
		if c.Default {
			defaults++
		}
		switch {
		case c.Binding != saml.HTTPPostBinding:
			warn(unusualMetadata, c.Pos, truncateQuoted(c.Binding),
				"the binding of AssertionConsumerService %d is not HTTP-POST, which AWS uses", c.Index)
		case c.Kind == "":
			warn(unusualMetadata, c.Pos, truncateQuoted(c.Location),
				"the URL of AssertionConsumerService %d is not an AWS URL", c.Index)
		}
	}
	primary := slices.ContainsFunc(sp.Consumers, func(c Consumer) bool { return c.Region == sp.Region })
	switch {
	case defaults > 1:
		warn(unusualMetadata, role, "", "%d AssertionConsumerServices are marked as default", defaults)
	case sp.Region != "" && !primary:
		warn(unusualMetadata, role, quote(sp.Region), "no AssertionConsumerService is in the entityID's region")
	}
	if !slices.Contains(sp.NameIDFormats, EmailAddress) {
		warn(nameIDFormat, role, "", "the NameID formats do not include emailAddress")
	}
	if doc.all("SPSSODescriptor")[0].attr("WantAssertionsSigned") != "" && !sp.WantAssertionsSigned {
		warn(unusualMetadata, role, "", "does not require signed assertions")
	}
	if sp.AuthnRequestsSigned && len(sp.Certificates) == 0 {
		warn(unusualMetadata, role, "", "requests are signed, but there is no certificate to verify them")
	}
	return out
}

func quote(s string) string { return strconv.QuoteToASCII(s) }
