package oauth

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestErrorsOfTokenEndpoints(t *testing.T) {
	const secret = "9f-Kq/2mZ+correct horse battery"
	for _, row := range []struct {
		name, code, description string
		wantCode, wantText      string
	}{
		{"ordinary words are shown", "invalid_client", "Client authentication failed (unknown client).",
			"invalid_client",
			"(Client authentication failed (unknown client).)"},
		{"a short word in capitals is shown", "invalid_scope", "The URL, or a scope, is not allowed", "invalid_scope",
			"(The URL, or a scope, is not allowed)"},
		{"a hyphen and an apostrophe are shown", "invalid_grant", "The user's sign-in is too old", "invalid_grant",
			"(The user's sign-in is too old)"},
		{"a code of an extension is shown", "authorization_pending", "", "authorization_pending",
			"authorization_pending"},
		{"the secret", "invalid_client", "wrong secret " + secret, "invalid_client", "401 invalid_client: the server"},
		{"the secret in base64", "invalid_client", base64.StdEncoding.EncodeToString([]byte("roster:" + secret)),
			"invalid_client", "401 invalid_client: the server"},
		{"the secret in hex", "invalid_client", hex.EncodeToString([]byte(secret)), "invalid_client",
			"401 invalid_client: the server"},
		{"the secret, percent-encoded", "invalid_client", "no " + url.QueryEscape(secret), "invalid_client",
			"401 invalid_client: the server"},
		{"the beginning of the secret", "invalid_client", "no " + secret[:6], "invalid_client",
			"401 invalid_client: the server"},
		{"the words of a secret", "invalid_client", "f k q m z correct horse battery is wrong", "invalid_client",
			"401 invalid_client: the server"},
		{"a number, which may be of a token", "invalid_client", "AADSTS7000215: Invalid client secret provided.",
			"invalid_client", "401 invalid_client: the server"},
		{"a long word", "invalid_client", "no " + strings.Repeat("x", 21), "invalid_client",
			"401 invalid_client: the server"},
		{"capitals inside a word", "invalid_client", "no QmZtKf", "invalid_client", "401 invalid_client: the server"},
		{"markup", "invalid_client", "<b>no</b>", "invalid_client", "401 invalid_client: the server"},
		{"a line break and a terminal code", "invalid_client", "no\n\x1b[31mforged", "invalid_client",
			"401 invalid_client: the server"},
		{"a very long text", "invalid_client", strings.Repeat("no ", 200), "invalid_client",
			"401 invalid_client: the server"},
		{"a code that is the secret", secret, "", "", "401 Unauthorized"},
		{"a code in capitals", "Kq2mZ", "", "", "401 Unauthorized"},
		{"a code of a long word", strings.Repeat("x", 30), "", "", "401 Unauthorized"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusUnauthorized)
				_ = json.NewEncoder(w).Encode(map[string]string{"error": row.code,
					"error_description": row.description})
			}))
			defer server.Close()
			c := &Client{Grant: ClientCredentials, TokenURL: server.URL, ClientID: "roster", Name: "aws",
				Secret: func(context.Context) (string, error) { return secret, nil }}
			_, err := c.Token(t.Context())
			var refused *Error
			if !errors.As(err, &refused) || refused.Code != row.wantCode || !strings.Contains(err.Error(),
				row.wantText) {
				t.Errorf("error %v; want code %q and %q", err, row.wantCode, row.wantText)
			}
			if !errors.Is(err, ErrNeedsAuthorization) {
				t.Error("the error is not permanent")
			}
		})
	}
}

// A server may repeat the secret where net/http quotes the response.
func TestABrokenResponseOfATokenEndpointShowsNoSecret(t *testing.T) {
	const secret = "9f-Kq/2mZ+correct horse battery"
	for _, status := range []string{secret, url.QueryEscape(secret), hex.EncodeToString([]byte(secret))} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, buf, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = buf.WriteString("HTTP/1.1 " + status + "\r\n\r\n")
			_ = buf.Flush()
			_ = conn.Close()
		}))
		c := &Client{Grant: ClientCredentials, TokenURL: server.URL, ClientID: "roster", Name: "aws",
			Secret: func(context.Context) (string, error) { return secret, nil }}
		if _, err := c.Token(t.Context()); err == nil || strings.Contains(err.Error(), status[:12]) {
			t.Errorf("error %v", err)
		}
		server.Close()
	}
}
