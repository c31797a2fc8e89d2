// Package probe says what is wrong with a connection to a SCIM endpoint, from the outcome of one harmless call and what is known beside it.
// It makes no call itself.
//
// IAM Identity Center answers 401 alike to a token that is wrong, expired or revoked and to a wrong tenant. What tells them apart is what we
// know: when the token was declared to expire, and whether these credentials have ever worked at this tenant.
package probe

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

// Cause names what is wrong; it is stable, for programs.
type Cause string

// The causes.
const (
	OK           Cause = "ok"
	WrongHost    Cause = "wrong host"
	Unreachable  Cause = "unreachable"
	TLS          Cause = "tls"
	WrongPath    Cause = "wrong path"
	WrongTenant  Cause = "wrong tenant"
	TokenExpired Cause = "token expired"
	TokenRevoked Cause = "token revoked"
	Refused      Cause = "token or tenant" // nothing is known that tells a wrong token from a wrong tenant
	NoPermission Cause = "no permission"
	NotSCIM      Cause = "not scim"
	Throttled    Cause = "throttled"
	Trouble      Cause = "server trouble"
	Unknown      Cause = "unknown"
)

// Known is what is known beside the call.
type Known struct {
	Endpoint string
	// Expires is the declared end of the token; zero if none is.
	Expires time.Time
	// Worked is when these credentials last read this tenant; zero if never.
	Worked time.Time
	// Before is where the provisioner was when it last ran, as its identity; "" if it never ran. Identity is where it is now.
	Before, Identity string
	// OAuth says that the token comes from an authorization server.
	OAuth bool
	// Date is the server's clock in its last answer, and At ours at that moment; zero if no answer came.
	Date, At time.Time
}

// Finding is the diagnosis.
type Finding struct {
	Cause  Cause         `json:"cause"`
	Advice string        `json:"advice,omitempty"`
	Skew   time.Duration `json:"skewNs,omitempty"` // how much our clock is ahead; 0 when within tolerance
}

// tolerance is how far clocks may be apart. Signed requests to AWS fail beyond five minutes, certificates and tokens at their edges.
const tolerance = time.Minute

const settings = "IAM Identity Center, Settings, Automatic provisioning"

// Diagnose says what the error of a call means; nil means that it succeeded.
func Diagnose(err error, k Known, now time.Time) Finding {
	f := cause(err, k, now)
	if !k.Date.IsZero() {
		if skew := k.At.Sub(k.Date).Round(time.Second); skew.Abs() > tolerance {
			f.Skew = skew
			side := "ahead of"
			if skew < 0 {
				side = "behind"
			}
			f.Advice = strings.TrimSpace(fmt.Sprintf("%s\nThis machine's clock is %s %s the server's: set it by NTP. Dates, windows and token lifetimes go by it.", f.Advice, skew.Abs(), side))
		}
	}
	return f
}

func cause(err error, k Known, now time.Time) Finding {
	if err == nil {
		return Finding{Cause: OK}
	}
	if f, ok := tlsTrouble(err, now); ok {
		return f
	}
	if f, ok := networkTrouble(err, k); ok {
		return f
	}
	status := scim.Status(err)
	switch {
	case status == 401:
		return unauthorized(err, k, now)
	case status == 403:
		return Finding{Cause: NoPermission, Advice: "The token is known and may not do this. Make a new one in " + settings + "; at another server, give the client the right or scope."}
	case status == 404:
		return Finding{Cause: WrongPath, Advice: "The host answers, but not at this path: the endpoint ends in /<tenant>/scim/v2."}
	case status == 429:
		return Finding{Cause: Throttled, Advice: "The endpoint is busy; the token was not judged. Try again, and lower `rate` if another system provisions here too."}
	case status >= 500:
		return Finding{Cause: Trouble, Advice: "The server has trouble of its own; the token was not judged. Try again later."}
	case status >= 300 && status < 400:
		return Finding{Cause: WrongHost, Advice: "The host sends us elsewhere, which is not followed with a token: is this the SCIM endpoint, or a proxy's sign-in page?"}
	case status >= 200 && status < 300:
		return Finding{Cause: NotSCIM, Advice: "Something answers that is not SCIM: compare the endpoint with " + settings + "."}
	}
	return Finding{Cause: Unknown}
}

