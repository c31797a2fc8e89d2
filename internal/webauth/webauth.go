// Package webauth authenticates the callers of the daemon's API and pages: by API tokens and by
// OpenID Connect. It does not depend on what they read or do.
package webauth

import (
	"net/http"
	"strings"
)

// Role is what a caller may do. The zero value permits nothing.
type Role int

// The roles. RoleAct includes RoleRead.
const (
	RoleNone Role = iota
	RoleRead
	RoleAct
)

// roleNames are the names of roles in the file of API tokens.
var roleNames = map[string]Role{"read": RoleRead, "act": RoleAct}

func (r Role) String() string {
	for name, role := range roleNames {
		if role == r {
			return name
		}
	}
	return "none"
}

// Caller is an authenticated caller.
type Caller struct {
	Name string // of the token, or of the user at the identity provider
	Role Role
	// Session is true if the caller signed in, and can sign out.
	Session bool
}

// Authenticator finds out who a caller is. At least one of its fields is set.
type Authenticator struct {
	Tokens *TokenFile // nil: no API tokens
	OIDC   *OIDC      // nil: no OpenID Connect
}

// Authenticate returns the caller of a request. ok is false if the request does not prove who it
// is. A caller whose role is RoleNone is known, but may not do anything.
func (a *Authenticator) Authenticate(r *http.Request) (caller Caller, ok bool) {
	if token, found := tokenOf(r); found {
		if a.OIDC != nil && isJWT(token) {
			return a.OIDC.authenticateToken(r.Context(), token)
		}
		if a.Tokens == nil {
			return Caller{}, false
		}
		return a.Tokens.Authenticate(token)
	}
	if a.OIDC != nil {
		return a.OIDC.Authenticate(r)
	}
	return Caller{}, false
}

// tokenOf returns the API token of a request. Browsers send it as the password of HTTP's basic
// authentication.
func tokenOf(r *http.Request) (token string, found bool) {
	if _, password, ok := r.BasicAuth(); ok {
		return password, true
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// Challenge answers a request that is not authenticated: with a redirect to the sign-in if a
// browser asks for a page, and otherwise with the status 401, which refuse writes with its text.
func (a *Authenticator) Challenge(
	w http.ResponseWriter, r *http.Request, refuse func(http.ResponseWriter, *http.Request, int, string),
) {
	_, hasToken := tokenOf(r)
	page := r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html")
	if page && a.OIDC != nil && !hasToken {
		http.Redirect(w, r, a.OIDC.signInURL(r.URL.RequestURI()), http.StatusFound)
		return
	}
	scheme := "Bearer"
	if page {
		scheme = "Basic"
	}
	if a.Tokens != nil {
		w.Header().Set("WWW-Authenticate", scheme+` realm="roster"`)
	}
	refuse(w, r, http.StatusUnauthorized, a.advice(page))
}

// advice says how to authenticate.
func (a *Authenticator) advice(page bool) string {
	switch {
	case a.Tokens == nil:
		return "not authenticated: sign in at " + signInPath
	case page:
		return "not authenticated: the password is an API token, and the user name does not matter"
	}
	return `not authenticated: send an API token, as in "Authorization: Bearer TOKEN"`
}

// Router is what routes are added to, such as http.ServeMux.
type Router interface {
	HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request))
}

// Routes adds the paths of the sign-in to a router. They need no authentication.
func (a *Authenticator) Routes(mux Router) {
	if a.OIDC != nil {
		a.OIDC.routes(mux)
	}
}

// OpenPath reports whether a path belongs to the sign-in.
func (a *Authenticator) OpenPath(path string) bool {
	return a.OIDC != nil && (path == signInPath || path == callbackPath || path == signedOutPath || path == signOutPath)
}
