package awssim_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestPatchUser(t *testing.T) {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, c := range []struct {
		name, body string
		status     int
		want       string // in the answer
	}{
		{"active as a text", patch(`{"op":"replace","path":"active","value":"false"}`), 200, `"active":false`},
		{"active as a boolean", patch(`{"op":"replace","path":"active","value":false}`), 200, `"active":false`},
		{"the op in another case", patch(`{"op":"Replace","path":"title","value":"Boss"}`), 200, `"title":"Boss"`},
		{"an attribute without path", patch(`{"op":"add","value":{"title":"Boss"}}`), 200, `"title":"Boss"`},
		{"a part of the name", patch(`{"op":"replace","path":"name.givenName","value":"Ann"}`), 200, `"givenName":"Ann"`},
		{"the name keeps what is not sent", patch(`{"op":"replace","path":"name","value":{"givenName":"Ann"}}`), 200, `"name":{"familyName":"Family","givenName":"Ann"}`},
		{"an enterprise attribute", patch(`{"op":"add","path":"` + enterprise + `:department","value":"Ops"}`), 200, `"` + enterprise + `":{"department":"Ops"}`},
		{"the manager's value", patch(`{"op":"add","path":"` + enterprise + `:manager.value","value":"m"}`), 200, `"manager":{"value":"m"}`},
		{"the extension as a whole", patch(`{"op":"add","path":"` + enterprise + `","value":{"division":"D"}}`), 200, `"division":"D"`},
		{"the extension without path", patch(`{"op":"add","value":{"` + enterprise + `":{"division":"D"}}}`), 200, `"division":"D"`},
		{"the email", patch(`{"op":"replace","path":"emails","value":[{"value":"new@example.com","type":"work","primary":true}]}`), 200, `"emails":[{"value":"new@example.com"`},
		{"the email by its type", patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@example.com"}`), 200, `"value":"new@example.com","type":"work"`},
		{"the email that is primary", patch(`{"op":"replace","path":"emails[primary eq true].value","value":"new@example.com"}`), 200, `"value":"new@example.com"`},
		{"removes the email", patch(`{"op":"remove","path":"emails"}`), 200, `"active":true}`},
		{"several attributes in several operations", patch(`{"op":"replace","path":"title","value":"Boss"}`, `{"op":"add","path":"nickName","value":"Al"}`), 200, `"nickName":"Al","title":"Boss"`},
		{"removes externalId", patch(`{"op":"remove","path":"externalId"}`), 200, `","meta":`},
		{"refuses a second email", patch(`{"op":"add","path":"emails","value":[{"value":"new@example.com","primary":true}]}`), 400, "List attribute emails exceeds allowed limit of 1"},
		{"refuses to remove userName", patch(`{"op":"remove","path":"userName"}`), 400, generic},
		{"refuses to remove active", patch(`{"op":"remove","path":"active"}`), 400, generic},
		{"refuses to remove displayName", patch(`{"op":"remove","path":"displayName"}`), 400, generic},
		{"refuses to remove the familyName", patch(`{"op":"remove","path":"name.familyName"}`), 400, generic},
		{"refuses active twice", patch(`{"op":"replace","path":"active","value":true}`, `{"op":"replace","path":"active","value":false}`), 400, generic},
		{"refuses userName twice", patch(`{"op":"replace","path":"userName","value":"a"}`, `{"op":"replace","value":{"userName":"b"}}`), 400, generic},
		{"refuses roles", patch(`{"op":"add","path":"roles","value":[{"value":"r"}]}`), 400, generic},
		{"refuses photos", patch(`{"op":"add","path":"photos","value":[{"value":"r"}]}`), 400, generic},
		{"refuses id", patch(`{"op":"replace","path":"id","value":"x"}`), 400, generic},
		{"refuses an empty value", patch(`{"op":"replace","path":"title","value":""}`), 400, "2 validation errors detected: "},
		{"refuses no value", patch(`{"op":"replace","path":"title"}`), 400, generic},
		{"refuses null", patch(`{"op":"replace","path":"title","value":null}`), 400, generic},
		{"refuses several attributes without path", patch(`{"op":"replace","value":{"title":"a","nickName":"b"}}`), 400, "Current PATCH support allows"},
		{"refuses a remove without path", patch(`{"op":"remove"}`), 400, "Missing path in PATCH request"},
		{"refuses another operator in a path", patch(`{"op":"replace","path":"emails[type sw \"work\"].value","value":"n@example.com"}`), 400, generic},
		{"refuses a path that means nothing", patch(`{"op":"replace","path":"emails[type eq \"home\"].value","value":"n@example.com"}`), 400, generic},
		{"refuses an unknown op", patch(`{"op":"move","path":"title","value":"x"}`), 400, generic},
		{"refuses no operations", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[]}`, 400, generic},
		{"refuses no schemas", `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`, 400, generic},
		{"refuses operations in lower case", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"operations":[{"op":"replace","path":"title","value":"x"}]}`, 400, generic},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, awssim.ProfileAWS, awssim.Options{})
			id := s.addUser("alice")
			before := s.State()
			a := s.want(c.status, s.call("PATCH", "/Users/"+id, c.body))
			text := a.text
			if c.status == 400 {
				text = a.str("detail")
				if diff := cmp.Diff(before, s.State()); diff != "" {
					t.Errorf("a refused PATCH changed the user: %s", diff)
				}
			}
			if !strings.Contains(text, c.want) {
				t.Errorf("got %s, want %s in it", text, c.want)
			}
		})
	}
}

