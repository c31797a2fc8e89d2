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

// ErrNeedsAuthorization means that there is no token until a user authorizes again or corrects the
// client.
var ErrNeedsAuthorization = errors.New("needs authorization")

// Error is a failed request to a token endpoint. errors.Is(err, ErrNeedsAuthorization) is true if
// the server refused permanently. It is false if the server was unreachable or failed.
type Error struct {
	Op          string // for example "refresh the access token"
	Host        string // of the token endpoint
	Status      int    // HTTP status; 0 without a response
	Code        string // RFC 6749 section 5.2, for example "invalid_grant"; "" if the server sent none
	Description string // text of the server
	Err         error  // why there is no response
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
	"invalid_client":         "the server does not know this client, or the client secret is wrong",
	"unauthorized_client":    "the server does not allow this grant for this client",
	"unsupported_grant_type": "the server does not support this grant",
	"invalid_scope":          "the server does not grant these scopes",
	"access_denied":          "the user or the server declined the authorization",
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether the error is permanent, if the target is ErrNeedsAuthorization.
func (e *Error) Is(target error) bool {
	return target == ErrNeedsAuthorization && (hints[e.Code] != "" ||
		slices.Contains([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden}, e.Status) &&
			e.Err == nil && e.Code != "temporarily_unavailable")
}

// newError converts an error of golang.org/x/oauth2, which may contain the whole response and thus
// the secrets of the request.
func (c *Client) newError(op string, err error, secrets ...string) error {
	e := &Error{Op: op, Host: c.TokenURL}
	if u, parsed := url.Parse(c.TokenURL); parsed == nil {
		e.Host = u.Host
	}
	var refused *oauth2.RetrieveError
	var transport *url.Error
	switch {
	case errors.As(err, &refused):
		e.Status, e.Code, e.Description = refused.Response.StatusCode, sanitize(refused.ErrorCode, secrets),
			sanitize(refused.ErrorDescription, secrets)
		if e.Status < 300 && e.Code == "" {
			e.Err = errors.New("the response has no access token")
		}
	case errors.As(err, &transport):
		e.Err = transport.Err
	default:
		e.Err = errors.New(sanitize(err.Error(), secrets))
	}
	return e
}

// sanitize returns text of the server as one line without the secrets of the request.
func sanitize(s string, secrets []string) string {
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
