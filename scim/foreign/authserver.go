package foreign

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// AuthServer is npm's oidc-provider: an OAuth 2.0 authorization server on loopback that authorizes
// every request. Access tokens are valid for ten minutes and refresh tokens for a day. Refresh
// tokens rotate, and the second use of one ends the authorization.
//
// Its clients: "roster" sends its secret in the header, "roster-post" in the body, "roster-public"
// has no secret, and "roster-code-only" gets no refresh token. Their redirect URI is
// http://127.0.0.1/callback on any port. The client "roster-pages" has /login/callback instead. The
// scope "roles" gives the roles of a user, at the userinfo endpoint.
type AuthServer struct{ URL string }

// StartAuthServer starts the server with the secret of the clients. The server stops with the test.
func StartAuthServer(t testing.TB, secret string) *AuthServer {
	t.Helper()
	port, err := run(t, "authserver.mjs", secret).line()
	if err != nil {
		t.Fatalf("start oidc-provider: %v", err)
	}
	return &AuthServer{"http://127.0.0.1:" + port}
}

// SignIn makes a user with roles the one who uses further browsers.
func (s *AuthServer) SignIn(name string, roles ...string) error {
	query := url.Values{"name": {name}, "roles": {strings.Join(roles, ",")}}
	res, err := http.Post(s.URL+"/user?"+query.Encode(), "", nil)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// Advance moves the server's clock forward.
func (s *AuthServer) Advance(seconds int) error {
	res, err := http.Post(fmt.Sprintf("%s/advance?seconds=%d", s.URL, seconds), "", nil)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

func (s *AuthServer) AuthorizeURL() string  { return s.URL + "/auth" }
func (s *AuthServer) TokenURL() string      { return s.URL + "/token" }
func (s *AuthServer) RevokeURL() string     { return s.URL + "/token/revocation" }
func (s *AuthServer) IntrospectURL() string { return s.URL + "/token/introspection" }
