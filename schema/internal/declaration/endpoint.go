package declaration

import (
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/seed-d64a251c/roster/internal/loopback"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

var (
	// awsTenant matches a UUID whose first group may be longer. For other hosts a tenant id may be
	// any name.
	awsTenant   = regexp.MustCompile(`^[A-Za-z0-9]{8,11}(-[A-Za-z0-9]{4}){3}-[A-Za-z0-9]{12}$`)
	otherTenant = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)
)

// PasswordInURL is the message for a URL with a user name or password.
const PasswordInURL = "must not contain a user name or password"

// Endpoint is what the URL of a SCIM endpoint says.
type Endpoint struct {
	// Identity identifies the target independently of the host name; see Provisioner.Identity. It
	// is empty if the URL is invalid.
	Identity string
	// Remote is set if the endpoint is on another machine.
	Remote bool
}

// EndpointError is why a URL cannot be that of a SCIM endpoint.
type EndpointError struct {
	Code    tree.Code
	Message string
}

// ParseEndpoint parses the URL of a SCIM endpoint. The error is nil for a valid URL.
func ParseEndpoint(text string) (e Endpoint, invalid *EndpointError) {
	reject := func(c tree.Code, message string) (Endpoint, *EndpointError) { return e, &EndpointError{c, message} }
	u, err := url.Parse(text)
	switch {
	case strings.TrimSpace(text) != text:
		return reject(tree.BadEndpoint, "must not begin or end with white space")
	case err != nil:
		return reject(tree.BadEndpoint, "invalid URL")
	case u.User != nil:
		return reject(tree.SecretLiteral, PasswordInURL)
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"): // also without anything after it
		return reject(tree.BadEndpoint, "must not have a query or fragment")
	case u.Scheme == "http" && !loopback.IsHost(u.Hostname()):
		return reject(tree.PlainHTTP, "would send the token unencrypted")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return reject(tree.BadEndpoint, "must begin with https:// and a host")
	}
	e.Remote = !loopback.IsHost(u.Hostname())
	tenant, ok := strings.CutSuffix(strings.Trim(u.EscapedPath(), "/"), "/scim/v2")
	region := awsHost.FindStringSubmatch(strings.ToLower(u.Host))
	switch {
	case !ok:
		return reject(tree.BadEndpoint, "must end in /<tenant>/scim/v2")
	case region != nil && !awsTenant.MatchString(tenant), !otherTenant.MatchString(tenant):
		return reject(tree.BadEndpoint, "invalid tenant id "+tree.Quote(tenant))
	case region != nil && wrongPartition(region[1], u.Host) != "":
		return reject(tree.BadEndpoint, wrongPartition(region[1], u.Host))
	case region != nil:
		e.Identity = region[1] + "/" + strings.ToLower(tenant)
	case isAWSHost(u.Hostname()):
		return reject(tree.BadEndpoint, tree.Quote(u.Host)+" is not the host of a SCIM endpoint")
	default:
		e.Identity = hostPort(u) + "/" + tenant
	}
	return e, nil
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
	if loopback.IsHost(host) { // localhost, 127.0.0.1 and ::1 are this machine
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// Identity identifies the target of the provisioner independently of the host name of its endpoint.
// It is the region and tenant of AWS, or the host, port and tenant of another server. Examples are
// "us-east-1/<tenant>" and "127.0.0.1:8740/<tenant>". All names of the loopback interface are one
// host. It is empty if the endpoint is invalid, which Load rejects.
func (p *Provisioner) Identity() string {
	e, _ := ParseEndpoint(p.Endpoint)
	return e.Identity
}
