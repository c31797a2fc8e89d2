package awssim_test

import (
	"fmt"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestPatchGroupMembers(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	var ids []string
	for i := range 120 {
		ids = append(ids, s.addUser(fmt.Sprintf("user%03d", i)))
	}
	id := s.addGroup("sre", ids[:2]...)
	members := func(op, list string) string {
		return patch(`{"op":"` + op + `","path":"members","value":` + list + `}`)
	}
	const missing = "00000000-0000-7000-0000-000000000000"
	for _, c := range []struct {
		name, body string
		status     int
		detail     string
		members    int
	}{
		{"adds a hundred", members("add", values(ids[2:102]...)), 204, "", 102},
		{"rejects a hundred and one", members("add", values(ids[2:103]...)), 400, "", 102},
		{"counts adds and removes together", patch(`{"op":"add","path":"members","value":`+values(ids[102:112]...)+`}`,
			`{"op":"remove","path":"members","value":`+values(ids[:91]...)+`}`), 400, "", 102},
		{"adds a member that is in the group", members("add", values(ids[0])), 204, "", 102},
		{"removes a hundred", members("remove", values(ids[2:102]...)), 204, "", 2},
		{"removes a user that is not a member", members("remove", values(ids[5])), 204, "", 2},
		{"rejects the removal of all by id", members("remove", values(ids[0], ids[1])), 400, "", 2},
		{"rejects the removal of all without a value", patch(`{"op":"remove","path":"members"}`), 400, "", 2},
		{"rejects the removal of all with an empty value", members("remove", "[]"), 400, "", 2},
		{"rejects a replacement", members("replace", values(ids[3])), 400,
			"Replacing group memberships is not supported.", 2},
		{"rejects a remove without a path", patch(`{"op":"remove","value":{"members":[]}}`), 400,
			"Missing path in PATCH request", 2},
		{"rejects two attributes without a path",
			patch(`{"op":"replace","value":{"displayName":"a","externalId":"b"}}`), 400,
			`Current PATCH support allows omitting "path" attribute only for Add and Replace operations ` +
				`modifying a single attribute.`, 2},
		{"rejects the whole operation if a user is unknown", members("add", values(ids[9], missing)), 404, "", 2},
		{"rejects an empty id", members("add", `[{"value":""}]`), 400, "", 2},
		{"rejects the path of the RFC", patch(`{"op":"remove","path":"members[value eq \"` + ids[0] + `\"]"}`), 400,
			"", 2},
		{"rejects a group as a member", members("add", `[{"value":"`+ids[3]+`","type":"Group"}]`), 400, "", 2},
		{"rejects an empty path", patch(`{"op":"add","path":"","value":{"displayName":"x"}}`), 400, "", 2},
		{"rejects an unknown attribute", patch(`{"op":"add","path":"description","value":"x"}`), 400, "", 2},
		{"adds without a path", patch(`{"op":"add","value":{"members":` + values(ids[3]) + `}}`), 204, "", 3},
		{"removes all but one", members("remove", values(ids[0], ids[1])), 204, "", 1},
		{"removes the last", members("remove", values(ids[3])), 204, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			a := s.want(c.status, s.call("PATCH", "/Groups/"+id, c.body))
			if c.detail != "" && a.str("detail") != c.detail {
				t.Errorf("detail %q", a.str("detail"))
			}
			if c.status == 204 && (a.text != "" || a.header.Get("Content-Type") != "application/json") {
				t.Errorf("body %q, Content-Type %q", a.text, a.header.Get("Content-Type"))
			}
			if got := len(s.State().MemberNames("sre")); got != c.members {
				t.Errorf("%d members, want %d", got, c.members)
			}
		})
	}
}

// TestReplacingMembersIn2024 expects the responses that users reported in April 2024.
func TestReplacingMembersIn2024(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *server{
		"profile aws-2024": func(t *testing.T) *server { return serve(t, awssim.ProfileAWS2024, awssim.Options{}) },
		"profile aws with the option": func(t *testing.T) *server {
			return serve(t, awssim.ProfileAWS, awssim.Options{LegacyMemberReplace: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			alice, bob := s.addUser("alice"), s.addUser("bob")
			sre := s.addGroup("sre", alice, bob)
			for _, c := range []struct {
				name, op string
				status   int
				want     string
			}{
				{"an empty list changes nothing", `{"op":"replace","path":"members","value":[]}`, 204, "[alice bob]"},
				{"no value changes nothing", `{"op":"replace","path":"members"}`, 204, "[alice bob]"},
				{"a list replaces", `{"op":"replace","path":"members","value":` + values(bob) + `}`, 204, "[bob]"},
				{"an empty id fails and removes all members",
					`{"op":"replace","path":"members","value":[{"value":""}]}`, 400, "[]"},
			} {
				s.want(c.status, s.call("PATCH", "/Groups/"+sre, patch(c.op)))
				if got := fmt.Sprint(s.State().MemberNames("sre")); got != c.want {
					t.Errorf("%s: members %s, want %s", c.name, got, c.want)
				}
			}
		})
	}
}