// awsTenant is what tenant ids of AWS have been seen to look like.
var awsTenant = regexp.MustCompile(`^[A-Za-z0-9]{8,11}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// unauthorized tells the reasons of a 401 apart.
func unauthorized(err error, k Known, now time.Time) Finding {
	var e *scim.Error
	words := ""
	if errors.As(err, &e) {
		words = strings.ToLower(e.Detail)
	}
	again := "Make a new one in " + settings + ", store it, and declare its tokenExpires."
	switch {
	case k.Before != "" && k.Before != k.Identity:
		return Finding{Cause: WrongTenant, Advice: fmt.Sprintf("The provisioner was at %s and is now declared at %s: is the tenant id in the endpoint right?", k.Before, k.Identity)}
	case k.OAuth:
		return Finding{Cause: Refused, Advice: "The access token is fresh and the endpoint does not take it: compare its audience and scopes with what the server wants, and the tenant in the endpoint."}
	case !k.Expires.IsZero() && !now.Before(k.Expires), strings.Contains(words, "expired"):
		when := ""
		if !k.Expires.IsZero() {
			when = " on " + k.Expires.Format(time.DateOnly)
		}
		return Finding{Cause: TokenExpired, Advice: "The token expired" + when + ". " + again}
	case !k.Worked.IsZero(), strings.Contains(words, "revoked"):
		worked := ""
		if !k.Worked.IsZero() {
			worked = fmt.Sprintf(" These credentials worked at this tenant on %s.", k.Worked.Format(time.DateOnly))
		}
		return Finding{Cause: TokenRevoked, Advice: "The token was revoked, or another value stands behind the reference now." + worked + " " + again}
	case onAWS(k.Endpoint) && !awsTenant.MatchString(tenant(k.Endpoint)):
		return Finding{Cause: WrongTenant, Advice: fmt.Sprintf("%q does not look like a tenant id of AWS: copy the endpoint from %s.", tenant(k.Endpoint), settings)}
	}
	return Finding{Cause: Refused, Advice: "The token is wrong, expired or revoked, or the tenant id in the endpoint is wrong: the server does not say which. " +
		"Compare both with " + settings + "; these credentials have not worked here before."}
}

func onAWS(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (strings.HasSuffix(u.Hostname(), ".amazonaws.com") || strings.HasSuffix(u.Hostname(), ".api.aws"))
}

func tenant(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return first
}

func tlsTrouble(err error, now time.Time) (Finding, bool) {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		other   *tls.CertificateVerificationError
	)
	advice := ""
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		advice = fmt.Sprintf("The server's certificate is good from %s to %s, and this machine's clock says %s: if the clock is right, the server's certificate has to be renewed.",
			invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly), now.Format(time.DateTime))
	case errors.As(err, &unknown):
		advice = "The server's certificate is signed by nobody that this machine trusts: is a proxy in between? Add its authority to the machine's (or SSL_CERT_FILE)."
	case errors.As(err, &name):
		advice = "The server's certificate is for another name: the host is wrong, or a proxy answers in its place."
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // net/http has no type for it
		advice = "The server does not speak TLS on this port: is it https?"
	case errors.As(err, &invalid), errors.As(err, &alert), errors.As(err, &other):
		advice = "The TLS handshake failed: look at the server's certificate and what is in between."
	default:
		return Finding{}, false
	}
	return Finding{Cause: TLS, Advice: advice}, true
}

func networkTrouble(err error, k Known) (Finding, bool) {
	u, _ := url.Parse(k.Endpoint)
	host := "the host"
	if u != nil {
		host = cmp.Or(u.Hostname(), host)
	}
	var dns *net.DNSError
	var op *net.OpError
	var late net.Error
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return Finding{Cause: WrongHost, Advice: fmt.Sprintf("There is no host %s: the endpoint's host is https://scim.<region>.amazonaws.com; compare it with %s.", host, settings)}, true
	case errors.As(err, &dns):
		return Finding{Cause: Unreachable, Advice: "Names cannot be resolved here: look at the machine's DNS."}, true
	case errors.As(err, &op):
		return Finding{Cause: Unreachable, Advice: "Nobody answers there: check the endpoint's host, the network and the proxy."}, true
	case errors.As(err, &late) && late.Timeout():
		return Finding{Cause: Unreachable, Advice: "No answer came in time: check the network and the proxy."}, true
	}
	return Finding{}, false
}
