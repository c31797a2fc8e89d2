package oauth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/oauth2"
)

// ErrNeedsAuthorization says that no token can be had until somebody acts: authorizes again, or corrects the client.
var ErrNeedsAuthorization = errors.New("needs authorization")

// Error is a request to a token endpoint that failed. errors.Is(err, ErrNeedsAuthorization) holds when the server refused for good, and not
// when it could not be reached or was in trouble.
type Error struct {
	Op          string // "refresh the access token"
	Host        string // of the token endpoint
	Status      int    // HTTP status; 0 if no answer came
	Code        string // RFC 6749 section 5.2: "invalid_grant"; "" if the server gave none
	Description string // the server's words
	Err         error  // why no answer came
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s at %s: ", e.Op, e.Host)
	switch {
	case e.Err != nil:
		fmt.Fprintf(&b, "%v", e.Err)
	default:
		fmt.Fprintf(&b, "%d %s", e.Status, cmp.Or(e.Code, http.StatusText(e.Status)))
	}
	if e.Description != "" {
		b.WriteString(" (" + e.Description + ")")
	}
	if hint := hints[e.Code]; hint != "" {
		b.WriteString(": " + hint)
	}
	return b.String()
}

var hints = map[string]string{
	"invalid_grant":          "the authorization expired, was revoked, or its refresh token was used twice",
	"invalid_client":         "the server does not know this client, or not with this secret",
	"unauthorized_client":    "the server does not allow this client this grant",
	"unsupported_grant_type": "the server does not know this grant",
	"invalid_scope":          "the server does not give these scopes",
	"access_denied":          "the authorization was declined",
}

// Unwrap returns why no answer came.
func (e *Error) Unwrap() error { return e.Err }

// Is reports a refusal that only a person can change.
func (e *Error) Is(target error) bool {
	return target == ErrNeedsAuthorization && (hints[e.Code] != "" ||
		slices.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}, e.Status) && e.Err == nil && e.Code != "temporarily_unavailable")
}

// failure makes an Error of what golang.org/x/oauth2 returns, which may repeat the server's whole answer, and so what we sent.
func (c *Client) failure(op string, err error, secrets ...string) error {
	e := &Error{Op: op, Host: c.TokenURL}
	if u, parsed := url.Parse(c.TokenURL); parsed == nil {
		e.Host = u.Host
	}
	var refused *oauth2.RetrieveError
	var transport *url.Error
	switch {
	case errors.As(err, &refused):
		e.Status, e.Code, e.Description = refused.Response.StatusCode, tidy(refused.ErrorCode, secrets), tidy(refused.ErrorDescription, secrets)
		if e.Status < 300 && e.Code == "" {
			e.Err = errors.New("the answer has no access token")
		}
	case errors.As(err, &transport):
		e.Err = transport.Err
	default:
		e.Err = errors.New(tidy(err.Error(), secrets))
	}
	return e
}

// tidy makes the server's words fit for a log line, without the secrets that we sent.
func tidy(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(strings.ReplaceAll(s, secret, "[secret]"), url.QueryEscape(secret), "[secret]")
		}
	}
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "..."
	}
	return s
}
