package awssim_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// Operations that several tests use.
const (
	newEmail   = `[{"value":"new@example.com","type":"work","primary":true}]`
	title      = `{"op":"replace","path":"title","value":"Boss"}`
	nickName   = `{"op":"add","path":"nickName","value":"Al"}`
	activate   = `{"op":"replace","path":"active","value":true}`
	deactivate = `{"op":"replace","path":"active","value":false}`
)

// userPatch is a PATCH of a user, and a part of the response.
type userPatch struct {
	name, body string
	status     int
	want       string
}

func acceptedUserPatches() []userPatch {
	return []userPatch{
		{"active as a string", patch(`{"op":"replace","path":"active","value":"false"}`), 200, `"active":false`},
		{"active as a boolean", patch(deactivate), 200, `"active":false`},
		{"op in another case", patch(`{"op":"Replace","path":"title","value":"Boss"}`), 200, `"title":"Boss"`},
		{"an attribute without a path", patch(`{"op":"add","value":{"title":"Boss"}}`), 200, `"title":"Boss"`},
		{"a part of the name", patch(`{"op":"replace","path":"name.givenName","value":"Ann"}`), 200,
			`"givenName":"Ann"`},
		{"a name keeps omitted parts", patch(`{"op":"replace","path":"name","value":{"givenName":"Ann"}}`), 200,
			`"name":{"familyName":"Family","givenName":"Ann"}`},
		{"an enterprise attribute", patch(`{"op":"add","path":"` + enterprise + `:department","value":"Ops"}`), 200,
			`"` + enterprise + `":{"department":"Ops"}`},
		{"the value of the manager", patch(`{"op":"add","path":"` + enterprise + `:manager.value","value":"m"}`), 200,
			`"manager":{"value":"m"}`},
		{"the whole extension", patch(`{"op":"add","path":"` + enterprise + `","value":{"division":"D"}}`), 200,
			`"division":"D"`},
		{"the extension without a path", patch(`{"op":"add","value":{"` + enterprise + `":{"division":"D"}}}`), 200,
			`"division":"D"`},
		{"the email", patch(`{"op":"replace","path":"emails","value":` + newEmail + `}`), 200,
			`"emails":[{"value":"new@example.com"`},
		{"the email by its type",
			patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@example.com"}`), 200,
			`"value":"new@example.com","type":"work"`},
		{"the primary email",
			patch(`{"op":"replace","path":"emails[primary eq true].value","value":"new@example.com"}`), 200,
			`"value":"new@example.com"`},
		{"removes the email", patch(`{"op":"remove","path":"emails"}`), 200, `"active":true}`},
		{"several attributes in several operations", patch(title, nickName), 200, `"nickName":"Al","title":"Boss"`},
		{"removes externalId", patch(`{"op":"remove","path":"externalId"}`), 200, `","meta":`},
	}
}

func rejectedUserPatches() []userPatch {
	return []userPatch{
		{"rejects a second email", patch(`{"op":"add","path":"emails","value":` + newEmail + `}`), 400,
			"List attribute emails exceeds allowed limit of 1"},
		{"rejects the removal of userName", patch(`{"op":"remove","path":"userName"}`), 400, generic},
		{"rejects the removal of active", patch(`{"op":"remove","path":"active"}`), 400, generic},
		{"rejects the removal of displayName", patch(`{"op":"remove","path":"displayName"}`), 400, generic},
		{"rejects the removal of familyName", patch(`{"op":"remove","path":"name.familyName"}`), 400, generic},
		{"rejects active twice", patch(activate, deactivate), 400, generic},
		{"rejects userName twice",
			patch(`{"op":"replace","path":"userName","value":"a"}`, `{"op":"replace","value":{"userName":"b"}}`), 400,
			generic},
		{"rejects roles", patch(`{"op":"add","path":"roles","value":[{"value":"r"}]}`), 400, generic},
		{"rejects photos", patch(`{"op":"add","path":"photos","value":[{"value":"r"}]}`), 400, generic},
		{"rejects id", patch(`{"op":"replace","path":"id","value":"x"}`), 400, generic},
		{"rejects an empty value", patch(`{"op":"replace","path":"title","value":""}`), 400,
			"2 validation errors detected: "},
		{"rejects an absent value", patch(`{"op":"replace","path":"title"}`), 400, generic},
		{"rejects null", patch(`{"op":"replace","path":"title","value":null}`), 400, generic},
		{"rejects several attributes without a path",
			patch(`{"op":"replace","value":{"title":"a","nickName":"b"}}`), 400, "Current PATCH support allows"},
		{"rejects a remove without a path", patch(`{"op":"remove"}`), 400, "Missing path in PATCH request"},
		{"rejects another operator in a path",
			patch(`{"op":"replace","path":"emails[type sw \"work\"].value","value":"n@example.com"}`), 400, generic},
		{"rejects a path that selects nothing",
			patch(`{"op":"replace","path":"emails[type eq \"home\"].value","value":"n@example.com"}`), 400, generic},
		{"rejects an unknown op", patch(`{"op":"move","path":"title","value":"x"}`), 400, generic},
		{"rejects a body without operations", patch(), 400, generic},
		{"rejects a body without schemas", `{"Operations":[` + title + `]}`, 400, generic},
		{"rejects operations in lower case", strings.Replace(patch(title), "Operations", "operations", 1), 400,
			generic},
	}
}

