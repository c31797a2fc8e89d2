// Package probe finds the reason why a connection to a SCIM endpoint does not work. It uses the
// result of one harmless call and recorded facts. It makes no calls itself.
//
// IAM Identity Center answers 401 to a wrong, expired or revoked token and to a wrong tenant. The
// recorded facts distinguish them: the declared expiry of the token, and the last successful use of
// these credentials at this tenant.
package probe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

// Cause is the reason of a failure. Its values are stable, for use by programs.
type Cause string

// The causes.
const (
	OK            Cause = "ok"
	WrongHost     Cause = "wrong host"
	Unreachable   Cause = "unreachable"
	TLS           Cause = "tls"
	WrongPath     Cause = "wrong path"
	WrongTenant   Cause = "wrong tenant"
	TokenExpired  Cause = "token expired"
	TokenRevoked  Cause = "token revoked"
	TokenOrTenant Cause = "token or tenant" // one of them is wrong; the facts do not show which
	NoPermission  Cause = "no permission"
	NotSCIM       Cause = "not scim"
	Throttled     Cause = "throttled"
	ServerError   Cause = "server error"
	Unknown       Cause = "unknown"
)

// Known are the recorded facts about a connection.
type Known struct {
	Endpoint string
	// AWS is set if the endpoint's host is one of AWS.
	AWS bool
	// Expires is the declared expiry of the token; zero if there is none.
	Expires time.Time
	// Worked is the time of the last successful call to this tenant with these credentials; zero if
	// there was none.
	Worked time.Time
	// Before is the identity of the provisioner in its last run; "" if it never ran. Identity is
	// the identity now.
	Before, Identity string
	// OAuth is set if the token comes from an authorization server.
	OAuth bool
	// Date is the server's clock in its last response, and At the local time of that moment. Both
	// are zero if there was no response.
	Date, At time.Time
}

// Finding is the result of a diagnosis.
type Finding struct {
	Cause  Cause         `json:"cause"`
	Advice string        `json:"advice,omitempty"`
	Skew   time.Duration `json:"skewNs,omitempty"` // how far the local clock is ahead; 0 within tolerance
}

// tolerance is the permitted difference of the clocks. AWS rejects signed requests that are off by
// more than five minutes, but certificates and tokens can fail earlier.
const tolerance = time.Minute

const settings = "IAM Identity Center, Settings, Automatic provisioning"

// Diagnose finds the cause of the error of a call. A nil error means that the call succeeded.
func Diagnose(err error, k Known, now time.Time) Finding {
	f := cause(err, k, now)
	if k.Date.IsZero() {
		return f
	}
	skew := k.At.Sub(k.Date).Round(time.Second)
	if skew.Abs() <= tolerance {
		return f
	}
	f.Skew = skew
	side := "ahead of"
	if skew < 0 {
		side = "behind"
	}
	f.Advice = strings.TrimSpace(
		fmt.Sprintf("%s\nThis machine's clock is %s %s the server's clock. Synchronize it by NTP: "+
			"dates, windows and token lifetimes depend on it.", f.Advice, skew.Abs(), side),
	)
	return f
}

func cause(err error, k Known, now time.Time) Finding {
	if err == nil {
		return Finding{Cause: OK}
	}
	if f, ok := tlsError(err, now); ok {
		return f
	}
	if f, ok := networkError(err, k); ok {
		return f
	}
	status := scim.Status(err)
	switch {
	case status == 401:
		return unauthorized(err, k, now)
	case status == 403:
		return forbidden(k)
	case status == 404:
		return Finding{
			Cause:  WrongPath,
			Advice: "The host answers, but not at this path. The endpoint must end in /<tenant>/scim/v2.",
		}
	case status == 429:
		return Finding{
			Cause: Throttled,
			Advice: "The endpoint is busy, so the token was not checked. Try again, and lower `rate` " +
				"if another system also provisions to this tenant.",
		}
	case status >= 500:
		return Finding{Cause: ServerError, Advice: "The server failed, so the token was not checked. Try again later."}
	case status >= 300 && status < 400:
		return Finding{
			Cause: WrongHost,
			Advice: "The host answers with a redirect, which roster does not follow with a token. " +
				"Check that this is the SCIM endpoint and not the sign-in page of a proxy.",
		}
	case status >= 200 && status < 300:
		return Finding{Cause: NotSCIM, Advice: "The response is not SCIM. Compare the endpoint with " + settings + "."}
	}
	return Finding{Cause: Unknown}
}

// forbidden explains a 403. The server does not say whether it refuses the address of the caller or
// the token.
func forbidden(k Known) Finding {
	advice := "The server refuses this address or this token, and does not say which. If a network control is in " +
		"force (a list of allowed IP addresses, a VPC endpoint policy, a proxy), let it allow the address from which " +
		"roster calls. Otherwise the token has no permission for this: "
	if k.AWS {
		advice += "create a new token in " + settings + "."
	} else {
		advice += "grant the client the permission or scope. For AWS, create a new token in " + settings + "."
	}
	if !k.Worked.IsZero() {
		advice += fmt.Sprintf(" These credentials worked at this tenant on %s, so check network controls first.",
			k.Worked.Format(time.DateOnly))
	}
	return Finding{Cause: NoPermission, Advice: advice}
}

