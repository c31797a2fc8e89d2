package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// maxDetail bounds, in bytes, what an error repeats of the server's words.
const maxDetail = 400

// Error is a call that failed: the server refused it, or no answer came.
//
// errors.Is(err, fs.ErrNotExist) holds for a 404 of the service itself (one
// whose body is empty or JSON; a proxy's page about a wrong address is not proof
// that a user is gone), errors.Is(err, fs.ErrExist) for a 409, and
// errors.Is(err, fs.ErrPermission) for 401 and 403.
type Error struct {
	Op         string        // what was asked for: "create user"
	Method     string        // of the request
	Path       string        // below the endpoint, with the query
	Status     int           // HTTP status; 0 if no answer came
	Detail     string        // the server's words, cut to a few hundred bytes
	ScimType   string        // RFC 7644 section 3.12; IAM Identity Center never sends one
	RequestID  string        // x-amzn-RequestId or exceptionRequestId
	RetryAfter time.Duration // what the server asked us to wait; 0 if it did not
	Attempts   int           // requests sent

	// MaybeApplied says that the write may have taken effect although no answer
	// proved it: a reply was lost, now or in an earlier attempt. A 409 with
	// MaybeApplied may stem from our own first attempt.
	MaybeApplied bool

	// Err is why no usable answer came: a network error, the context's error,
	// an answer that is not what was asked for. Nil when the server refused.
	Err error

	gateway bool // the body was not JSON: somebody in front of the service speaks
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s %s", e.Op, e.Method, e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, ": %d", e.Status)
		if text := http.StatusText(e.Status); text != "" {
			b.WriteString(" " + text)
		}
	}
	if e.ScimType != "" {
		fmt.Fprintf(&b, " (%s)", e.ScimType)
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	var notes []string
	if e.Attempts > 1 {
		notes = append(notes, fmt.Sprintf("%d attempts", e.Attempts))
	}
	if e.MaybeApplied {
		notes = append(notes, "may have taken effect")
	}
	if e.RequestID != "" {
		notes = append(notes, "request "+e.RequestID)
	}
	if notes != nil {
		b.WriteString(" (" + strings.Join(notes, ", ") + ")")
	}
	return b.String()
}

// Unwrap returns why no usable answer came.
func (e *Error) Unwrap() error { return e.Err }

// Is maps HTTP statuses to the sentinels of io/fs.
func (e *Error) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e.Status == http.StatusNotFound && !e.gateway
	case fs.ErrExist:
		return e.Status == http.StatusConflict
	case fs.ErrPermission:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	}
	return false
}

// Status returns the HTTP status behind err, or 0.
func Status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// IsUnauthorized reports a 401: the token is missing, wrong, expired or revoked,
// or the tenant id in the endpoint is wrong. No other call will fare better.
func IsUnauthorized(err error) bool { return Status(err) == http.StatusUnauthorized }

// IsForbidden reports a 403: the token does not permit the operation.
func IsForbidden(err error) bool { return Status(err) == http.StatusForbidden }

// IsThrottled reports a 429 that outlasted all retries.
func IsThrottled(err error) bool { return Status(err) == http.StatusTooManyRequests }

// MaybeApplied reports a write that failed but may have taken effect.
func MaybeApplied(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.MaybeApplied
}

// errorBody is what a refusal says. IAM Identity Center sends detail; gateways
// in front of services send message.
type errorBody struct {
	Detail             any `json:"detail"`
	Message            any `json:"message"`
	ScimType           any `json:"scimType"`
	ExceptionRequestID any `json:"exceptionRequestId"`
}

// explain fills e from the body of a refusal, whatever it is. The token is
// struck out first: a careless proxy may repeat the request's headers.
func (e *Error) explain(body []byte, token string) {
	clean := func(v any) string {
		s, _ := v.(string)
		return tidy(s, token)
	}
	var b errorBody
	if err := json.Unmarshal(body, &b); err == nil {
		e.Detail = clean(b.Detail)
		if e.Detail == "" {
			e.Detail = clean(b.Message)
		}
		e.ScimType = clean(b.ScimType)
		if e.RequestID == "" {
			e.RequestID = clean(b.ExceptionRequestID)
		}
		return
	}
	text := strings.TrimSpace(string(body))
	e.gateway = text != ""
	e.Detail = tidy(html.UnescapeString(markup.ReplaceAllString(text, " ")), token)
}

var (
	markup = regexp.MustCompile(`(?s)<(style|script).*?</(style|script)>|<[^>]*>`)
	bearer = regexp.MustCompile(`(?i)(bearer\s+)[^\s"',;<>]+`)
)

// tidy makes the server's words fit for a log line: one line, bounded, without
// control characters and without the token.
func tidy(s, token string) string {
	if token != "" {
		s = strings.ReplaceAll(s, token, "[token]")
	}
	s = bearer.ReplaceAllString(s, "${1}[token]")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(s) > maxDetail {
		s = strings.ToValidUTF8(s[:maxDetail], "") + "..."
	}
	return s
}
