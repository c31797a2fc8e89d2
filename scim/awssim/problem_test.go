package awssim_test

import (
	"fmt"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestErrorBodyIsTheServices(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	s.addUser("alice")
	a := s.want(409, s.call("POST", "/Users", userJSON("alice")))
	want := `{"schema":["urn:ietf:params:scim:api:messages:2.0:Error"],"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],` +
		`"detail":"Refused to create a new, duplicate resource.","status":"409","exceptionRequestId":"` +
		a.header.Get("X-Amzn-Requestid") + `","timeStamp":"2026-11-23 09:30:15.16"}`
	if a.text != want {
		t.Errorf("got\n%s\nwant\n%s", a.text, want)
	}
}

func TestRFCErrors(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	id := s.want(201, s.call("POST", "/Users", rfcJSON("alice", ""))).str("id")
	group := s.want(201, s.call("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"g"}`, coreGroup))).str("id")
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		scimType                 string
	}{
		{"a userName that is taken", "POST", "/Users", rfcJSON("alice", ""), 409, "uniqueness"},
		{"no schemas", "POST", "/Users", `{"userName":"a"}`, 400, "invalidSyntax"},
		{"no userName", "POST", "/Users", fmt.Sprintf(`{"schemas":[%q]}`, coreUser), 400, "invalidValue"},
		{"two primary emails", "POST", "/Users", rfcJSON("a", `,"emails":[{"value":"a","primary":true},{"value":"b","primary":true}]`), 400, "invalidValue"},
		{"a bad filter", "GET", "/Users?filter=a", "", 400, "invalidFilter"},
		{"a filter on what there is not", "GET", "/Users" + filter(`shoeSize eq "44"`), "", 400, "invalidFilter"},
		{"a bad cursor", "GET", "/Users?cursor=abc", "", 400, "invalidCursor"},
		{"a bad count", "GET", "/Users?count=abc", "", 400, "invalidCount"},
		{"a path to nothing", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"shoeSize","value":"44"}`), 400, "invalidPath"},
		{"a remove without path", "PATCH", "/Users/" + id, patch(`{"op":"remove"}`), 400, "noTarget"},
		{"a filter that meets nothing", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"}`), 400, "noTarget"},
		{"a part that there is not", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[type eq \"work\"].size","value":"x"}`), 400, "noTarget"},
		{"a filter on a part that there is not", "PATCH", "/Users/" + id, patch(`{"op":"remove","path":"emails[size eq \"x\"]"}`), 400, "invalidPath"},
		{"a filter of what has one value", "PATCH", "/Users/" + id, patch(`{"op":"remove","path":"name[givenName eq \"x\"]"}`), 400, "invalidPath"},
		{"brackets behind what has one value", "GET", "/Users" + filter(`name[givenName eq "x"]`), "", 400, "invalidFilter"},
		{"brackets within brackets", "GET", "/Users" + filter(`not (title pr) or emails[type[x pr]]`), "", 400, "invalidFilter"},
		{"a search of nothing known", "POST", "/Groups/.search", `{"schemas":["urn:x"]}`, 400, "invalidSyntax"},
		{"a member nobody knows by PUT", "PUT", "/Groups/" + group, fmt.Sprintf(`{"schemas":[%q],"displayName":"g","members":[{"value":"x"}]}`, coreGroup), 400, "invalidValue"},
		{"a group that there is not by PUT", "PUT", "/Groups/none", fmt.Sprintf(`{"schemas":[%q],"displayName":"g"}`, coreGroup), 404, ""},
		{"a change of id", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"id","value":"x"}`), 400, "mutability"},
		{"a change of groups", "PATCH", "/Users/" + id, patch(`{"op":"add","path":"groups","value":[{"value":"x"}]}`), 400, "mutability"},
		{"a change of a member", "PATCH", "/Groups/" + group, patch(`{"op":"replace","path":"members.value","value":"x"}`), 400, "mutability"},
		{"a member nobody knows", "PATCH", "/Groups/" + group, patch(`{"op":"add","path":"members","value":[{"value":"x"}]}`), 400, "invalidValue"},
		{"no such user", "GET", "/Users/none", "", 404, ""},
		{"no such method", "DELETE", "/Users", "", 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			a := s.want(c.status, s.call(c.method, c.path, c.body))
			if a.str("scimType") != c.scimType || a.str("status") != fmt.Sprint(c.status) || a.str("detail") == "" || a.body["schema"] != nil {
				t.Errorf("body %s, want scimType %q", a.text, c.scimType)
			}
		})
	}
}
