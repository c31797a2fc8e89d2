package foreign

import "testing"

// SCIMMY starts a SCIM server with SCIMMY and returns its endpoint. The server is empty, accepts
// the given bearer token, and stops with the test.
//
// SCIMMY has these properties:
//
//   - Filters are case-sensitive and do not support a quotation mark in a value.
//   - A create has no Location header.
//   - A PATCH without changes answers 204.
//   - A member that is added twice is stored twice.
//   - Listings are paged by index only.
func SCIMMY(t testing.TB, token string) string {
	t.Helper()
	p := run(t, "scimmy.mjs", token)
	port, err := p.line()
	if err != nil {
		t.Fatalf("start SCIMMY: %v", err)
	}
	return "http://127.0.0.1:" + port + "/scim/v2"
}