// awsTenant matches the tenant ids that AWS is known to assign.
var awsTenant = regexp.MustCompile(`^[A-Za-z0-9]{8,11}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// unauthorized distinguishes the causes of a 401.
func unauthorized(err error, k Known, now time.Time) Finding {
	var e *scim.Error
	detail := ""
	if errors.As(err, &e) {
		detail = strings.ToLower(e.Detail)
	}
	newToken := "Create a new token in " + settings + ", store it, and declare its tokenExpires."
	switch {
	case k.Before != "" && k.Before != k.Identity:
		return Finding{Cause: WrongTenant, Advice: fmt.Sprintf("The provisioner was at %s and is now declared at %s. "+
			"Check the tenant id in the endpoint.", k.Before, k.Identity)}
	case k.OAuth:
		return Finding{
			Cause: TokenOrTenant,
			Advice: "The endpoint rejects a new access token. Compare its audience and scopes with " +
				"the server's requirements, and check the tenant in the endpoint.",
		}
	case !k.Expires.IsZero() && !now.Before(k.Expires), strings.Contains(detail, "expired"):
		when := ""
		if !k.Expires.IsZero() {
			when = " on " + k.Expires.Format(time.DateOnly)
		}
		return Finding{Cause: TokenExpired, Advice: "The token expired" + when + ". " + newToken}
	case !k.Worked.IsZero(), strings.Contains(detail, "revoked"):
		worked := ""
		if !k.Worked.IsZero() {
			worked = fmt.Sprintf(" These credentials worked at this tenant on %s.", k.Worked.Format(time.DateOnly))
		}
		return Finding{
			Cause: TokenRevoked,
			Advice: "The token was revoked, or its secret reference now has another value." +
				worked + " " + newToken,
		}
	case k.AWS && !awsTenant.MatchString(tenant(k.Endpoint)):
		return Finding{
			Cause: WrongTenant,
			Advice: fmt.Sprintf("%q does not look like a tenant id of AWS. Copy the endpoint from %s.",
				tenant(k.Endpoint), settings),
		}
	}
	return Finding{
		Cause: TokenOrTenant,
		Advice: "The token is wrong, expired or revoked, or the tenant id in the endpoint is wrong: " +
			"the server does not say which. Compare both with " + settings +
			". These credentials have not worked here before.",
	}
}

func tenant(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return first
}

func tlsError(err error, now time.Time) (Finding, bool) {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		other   *tls.CertificateVerificationError
	)
	// net/http has no type for this error. The second text is that of package neterror.
	plainHTTP := strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") ||
		strings.Contains(err.Error(), "does not use TLS on this port")
	advice := ""
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		advice = fmt.Sprintf("The server's certificate is valid from %s to %s, but this machine's clock is at %s. "+
			"If the clock is right, the server's certificate must be renewed.",
			invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly),
			now.Format(time.DateTime))
	case errors.As(err, &unknown):
		advice = "The server's certificate is not signed by a trusted CA; is there a TLS-intercepting proxy? " +
			"If so, add its CA to the machine's CAs or to SSL_CERT_FILE."
	case errors.As(err, &name):
		advice = "The server's certificate is for another name. The host is wrong, or a proxy answers instead of it."
	case errors.As(err, &record), plainHTTP:
		advice = "The server does not use TLS on this port. Check the port and the scheme of the endpoint."
	case errors.As(err, &invalid), errors.As(err, &alert), errors.As(err, &other):
		advice = "The TLS handshake failed. Check the server's certificate and any proxy on the way."
	default:
		return Finding{}, false
	}
	return Finding{Cause: TLS, Advice: advice}, true
}

func networkError(err error, k Known) (Finding, bool) {
	u, _ := url.Parse(k.Endpoint)
	host := "of the endpoint"
	if u != nil {
		host = cmp.Or(u.Hostname(), host)
	}
	var dns *net.DNSError
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return Finding{Cause: WrongHost, Advice: fmt.Sprintf("The host %s does not exist. The endpoint of AWS is "+
			"https://scim.<region>.amazonaws.com; compare it with %s.", host, settings)}, true
	case errors.As(err, &dns):
		return Finding{
			Cause:  Unreachable,
			Advice: "Host names cannot be resolved. Check the DNS settings of this machine.",
		}, true
	case errors.As(err, &op):
		return Finding{Cause: Unreachable, Advice: "The endpoint does not accept connections. " +
			"Check the endpoint's host, the network and the proxy."}, true
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Finding{Cause: Unreachable, Advice: "The connection was closed before the end of the answer. " +
			"Check the endpoint's host and port, and the proxy."}, true
	case strings.Contains(err.Error(), "not HTTP"):
		return Finding{Cause: NotSCIM, Advice: "The endpoint does not answer with HTTP. Check its port."}, true
	case errors.As(err, &timeout) && timeout.Timeout():
		return Finding{
			Cause:  Unreachable,
			Advice: "The endpoint did not answer in time. Check the network and the proxy.",
		}, true
	}
	return Finding{}, false
}
