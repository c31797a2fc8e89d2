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

// maxDetail is the maximum length, in bytes, of a server's text in an error.
const maxDetail = 400

// Error is a call that failed: the server rejected it, or there was no valid response.
//
// errors.Is(err, fs.ErrExist) is true for a 409, and errors.Is(err, fs.ErrPermission) for 401 and
// 403. errors.Is(err, fs.ErrNotExist) is true for a 404 of the service itself, with an empty body
// or JSON. A 404 page of a proxy does not prove that an object does not exist.
type Error struct {
	Op         string        // the operation: "create user"
	Method     string        // of the request
	Path       string        // below the endpoint, with the query
	Status     int           // HTTP status; 0 if there was no response
	Detail     string        // the server's message, cut to a few hundred bytes
	ScimType   string        // RFC 7644 section 3.12; IAM Identity Center never sends one
	RequestID  string        // x-amzn-RequestId or exceptionRequestId
	RetryAfter time.Duration // the delay that the server requires; 0 if none
	Attempts   int           // number of requests sent

	// MaybeApplied is set if the write may have taken effect, because a response was lost in this
	// or an earlier attempt. A 409 with MaybeApplied may be caused by the first attempt of this
	// call.
	MaybeApplied bool

	// Err is why there was no valid response: a network error, the context's error, a response that
	// is not what was requested. It is nil if the server rejected the call.
	Err error

	gateway bool // the body was not JSON, so it came from a proxy in front of the service
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

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Is maps HTTP statuses to the errors of io/fs.
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

// Status returns the HTTP status of the Error that err wraps, or 0.
func Status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// IsUnauthorized reports a 401: the token is missing, wrong, expired or revoked, or the tenant id
// in the endpoint is wrong. All other calls will fail as well.
func IsUnauthorized(err error) bool { return Status(err) == http.StatusUnauthorized }

// IsForbidden reports a 403: the token does not permit the operation.
func IsForbidden(err error) bool { return Status(err) == http.StatusForbidden }

// IsThrottled reports a 429 after the last retry.
func IsThrottled(err error) bool { return Status(err) == http.StatusTooManyRequests }

// MaybeApplied reports a write that failed but may have taken effect.
func MaybeApplied(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.MaybeApplied
}

// errorBody is the body of an error response. IAM Identity Center sends detail; gateways send
// message.
type errorBody struct {
	Detail             any `json:"detail"`
	Message            any `json:"message"`
	ScimType           any `json:"scimType"`
	ExceptionRequestID any `json:"exceptionRequestId"`
}

// readBody sets the fields of e from the body of an error response. The body may be anything. The
// token is removed, because some proxies return the request's headers.
func (e *Error) readBody(body []byte, token string) {
	clean := func(v any) string {
		s, _ := v.(string)
		return cleanText(s, token)
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
	e.Detail = cleanText(html.UnescapeString(markup.ReplaceAllString(text, " ")), token)
}

var (
	markup = regexp.MustCompile(`(?s)<(style|script).*?</(style|script)>|<[^>]*>`)
	bearer = regexp.MustCompile(`(?i)(bearer\s+)[^\s"',;<>]+`)
)

// cleanText makes a text of the server safe for a log: one line of limited length without control
// characters and without the token.
func cleanText(s, token string) string {
	if isRequestID(s) && (token == "" || !strings.Contains(s, token)) {
		return s
	}
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

// isRequestID reports whether a text has only ASCII letters, digits and hyphens, like the request
// ids of AWS, and is not too long.
func isRequestID(s string) bool {
	for _, c := range []byte(s) {
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return len(s) <= maxDetail
}
