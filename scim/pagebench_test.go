package scim_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

// cannedPages answers each listing with one page, without a network.
type cannedPages struct{ page []byte }

func (c cannedPages) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Request: req, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(c.page)), ContentLength: int64(len(c.page))}, nil
}

// newPage returns a page of users as IAM Identity Center sends it.
func newPage(users int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"itemsPerPage":100,"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[`)
	for i := range users {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"c4488478-a0e1-700e-3d75-96c6bb64%04d","externalId":"u-%d",`+
			`"meta":{"resourceType":"User","created":"2026-10-01T10:00:00Z","lastModified":"2026-10-01T10:00:00Z"},`+
			`"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",`+
			`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"userName":"user%d@example.com",`+
			`"name":{"formatted":"User %d","familyName":"Name%d","givenName":"Given%d"},"displayName":"user%d",`+
			`"title":"Engineer","active":true,"emails":[{"value":"user%d@example.com","type":"work","primary":true}],`+
			`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Platform",`+
			`"costCenter":"4711","employeeNumber":"%d"}}`, i, i, i, i, i, i, i, i, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// BenchmarkPage reads a page of 100 users from memory, complete or only the ids of members.
func BenchmarkPage(b *testing.B) {
	page := newPage(100)
	c := &scim.Client{Endpoint: "https://scim.us-east-1.amazonaws.com/t/scim/v2", Token: scim.StaticToken("t"),
		HTTP: &http.Client{Transport: cannedPages{page}}}
	b.Run("users", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(page)))
		for b.Loop() {
			for _, err := range c.Users(b.Context(), scim.Filter{}) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("member ids", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(page)))
		for b.Loop() {
			for _, err := range c.MemberIDs(b.Context(), "g") {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
