package awssim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Texts of the service, from the user guide's pages on troubleshooting and CloudTrail and from
// users' reports. The texts of 401, 403, 404, 429 and 500 are not known.
const (
	detailGeneric   = "Request is unparsable, syntactically incorrect, or violates schema."
	detailDuplicate = "Refused to create a new, duplicate resource."
	detailReplace   = "Replacing group memberships is not supported."
	detailPathless  = `Current PATCH support allows omitting "path" attribute only for Add and Replace operations ` +
		`modifying a single attribute.`
	detailMissingPath = "Missing path in PATCH request"
	detailJSON        = "Invalid JSON from RequestBody"
	detailFilter      = "Invalid Filter format"
	detailToken       = "Authorization information is invalid or missing."
	detailDenied      = "Access denied."
	detailNotFound    = "Specified resource was not found."
	detailThrottle    = "Rate exceeded"
	detailInternal    = "Internal server error."
	detailUnavailable = "Service is temporarily unavailable."
)

// Values of scimType (RFC 7644 section 3.12, RFC 9865 section 3). Only the rfc profile sends them.
const (
	scimTypeFilter        = "invalidFilter"
	scimTypeUniqueness    = "uniqueness"
	scimTypeMutability    = "mutability"
	scimTypeSyntax        = "invalidSyntax"
	scimTypePath          = "invalidPath"
	scimTypeTarget        = "noTarget"
	scimTypeValue         = "invalidValue"
	scimTypeCursor        = "invalidCursor"
	scimTypeCursorExpired = "expiredCursor"
	scimTypeCount         = "invalidCount"
)

// problem is an error that becomes a response.
type problem struct {
	status   int
	scimType string
	detail   string // AWS's text; "" means the generic text
	recent   bool   // only today's AWS sends the detail; in 2024 it sent the generic text
	reason   string // what is wrong, precisely: the rfc profile's detail, and the header Awssim-Reason
	allow    string // the header Allow
}

func (p *problem) Error() string {
	return fmt.Sprintf("%d: %s", p.status, p.reason)
}

// invalid is the problem of a request that violates the schema or the rules.
func invalid(scimType, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, scimType: scimType, reason: fmt.Sprintf(format, args...)}
}

// withDetail sets the text that AWS sends, in 2024 as well as today.
func (p *problem) withDetail(detail string) *problem {
	p.detail = detail
	return p
}

// withRecentDetail sets the text that today's AWS sends. In 2024 it sent the generic text.
func (p *problem) withRecentDetail(detail string) *problem {
	p.detail, p.recent = detail, true
	return p
}

func notFound(format string, args ...any) *problem {
	return &problem{status: http.StatusNotFound, detail: detailNotFound, reason: fmt.Sprintf(format, args...)}
}

func duplicate(format string, args ...any) *problem {
	return &problem{
		status: http.StatusConflict, scimType: scimTypeUniqueness, detail: detailDuplicate,
		reason: fmt.Sprintf(format, args...),
	}
}

func unauthorized(format string, args ...any) *problem {
	return &problem{status: http.StatusUnauthorized, detail: detailToken, reason: fmt.Sprintf(format, args...)}
}

// body renders the problem as the service does: with the misspelt key "schema" as well as
// "schemas", with the status as a string, and without scimType and the name of an exception.
func (p *problem) body(r *rules, requestID string, now time.Time) []byte {
	if r.rfc {
		return p.rfcBody()
	}
	detail := p.detail
	if detail == "" || p.recent && !r.detailedErrors {
		detail = detailGeneric
	}
	b := append([]byte(nil), `{"schema":["`+urnError+`"],"schemas":["`+urnError+`"],"detail":`...)
	b = appendString(b, detail)
	b = append(b, `,"status":"`...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(b, `","exceptionRequestId":`...)
	b = appendString(b, requestID)
	b = append(b, `,"timeStamp":`...)
	b = appendString(b, javaTimestamp(now))
	return append(b, '}')
}

// rfcBody renders the error message of RFC 7644 section 3.12.
func (p *problem) rfcBody() []byte {
	b := append([]byte(nil), `{"schemas":["`+urnError+`"],"status":"`...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(b, '"')
	if p.scimType != "" {
		b = append(b, `,"scimType":`...)
		b = appendString(b, p.scimType)
	}
	b = append(b, `,"detail":`...)
	b = appendString(b, p.reason)
	return append(b, '}')
}

// javaTimestamp formats a time as java.sql.Timestamp does: without a zone, in milliseconds, and
// without trailing zeros after the first decimal.
func javaTimestamp(t time.Time) string {
	s := strings.TrimRight(t.UTC().Format("2006-01-02 15:04:05.000"), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}
