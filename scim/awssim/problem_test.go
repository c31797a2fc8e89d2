package awssim_test

import (
	"fmt"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestErrorBodyOfAWS(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	s.addUser("alice")
	a := s.want(409, s.call("POST", "/Users", userJSON("alice")))
	want := `{"schema":["urn:ietf:params:scim:api:messages:2.0:Error"],` +
		`"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],` +
		`"detail":"Refused to create a new, duplicate resource.","status":"409","exceptionRequestId":"` +
		a.header.Get("X-Amzn-Requestid") + `","timeStamp":"2026-11-23 09:30:15.16"}`
	if a.text != want {
		t.Errorf("got\n%s\nwant\n%s", a.text, want)
	}
}

// rfcError is a request that the rfc profile rejects, and its error.
type rfcError struct {
	name, method, path, body string
	status                   int
	scimType                 string
}

func TestRFCErrors(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	user := "/Users/" + s.want(201, s.call("POST", "/Users", rfcJSON("alice", ""))).str("id")
	group := "/Groups/" + s.addGroup("g")
	patchUser := func(name, op string, scimType string) rfcError {
		return rfcError{name, "PATCH", user, patch(op), 400, scimType}
	}
	patchGroup := func(name, op string, scimType string) rfcError {
		return rfcError{name, "PATCH", group, patch(op), 400, scimType}
	}
	usersWith := func(f string) string { return "/Users" + filter(f) }
	const twoPrimary = `,"emails":[{"value":"a","primary":true},{"value":"b","primary":true}]`
	for _, c := range []rfcError{
		{"a userName that exists", "POST", "/Users", rfcJSON("alice", ""), 409, "uniqueness"},
		{"no schemas", "POST", "/Users", `{"userName":"a"}`, 400, "invalidSyntax"},
		{"no userName", "POST", "/Users", fmt.Sprintf(`{"schemas":[%q]}`, coreUser), 400, "invalidValue"},
		{"two primary emails", "POST", "/Users", rfcJSON("a", twoPrimary), 400, "invalidValue"},
		{"an invalid filter", "GET", "/Users?filter=a", "", 400, "invalidFilter"},
		{"a filter on an unknown attribute", "GET", usersWith(`shoeSize eq "44"`), "", 400, "invalidFilter"},
		{"an invalid cursor", "GET", "/Users?cursor=abc", "", 400, "invalidCursor"},
		{"an invalid count", "GET", "/Users?count=abc", "", 400, "invalidCount"},
		patchUser("an unknown attribute in a path", `{"op":"replace","path":"shoeSize","value":"44"}`, "invalidPath"),
		patchUser("a remove without a path", `{"op":"remove"}`, "noTarget"),
		patchUser("a path that selects nothing",
			`{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"}`, "noTarget"),
		patchUser("an unknown sub-attribute after a filter that selects nothing",
			`{"op":"replace","path":"emails[type eq \"work\"].size","value":"x"}`, "noTarget"),
		patchUser("a path with a filter on an unknown sub-attribute",
			`{"op":"remove","path":"emails[size eq \"x\"]"}`, "invalidPath"),
		patchUser("a path with a filter on an attribute with one value",
			`{"op":"remove","path":"name[givenName eq \"x\"]"}`, "invalidPath"),
		{"brackets after an attribute with one value", "GET", usersWith(`name[givenName eq "x"]`), "", 400,
			"invalidFilter"},
		{"nested brackets", "GET", usersWith(`not (title pr) or emails[type[x pr]]`), "", 400, "invalidFilter"},
		{"a search with an unknown schema", "POST", "/Groups/.search", `{"schemas":["urn:x"]}`, 400, "invalidSyntax"},
		{"an unknown member in PUT", "PUT", group, groupJSON("g", `,"members":[{"value":"x"}]`), 400, "invalidValue"},
		{"an unknown group in PUT", "PUT", "/Groups/none", groupJSON("g", ""), 404, ""},
		patchUser("a change of id", `{"op":"replace","path":"id","value":"x"}`, "mutability"),
		patchUser("a change of groups", `{"op":"add","path":"groups","value":[{"value":"x"}]}`, "mutability"),
		patchGroup("a change of a member", `{"op":"replace","path":"members.value","value":"x"}`, "mutability"),
		patchGroup("an unknown member", `{"op":"add","path":"members","value":[{"value":"x"}]}`, "invalidValue"),
		{"an unknown user", "GET", "/Users/none", "", 404, ""},
		{"an unsupported method", "DELETE", "/Users", "", 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			a := s.want(c.status, s.call(c.method, c.path, c.body))
			if a.str("scimType") != c.scimType || a.str("status") != fmt.Sprint(c.status) {
				t.Errorf("body %s, want scimType %q", a.text, c.scimType)
			}
			if a.str("detail") == "" || a.body["schema"] != nil {
				t.Errorf("body %s", a.text)
			}
		})
	}
}
