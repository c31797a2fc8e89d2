package awssim

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What the service says, as far as its answers have been seen: the user guide's troubleshooting and CloudTrail pages, and
// users' reports. The texts of 401, 403, 404, 429 and 500 have not been seen.
const (
	detailGeneric     = "Request is unparsable, syntactically incorrect, or violates schema."
	detailDuplicate   = "Refused to create a new, duplicate resource."
	detailReplace     = "Replacing group memberships is not supported."
	detailPathless    = `Current PATCH support allows omitting "path" attribute only for Add and Replace operations modifying a single attribute.`
	detailMissingPath = "Missing path in PATCH request"
	detailJSON        = "Invalid JSON from RequestBody"
	detailFilter      = "Invalid Filter format"
	detailToken       = "Authorization information is invalid or missing."
	detailNotFound    = "Specified resource was not found."
	detailThrottle    = "Rate exceeded"
	detailInternal    = "Internal server error."
	detailUnavailable = "Service is temporarily unavailable."
)

// The values of scimType, RFC 7644 section 3.12 and RFC 9865 section 3. Only the rfc profile sends them.
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

// problem is an answer other than success.
type problem struct {
	status   int
	scimType string
	detail   string // what AWS says; "" is the generic sentence
	recent   bool   // AWS says so today; in 2024 it said the generic sentence
	reason   string // what is wrong in full: the rfc profile's detail, and the header Awssim-Reason
	allow    string // the header Allow
}

func (p *problem) Error() string {
	return fmt.Sprintf("%d: %s", p.status, p.reason)
}

// invalid is a request that the schema or the rules do not allow.
func invalid(scimType, format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, scimType: scimType, reason: fmt.Sprintf(format, args...)}
}

// says gives the problem the text that AWS is known to send today.
func (p *problem) says(detail string) *problem {
	p.detail, p.recent = detail, true
	return p
}

// saidBefore marks the text as one that AWS sent in 2024 too.
func (p *problem) saidBefore() *problem {
	p.recent = false
	return p
}

func unknownResource(format string, args ...any) *problem {
	return &problem{status: http.StatusNotFound, detail: detailNotFound, reason: fmt.Sprintf(format, args...)}
}

func duplicate(format string, args ...any) *problem {
	return &problem{status: http.StatusConflict, scimType: scimTypeUniqueness, detail: detailDuplicate, reason: fmt.Sprintf(format, args...)}
}

func unauthorized(format string, args ...any) *problem {
	return &problem{status: http.StatusUnauthorized, detail: detailToken, reason: fmt.Sprintf(format, args...)}
}

// body renders the problem as the service does: both the misspelt "schema" and "schemas", a string status, no scimType and
// no exception name.
func (p *problem) body(rules *rules, requestID string, now time.Time) []byte {
	if rules.rfc {
		return p.rfcBody()
	}
	detail := p.detail
	if detail == "" || p.recent && !rules.detailedErrors {
		detail = detailGeneric
	}
	b := append([]byte(nil), `{"schema":["`+urnError+`"],"schemas":["`+urnError+`"],"detail":`...)
	b = quote(b, detail)
	b = append(b, `,"status":"`...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(b, `","exceptionRequestId":`...)
	b = quote(b, requestID)
	b = append(b, `,"timeStamp":`...)
	b = quote(b, javaTimestamp(now))
	return append(b, '}')
}

// rfcBody is the error message of RFC 7644 section 3.12.
func (p *problem) rfcBody() []byte {
	b := append([]byte(nil), `{"schemas":["`+urnError+`"],"status":"`...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(b, '"')
	if p.scimType != "" {
		b = append(b, `,"scimType":`...)
		b = quote(b, p.scimType)
	}
	b = append(b, `,"detail":`...)
	b = quote(b, p.reason)
	return append(b, '}')
}

// javaTimestamp is how java.sql.Timestamp prints a time: no zone, milliseconds with trailing zeros dropped but for one digit.
func javaTimestamp(t time.Time) string {
	s := strings.TrimRight(t.UTC().Format("2006-01-02 15:04:05.000"), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}
