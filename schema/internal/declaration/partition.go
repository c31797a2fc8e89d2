package declaration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Partition is a partition of AWS: regions with host names of their own.
type Partition struct {
	// Name is its name in ARNs.
	Name string
	// Regions is the prefix of its regions; empty for those of no other partition.
	Regions string
	// SCIM are the domains of SCIM endpoints. Their hosts are scim.<region>.<domain>.
	SCIM []string
	// EntityID is the domain of the entityIDs of IAM Identity Center. Their hosts are
	// <region>.<domain>.
	EntityID string
	// Consumers are the domains of the AssertionConsumerServices, as <region>.<domain>.
	Consumers []ConsumerDomain
}

// ConsumerDomain is a domain of AssertionConsumerServices. Kind is how AWS's user guide calls it.
type ConsumerDomain struct{ Kind, Domain string }

// RegionPattern is a regular expression of the names of AWS's regions.
const RegionPattern = `[a-z]{2,5}(?:-[a-z]+)+-[0-9]{1,2}`

// partitions has the hosts of every partition. The entityIDs are from configurations in use and
// from the SDK's endpoints of AWS Sign-In. The AssertionConsumerServices of commercial regions are
// from the user guide's page about multi-Region access (multi-region-workforce-access.html).
// The SCIM host of the European Sovereign Cloud is inferred from the domain of its other services.
var partitions = []Partition{
	{"aws", "", []string{"amazonaws.com", "api.aws"}, "signin.aws.amazon.com", []ConsumerDomain{
		{"IPv4", "signin.aws"}, {"alternative IPv4", "signin.aws.amazon.com"}, {"dual stack", "sso.signin.aws"}}},
	{"aws-us-gov", "us-gov-", []string{"amazonaws.com", "api.aws"}, "signin.amazonaws-us-gov.com",
		[]ConsumerDomain{{"IPv4", "signin.amazonaws-us-gov.com"}}},
	{"aws-cn", "cn-", []string{"amazonaws.com.cn"}, "signin.amazonaws.cn",
		[]ConsumerDomain{{"IPv4", "signin.amazonaws.cn"}}},
	{"aws-eusc", "eusc-", []string{"amazonaws.eu"}, "signin.amazonaws-eusc.eu",
		[]ConsumerDomain{{"IPv4", "signin.amazonaws-eusc.eu"}}},
}

// awsHost matches the hosts of SCIM endpoints of AWS.
var awsHost = regexp.MustCompile(`^scim\.(` + RegionPattern + `)\.(?:` +
	strings.ReplaceAll(strings.Join(scimDomains(), "|"), ".", `\.`) + `)$`)

// Partitions returns the partitions of AWS.
func Partitions() []Partition { return slices.Clone(partitions) }

// EndpointHosts returns patterns of the hosts of AWS's SCIM endpoints. In each, the * stands for a
// region. It is the default of the hosts that declarations may connect to.
func EndpointHosts() []string {
	var out []string
	for _, domain := range scimDomains() {
		out = append(out, "scim.*."+domain)
	}
	return out
}

// IsEndpointHost reports whether a host is that of a SCIM endpoint of AWS.
func IsEndpointHost(host string) bool { return awsHost.MatchString(strings.ToLower(host)) }

// wrongPartition returns what is wrong with the host of a SCIM endpoint of AWS whose region is of
// another partition than its domain; empty if they agree.
func wrongPartition(region, host string) string {
	host = strings.ToLower(host)
	i := slices.IndexFunc(partitions, func(p Partition) bool {
		return p.Regions != "" && strings.HasPrefix(region, p.Regions)
	})
	p := partitions[max(i, 0)] // the first has all other regions
	if slices.ContainsFunc(p.SCIM, func(domain string) bool { return host == "scim."+region+"."+domain }) {
		return ""
	}
	return fmt.Sprintf("the region %s is in the partition %s, whose endpoints are at scim.%s.%s", region, p.Name,
		region, p.SCIM[0])
}

// scimDomains returns the domains of SCIM endpoints, each once.
func scimDomains() []string {
	var out []string
	for _, p := range partitions {
		for _, domain := range p.SCIM {
			if !slices.Contains(out, domain) {
				out = append(out, domain)
			}
		}
	}
	return out
}