func TestRFCPatchUser(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"several attributes without path", patch(`{"op":"replace","value":{"title":"T","nickName":"N"}}`), `"nickName":"N","title":"T"`},
		{"a second email", patch(`{"op":"add","path":"emails","value":[{"value":"b@c","type":"home"}]}`), `{"value":"a@b","type":"work","primary":true},{"value":"b@c","type":"home"}`},
		{"a new primary email", patch(`{"op":"add","path":"emails","value":{"value":"b@c","primary":true}}`), `{"value":"a@b","type":"work","primary":false},{"value":"b@c","primary":true}`},
		{"the same email again", patch(`{"op":"add","path":"emails","value":[{"value":"a@b","type":"work","primary":true}]}`), `"emails":[{"value":"a@b","type":"work","primary":true}]}`},
		{"one email", patch(`{"op":"remove","path":"emails[type eq \"work\"]"}`), `"userName":"alice"}`},
		{"a part of one", patch(`{"op":"remove","path":"emails[type eq \"work\"].type"}`), `"emails":[{"value":"a@b","primary":true}]`},
		{"one email is replaced", patch(`{"op":"replace","path":"emails[type eq \"work\" and primary eq true]","value":{"value":"new@c"}}`), `"emails":[{"value":"new@c"}]`},
		{"one email is added to", patch(`{"op":"add","path":"emails[not (type eq \"home\") and (value ew \"b\" or value pr)]","value":{"display":"d"}}`), `"emails":[{"value":"a@b","display":"d","type":"work","primary":true}]`},
		{"a part of all", patch(`{"op":"replace","path":"emails.type","value":"other"}`), `"emails":[{"value":"a@b","type":"other","primary":true}]`},
		{"a full name", patch(`{"op":"add","path":"` + coreUser + `:name.givenName","value":"G"}`), `"name":{"givenName":"G"}`},
		{"a name in another case", patch(`{"op":"add","path":"NAME.GIVENNAME","value":"G"}`), `"name":{"givenName":"G"}`},
		{"roles", patch(`{"op":"add","path":"roles","value":[{"value":"r"}]}`), `"roles":[{"value":"r"}]`},
		{"the core schema's URN", patch(`{"op":"add","path":"` + coreUser + `","value":{"title":"T"}}`), `"title":"T"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, awssim.ProfileRFC, awssim.Options{})
			id := s.want(201, s.call("POST", "/Users", rfcJSON("alice", `,"emails":[{"value":"a@b","type":"work","primary":true}]`))).str("id")
			if a := s.want(200, s.call("PATCH", "/Users/"+id, c.body)); !strings.Contains(a.text, c.want) {
				t.Errorf("got %s, want %s in it", a.text, c.want)
			}
		})
	}
}
