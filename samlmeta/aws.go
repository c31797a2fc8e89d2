package samlmeta

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/crewjam/saml"

	"github.com/seed-d64a251c/roster/schema"
)

// The regular expressions of what stands for <region> and for the paths in the files of AWS.
const (
	entityIDPath = `/platform/saml/(d-[0-9a-z]{10})$`
	consumerPath = `/platform/saml/acs/[0-9A-Za-z-]+$`
)

// entityIDs and consumers match the addresses of AWS in every partition.
var (
	entityIDs = compileEntityIDs()
	consumers = compileConsumers()
)

// consumerPattern matches one kind of AssertionConsumerService.
type consumerPattern struct {
	kind    string
	domain  string
	pattern *regexp.Regexp
}

func compileEntityIDs() (out []*regexp.Regexp) {
	for _, p := range schema.Partitions() {
		out = append(out, compileAddress(p.EntityID, entityIDPath))
	}
	return out
}

func compileConsumers() (out []consumerPattern) {
	for _, p := range schema.Partitions() {
		for _, c := range p.Consumers {
			out = append(out, consumerPattern{c.Kind, c.Domain, compileAddress(c.Domain, consumerPath)})
		}
	}
	return out
}

func compileAddress(domain, path string) *regexp.Regexp {
	return regexp.MustCompile(`^https://(` + schema.RegionPattern + `)\.` + regexp.QuoteMeta(domain) + path)
}

// matchEntityID returns the region and the identity store of an entityID of AWS, or "" for others.
func matchEntityID(entityID string) (region, identityStore string) {
	for _, pattern := range entityIDs {
		if m := pattern.FindStringSubmatch(entityID); m != nil {
			return m[1], m[2]
		}
	}
	return "", ""
}

// matchConsumer returns the kind and region of an AWS URL, or "" for other URLs.
func matchConsumer(location string) (kind, region string) {
	for _, c := range consumers {
		if m := c.pattern.FindStringSubmatch(location); m != nil {
			return c.kind, m[1]
		}
	}
	return "", ""
}

// isSignInHost reports whether a host is below a sign-in domain of AWS.
func isSignInHost(host string) bool {
	return slices.ContainsFunc(consumers, func(c consumerPattern) bool {
		return strings.HasSuffix(strings.ToLower(host), "."+c.domain)
	})
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
	if sp.Region == "" {
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
