package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/httpserver"
	"github.com/seed-d64a251c/roster/internal/web/page"
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
	// BehindProxy means that a proxy forwards each request, and names the address of its client.
	BehindProxy bool
	// Log, if set, has a line for each act, also for a refused one.
	Log *slog.Logger
	// Limits, if set, limit the requests of each caller.
	Limits *RateLimits
}

// The paths below these prefixes need no authentication. Webhooks are authenticated by their
// signature. SAML metadata is public.
const (
	webhookPrefix  = "/webhooks/"
	metadataPrefix = "/saml/"
)

// healthPaths show anyone only one word. Their Host is not checked if callers authenticate, because
// probes of Kubernetes use the address of the pod.
var healthPaths = []string{"/healthz", "/readyz"}

// limit returns a handler with the checks of each request before next: the Host, the caller, how
// often the caller asks, the role, and that no other website made the browser send it.
func (a *Access) limit(next http.Handler) http.Handler {
	var crossOrigin http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header(), r)
		if !a.allowsHost(r) {
			refuse(w, r, http.StatusMisdirectedRequest,
				"the server does not have this name: allow it with --host-name")
			return
		}
		open, want := a.isOpen(r.URL.Path), roleFor(r)
		caller, known := a.identify(r)
		retryAfter := a.permits(w, r, caller, known)
		switch {
		case retryAfter > 0:
			refuse(w, r, http.StatusTooManyRequests, fmt.Sprintf("too many requests: try again after %d s", retryAfter))
		case !known && !open:
			a.Authenticator.Challenge(w, r, refuse)
		case !open && a.Authenticator == nil && forwarded(r.Header):
			refuse(w, r, http.StatusForbidden, "a proxy forwarded the request: start roster serve with "+
				"--behind-proxy and a way to authenticate")
		case !strings.HasPrefix(r.URL.Path, webhookPrefix) && crossOrigin.Check(r) != nil:
			refuse(w, r, http.StatusForbidden, "another website made the browser send the request")
		case !open && caller.Role < want:
			refuse(w, r, http.StatusForbidden, "the request requires the role "+want.String())
		default:
			next.ServeHTTP(w, r.WithContext(withCaller(r.Context(), caller)))
		}
	})
}

// isOpen reports whether a path needs no authentication.
func (a *Access) isOpen(path string) bool {
	return slices.Contains(healthPaths, path) || path == page.StylePath || path == page.IconPath ||
		strings.HasPrefix(path, webhookPrefix) ||
		strings.HasPrefix(path, metadataPrefix) || a.Authenticator != nil && a.Authenticator.OpenPath(path)
}

// identify returns the caller of a request. known is false if the request does not prove who it is.
func (a *Access) identify(r *http.Request) (caller webauth.Caller, known bool) {
	if a.Authenticator == nil {
		return webauth.Caller{Role: webauth.RoleAct}, true
	}
	return a.Authenticator.Authenticate(r)
}

// forwarded reports whether a proxy says that it forwards a request of another machine.
func forwarded(h http.Header) bool {
	return h.Get("Forwarded") != "" || h.Get("X-Forwarded-For") != "" || h.Get("X-Real-IP") != ""
}

// callerKey is the key of the caller in the context of a request.
type callerKey struct{}

func withCaller(ctx context.Context, c webauth.Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// callerOf returns the caller of a request. Its role is webauth.RoleNone if it is not known.
func callerOf(ctx context.Context) webauth.Caller {
	c, _ := ctx.Value(callerKey{}).(webauth.Caller)
	return c
}

// roleFor is the role that a request needs.
func roleFor(r *http.Request) webauth.Role {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return webauth.RoleRead
	}
	return webauth.RoleAct
}

// allowsHost reports whether the server has the name that a request was sent to.
func (a *Access) allowsHost(r *http.Request) bool {
	return httpserver.AllowedNames(a.HostNames...)(r) ||
		a.Authenticator != nil && slices.Contains(healthPaths, r.URL.Path)
}

// contentPolicy lets pages load only the style sheet and the icon of this server, and send forms
// only to it.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; " +
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
