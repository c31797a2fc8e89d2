package oauth

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/oauth2"

	"github.com/seed-d64a251c/roster/internal/neterror"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
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
	Description string // text of the server; "" unless it consists of ordinary words
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
	e := &Error{Op: op, Host: host(c.TokenURL)}
	clean := c.cleaner(secrets)
	var refused *oauth2.RetrieveError
	var transport *url.Error
	switch {
	case errors.As(err, &refused):
		e.Status, e.Code = refused.Response.StatusCode, clean.code(refused.ErrorCode)
		e.Description = clean.description(refused.ErrorDescription)
		if e.Status < 300 && e.Code == "" {
			e.Err = errors.New("the response has no access token")
		}
	case errors.As(err, &transport):
		e.Err = clean.known.Error(neterror.Explain(transport.Err))
	default:
		e.Err = errors.New(clean.line(err.Error()))
	}
	return e
}

// A cleaner makes texts of a server safe for errors and logs: a server may repeat the credentials
// of a request.
type cleaner struct {
	known   *scrub.Scrubber // the secrets of the client and of the request
	secrets []string        // of the request
}

func (c *Client) cleaner(secrets []string) cleaner {
	out := cleaner{&scrub.Scrubber{}, secrets}
	for _, secret := range secrets {
		out.known.Add(secret)
	}
	return out
}

var (
	// errorCode matches the codes of RFC 6749 and its extensions.
	errorCode = regexp.MustCompile(`^[a-z]{1,20}(_[a-z]{1,20}){0,4}$`)
	// ordinaryWords matches a text without anything that could be a part of a token: digits, other
	// characters, long words, and words with capitals inside.
	ordinaryWords = regexp.MustCompile(`^\(?(\p{L}\p{Ll}{0,19}|\p{Lu}{1,8})[.,;:!?)]*` +
		`([ '-]+\(?(\p{L}\p{Ll}{0,19}|\p{Lu}{1,8})[.,;:!?)]*)*$`)
)

// maxDescription is the maximum length of a description, in bytes.
const maxDescription = 300

// code returns an error code of the server, or "" if it is no code.
func (c cleaner) code(text string) string {
	if !errorCode.MatchString(text) || c.contains(text) {
		return ""
	}
	return text
}

// description returns a text of the server if it consists of ordinary words, else "".
func (c cleaner) description(text string) string {
	if len(text) > maxDescription || !ordinaryWords.MatchString(text) || c.contains(text) {
		return ""
	}
	return text
}

// contains reports whether a text has a secret, also if only its letters are there.
func (c cleaner) contains(text string) bool {
	return c.known.Found([]byte(text)) || slices.ContainsFunc(c.secrets, func(secret string) bool {
		word := letters(secret)
		return secret != "" && strings.Contains(text, secret) ||
			len(word) >= minLetters && strings.Contains(letters(text), word)
	})
}

// minLetters is how many letters of a secret are not found in an ordinary text by chance.
const minLetters = 6

// letters returns the letters of a text, in lower case.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// line returns a text as one line without secrets.
func (c cleaner) line(s string) string {
	for _, secret := range c.secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, scrub.Placeholder)
		}
	}
	s = c.known.String(s)
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(s) > maxDescription {
		s = strings.ToValidUTF8(s[:maxDescription], "") + "..."
	}
	return s
}
