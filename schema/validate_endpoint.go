package schema

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

var (
	// awsTenant matches a UUID whose first group may be longer. For other hosts a tenant id may be
	// any name.
	awsTenant   = regexp.MustCompile(`^[A-Za-z0-9]{8,11}(-[A-Za-z0-9]{4}){3}-[A-Za-z0-9]{12}$`)
	otherTenant = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)
)

// endpoint checks the endpoint and derives the identity from it.
func (pv *provisionerValidator) endpoint() {
	p := pv.p
	if p.Endpoint == "" {
		return
	}
	value := tree.Quote(p.Endpoint)
	if strings.ContainsAny(p.Endpoint, "@?#") {
		value = "" // it may contain a secret
	}
	reject := func(c tree.Code, message string) { pv.Report(pv.problem(c, "endpoint", message).WithValue(value)) }
	u, err := url.Parse(p.Endpoint)
	switch {
	case err != nil:
		reject(tree.BadEndpoint, "invalid URL")
		return
	case u.User != nil:
		pv.Report(pv.problem(tree.SecretLiteral, "endpoint", passwordInURL))
		return
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		reject(tree.BadEndpoint, "must not have a query or fragment")
		return
	case u.Scheme == "http" && !loopback(u.Hostname()):
		reject(tree.PlainHTTP, "would send the token unencrypted")
		return
	}
	tenant, ok := strings.CutSuffix(strings.Trim(u.EscapedPath(), "/"), "/scim/v2")
	region := awsHost.FindStringSubmatch(strings.ToLower(u.Host))
	switch {
	case !ok:
		reject(tree.BadEndpoint, "must end in /<tenant>/scim/v2")
	case region != nil && !awsTenant.MatchString(tenant), !otherTenant.MatchString(tenant):
		reject(tree.BadEndpoint, "invalid tenant id "+tree.Quote(tenant))
	case region != nil && wrongPartition(region[1], u.Host) != "":
		reject(tree.BadEndpoint, wrongPartition(region[1], u.Host))
	case region != nil:
		p.identity = region[1] + "/" + strings.ToLower(tenant)
	case isAWSHost(u.Hostname()):
		reject(tree.BadEndpoint, tree.Quote(u.Host)+" is not the host of a SCIM endpoint")
	default:
		p.identity = hostPort(u) + "/" + tenant
	}
	if p.Rate.PerSecond == 0 && !loopback(u.Hostname()) {
		message := "must be limited, because the endpoint is on another machine"
		pv.Report(pv.problem(tree.Unlimited, "rate.perSecond", message))
	}
}

func isAWSHost(host string) bool {
	host = strings.ToLower(host)
	return strings.Contains(host, ".amazonaws.") || strings.HasSuffix(host, ".api.aws")
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	host := strings.ToLower(u.Hostname())
	if loopback(host) { // localhost, 127.0.0.1 and ::1 are this machine
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Identity identifies the target of the provisioner independently of the host name of its endpoint.
// It is the region and tenant of AWS, or the host, port and tenant of another server. Examples are
// "us-east-1/<tenant>" and "127.0.0.1:8740/<tenant>". All names of the loopback interface are one
// host.
func (p *Provisioner) Identity() string { return p.identity }
