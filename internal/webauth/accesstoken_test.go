package webauth

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// withToken authenticates a request that has a token.
func withToken(a *Authenticator, token string) (Caller, bool) {
	r := httptest.NewRequest(http.MethodPost, "/api/v1/poll", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return a.Authenticate(r)
}

func TestAccessTokensOfTheIssuer(t *testing.T) {
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := newProvider(t)
	s := newSite(t, p)
	a := &Authenticator{OIDC: s.oidc}
	ours := func(key any, method jwt.SigningMethod, change ...any) string {
		claims := jwt.MapClaims{"iss": p.URL, "aud": []string{"x", "https://roster.example.com"}, "sub": "pipeline",
			"iat": noon.Unix(), "exp": noon.Add(time.Minute).Unix(),
			"realm_access": map[string]any{"roles": []string{"viewer"}}}
		for i := 0; i < len(change); i += 2 {
			claims[change[i].(string)] = change[i+1]
		}
		return signWith(t, method, key, claims)
	}
	rs256 := jwt.SigningMethodRS256
	for _, test := range []struct {
		name, token string
		want        Caller
		known       bool
	}{
		{"a token with the role read", ours(p.key, rs256), Caller{Name: "pipeline", Role: RoleRead}, true},
		{"a token with the role act", ours(p.key, rs256, "realm_access.roles", "operator"),
			Caller{Name: "pipeline", Role: RoleAct}, true},
		{"a token without a role", ours(p.key, rs256, "realm_access", nil), Caller{Name: "pipeline"}, true},
		{"another audience", ours(p.key, rs256, "aud", "https://other.example.com"), Caller{}, false},
		{"no audience", ours(p.key, rs256, "aud", nil), Caller{}, false},
		{"an ID token of the client", ours(p.key, rs256, "aud", "roster"), Caller{}, false},
		{"another issuer", ours(p.key, rs256, "iss", "https://evil.example.com"), Caller{}, false},
		{"an expired token", ours(p.key, rs256, "exp", noon.Add(-time.Second).Unix()), Caller{}, false},
		{"a token without an end", ours(p.key, rs256, "exp", nil), Caller{}, false},
		{"a token of the future", ours(p.key, rs256, "nbf", noon.Add(time.Hour).Unix()), Caller{}, false},
		{"another key", ours(other, rs256), Caller{}, false},
		{"no signature", ours(jwt.UnsafeAllowNoneSignatureType, jwt.SigningMethodNone), Caller{}, false},
		{"signed with the client secret", ours([]byte(canary), jwt.SigningMethodHS256), Caller{}, false},
		{"not a JWT", "a.b.c", Caller{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, known := withToken(a, test.token); got != test.want || known != test.known {
				t.Errorf("the caller is %+v, %t; want %+v, %t", got, known, test.want, test.known)
			}
		})
	}
	valid := ours(p.key, rs256)
	s.now = noon.Add(2 * time.Minute)
	if got, known := withToken(a, valid); known {
		t.Errorf("a token that has ended gives %+v", got)
	}
	s.now = noon
	s.oidc.config.Audience = ""
	if got, known := withToken(a, valid); known {
		t.Errorf("without --oidc-audience, a token gives %+v", got)
	}
}

// TestForgedAccessTokensDoNotFloodTheProvider sends tokens with keys that the provider does not
// have.
func TestForgedAccessTokensDoNotFloodTheProvider(t *testing.T) {
	p := newProvider(t)
	a := &Authenticator{OIDC: newSite(t, p).oidc}
	for i := range 200 {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"iss": p.URL, "sub": "eve",
			"aud": "https://roster.example.com", "exp": noon.Add(time.Minute).Unix()})
		token.Header["kid"] = fmt.Sprint("forged", i)
		text, err := token.SignedString(p.key)
		if err != nil {
			t.Fatal(err)
		}
		if _, known := withToken(a, text); known {
			t.Fatalf("token %d is accepted", i)
		}
	}
	if p.keyRequests < 1 || p.keyRequests > 100 {
		t.Errorf("the provider got %d requests for its keys", p.keyRequests)
	}
}

func TestTheAudienceIsNotTheClientID(t *testing.T) {
	if _, err := NewOIDC(OIDCConfig{Issuer: "https://login.example.com", ClientID: "a", Audience: "a"}); err == nil {
		t.Error("the client ID is accepted as the audience")
	}
}
