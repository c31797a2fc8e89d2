package awssim_test

import (
	"fmt"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestAWS2024(t *testing.T) {
	s := serve(t, awssim.ProfileAWS2024, awssim.Options{})
	var ids []string
	for i := range 60 {
		ids = append(ids, s.addUser(fmt.Sprintf("user%02d", i)))
	}
	sre := s.addGroup("sre", ids[:3]...)
	for _, path := range []string{"/Users", "/Users?cursor", "/Users?cursor&count=50"} {
		a := s.want(200, s.call("GET", path, ""))
		if len(a.resources()) != 50 || a.body["totalResults"] != 50.0 || a.body["startIndex"] != 1.0 || a.body["nextCursor"] != nil {
			t.Errorf("%s: %d results, totalResults %v, nextCursor %v", path, len(a.resources()), a.body["totalResults"], a.body["nextCursor"])
		}
	}
	s.want(400, s.call("GET", "/Users?count=51", ""))
	for _, path := range []string{"/Users" + filter(`groups.value eq "`+sre+`"`), "/Groups" + filter(`members.value eq "`+ids[0]+`"`)} {
		if a := s.want(400, s.call("GET", path, "")); a.str("detail") != generic {
			t.Errorf("detail %q", a.str("detail"))
		}
	}
	if a := s.want(200, s.call("GET", "/Groups"+filter(`id eq "`+sre+`" and members eq "`+ids[0]+`"`), "")); len(a.resources()) != 1 {
		t.Error("the pair test finds nobody")
	}
	s.want(400, s.call("POST", "/Users", with(`"active":true`, `"active":true,"roles":[{"value":"r"}]`)))
	if a := s.want(400, s.call("POST", "/Users", with(`"Given"`, `""`))); a.str("detail") != generic {
		t.Errorf("detail %q", a.str("detail"))
	}
	if a := s.want(400, s.call("PATCH", "/Groups/"+sre, patch(`{"op":"remove"}`))); a.str("detail") != "Missing path in PATCH request" {
		t.Errorf("detail %q", a.str("detail"))
	}
}

// TestReplacingMembersIn2024 is what users reported in April 2024.
func TestReplacingMembersIn2024(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *server{
		"profile aws-2024": func(t *testing.T) *server { return serve(t, awssim.ProfileAWS2024, awssim.Options{}) },
		"an option of aws": func(t *testing.T) *server {
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
				{"an empty id fails and empties", `{"op":"replace","path":"members","value":[{"value":""}]}`, 400, "[]"},
			} {
				s.want(c.status, s.call("PATCH", "/Groups/"+sre, patch(c.op)))
				if got := fmt.Sprint(s.State().MemberNames("sre")); got != c.want {
					t.Errorf("%s: members %s, want %s", c.name, got, c.want)
				}
			}
		})
	}
}
