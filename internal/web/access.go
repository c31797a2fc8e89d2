package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/webauth"
)

// Access limits who may use a server.
type Access struct {
	// HostNames are the names, without ports, that requests may be sent to, in addition to those of
	// this machine's loopback interface. A browser that was led to the server by a name of another
	// domain (DNS rebinding) sends that name.
	HostNames []string
	// Authenticator finds out who a caller is. With nil, everyone who reaches the server may read
	// and act: the server must listen on loopback only.
	Authenticator *webauth.Authenticator
}

// openPrefixes are the paths that need no authentication. Webhooks are authenticated by their
// signature. SAML metadata is public.
var openPrefixes = []string{"/webhooks/", "/saml/"}

// healthPaths show anyone only one word. Their Host is not checked if callers authenticate, because
// probes of Kubernetes use the address of the pod.
var healthPaths = []string{"/healthz", "/readyz"}

// limit returns a handler with the checks of each request before next: the Host, the caller, the
// role, and that no other website made the browser send it.
func (a *Access) limit(next http.Handler) http.Handler {
	var crossOrigin http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header(), r)
		health := slices.Contains(healthPaths, r.URL.Path)
		if !a.allowsHost(r.Host) && !(health && a.Authenticator != nil) {
			http.Error(w, "this server is not "+hostName(r.Host)+": add the name with --host-name",
				http.StatusMisdirectedRequest)
			return
		}
		open := health || slices.ContainsFunc(openPrefixes, func(p string) bool {
			return strings.HasPrefix(r.URL.Path, p)
		})
		caller := webauth.Caller{Role: webauth.RoleAct}
		if a.Authenticator != nil {
			known := false
			if caller, known = a.Authenticator.Authenticate(r); !known && !open && !a.Authenticator.OpenPath(r.URL.Path) {
				a.Authenticator.Challenge(w, r)
				return
			}
			open = open || a.Authenticator.OpenPath(r.URL.Path)
		}
		if open && strings.HasPrefix(r.URL.Path, "/webhooks/") { // forges are no browsers
			next.ServeHTTP(w, r)
			return
		}
		if err := crossOrigin.Check(r); err != nil {
			http.Error(w, "the request is of another website", http.StatusForbidden)
			return
		}
		if want := roleFor(r); !open && caller.Role < want {
			http.Error(w, "this needs the role "+want.String(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r.WithContext(withCaller(r.Context(), caller)))
	})
}

// roleFor is the role that a request needs.
func roleFor(r *http.Request) webauth.Role {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return webauth.RoleRead
	}
	return webauth.RoleAct
}

func (a *Access) allowsHost(host string) bool {
	name := hostName(host)
	if name == "localhost" {
		return true
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(a.HostNames, func(allowed string) bool { return strings.EqualFold(hostName(allowed), name) })
}

// hostName returns the name or address of a Host header, without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// contentPolicy lets pages load only the style sheet of this server, and send forms only to it.
const contentPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'"

// setHeaders sets the headers of every response, also of errors. A handler of public content
// replaces Cache-Control.
func setHeaders(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if r.TLS != nil {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