func TestPatchUser(t *testing.T) {
	for _, c := range slices.Concat(acceptedUserPatches(), rejectedUserPatches()) {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, awssim.ProfileAWS, awssim.Options{})
			id := s.addUser("alice")
			before := s.State()
			a := s.want(c.status, s.call("PATCH", "/Users/"+id, c.body))
			text := a.text
			if c.status == 400 {
				text = a.str("detail")
				if diff := cmp.Diff(before, s.State()); diff != "" {
					t.Errorf("a rejected PATCH changed the user: %s", diff)
				}
			}
			if !strings.Contains(text, c.want) {
				t.Errorf("got %s, want %s in it", text, c.want)
			}
		})
	}
}

func TestRFCPatchUser(t *testing.T) {
	const alicesEmail = `{"value":"a@b","type":"work","primary":true}`
	for _, c := range []struct{ name, body, want string }{
		{"several attributes without a path", patch(`{"op":"replace","value":{"title":"T","nickName":"N"}}`),
			`"nickName":"N","title":"T"`},
		{"a second email", patch(`{"op":"add","path":"emails","value":[{"value":"b@c","type":"home"}]}`),
			alicesEmail + `,{"value":"b@c","type":"home"}`},
		{"a new primary email", patch(`{"op":"add","path":"emails","value":{"value":"b@c","primary":true}}`),
			`{"value":"a@b","type":"work","primary":false},{"value":"b@c","primary":true}`},
		{"the same email again", patch(`{"op":"add","path":"emails","value":[` + alicesEmail + `]}`),
			`"emails":[` + alicesEmail + `]}`},
		{"removes one email", patch(`{"op":"remove","path":"emails[type eq \"work\"]"}`), `"userName":"alice"}`},
		{"removes a part of one email", patch(`{"op":"remove","path":"emails[type eq \"work\"].type"}`),
			`"emails":[{"value":"a@b","primary":true}]`},
		{"replaces one email",
			patch(`{"op":"replace","path":"emails[type eq \"work\" and primary eq true]","value":{"value":"new@c"}}`),
			`"emails":[{"value":"new@c"}]`},
		{"adds to one email",
			patch(`{"op":"add","path":"emails[not (type eq \"home\") and (value ew \"b\" or value pr)]",` +
				`"value":{"display":"d"}}`),
			`"emails":[{"value":"a@b","display":"d","type":"work","primary":true}]`},
		{"a part of all emails", patch(`{"op":"replace","path":"emails.type","value":"other"}`),
			`"emails":[{"value":"a@b","type":"other","primary":true}]`},
		{"a path with a URN", patch(`{"op":"add","path":"` + coreUser + `:name.givenName","value":"G"}`),
			`"name":{"givenName":"G"}`},
		{"a path in another case", patch(`{"op":"add","path":"NAME.GIVENNAME","value":"G"}`),
			`"name":{"givenName":"G"}`},
		{"roles", patch(`{"op":"add","path":"roles","value":[{"value":"r"}]}`), `"roles":[{"value":"r"}]`},
		{"the URN of the core schema", patch(`{"op":"add","path":"` + coreUser + `","value":{"title":"T"}}`),
			`"title":"T"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, awssim.ProfileRFC, awssim.Options{})
			id := s.want(201, s.call("POST", "/Users", rfcJSON("alice", `,"emails":[`+alicesEmail+`]`))).str("id")
			if a := s.want(200, s.call("PATCH", "/Users/"+id, c.body)); !strings.Contains(a.text, c.want) {
				t.Errorf("got %s, want %s in it", a.text, c.want)
			}
		})
	}
}
