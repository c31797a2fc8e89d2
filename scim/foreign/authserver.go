package foreign

import (
	"encoding/json"
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
// scope "roles" gives the roles of a user, at the userinfo endpoint. Access tokens for a resource
// are JWTs (RFC 9068).
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

// AccessToken returns a JWT for an audience, which the client "roster" gets for itself with client
// credentials. The claim "roles" has the roles of the user of that name, see SignIn.
func (s *AuthServer) AccessToken(secret, audience string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "resource": {audience}, "scope": {"scim"}}
	req, err := http.NewRequest(http.MethodPost, s.TokenURL(), strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth("roster", secret)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error_description"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return "", err
	}
	if answer.Token == "" {
		return "", fmt.Errorf("get an access token: %s %s", res.Status, answer.Error)
	}
	return answer.Token, nil
}

// Advance moves the server's clock forward, or back if seconds is negative.
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
