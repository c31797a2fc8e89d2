package awssim_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestProfileAWS2024(t *testing.T) {
	s := serve(t, awssim.ProfileAWS2024, awssim.Options{})
	var ids []string
	for i := range 60 {
		ids = append(ids, s.addUser(fmt.Sprintf("user%02d", i)))
	}
	sre := s.addGroup("sre", ids[:3]...)
	for _, path := range []string{"/Users", "/Users?cursor", "/Users?cursor&count=50"} {
		a := s.want(200, s.call("GET", path, ""))
		total, next := a.body["totalResults"], a.body["nextCursor"]
		if len(a.resources()) != 50 || total != 50.0 || a.body["startIndex"] != 1.0 || next != nil {
			t.Errorf("%s: %d results, totalResults %v, nextCursor %v", path, len(a.resources()), total, next)
		}
	}
	s.want(400, s.call("GET", "/Users?count=51", ""))
	for _, path := range []string{
		"/Users" + filter(`groups.value eq "`+sre+`"`), "/Groups" + filter(`members.value eq "`+ids[0]+`"`),
	} {
		if a := s.want(400, s.call("GET", path, "")); a.str("detail") != generic {
			t.Errorf("detail %q", a.str("detail"))
		}
	}
	isMember := filter(`id eq "` + sre + `" and members eq "` + ids[0] + `"`)
	if a := s.want(200, s.call("GET", "/Groups"+isMember, "")); len(a.resources()) != 1 {
		t.Error("the filter on a group and a member does not find the group")
	}
	s.want(400, s.call("POST", "/Users", with(`"active":true`, `"active":true,"roles":[{"value":"r"}]`)))
	if a := s.want(400, s.call("POST", "/Users", with(`"Given"`, `""`))); a.str("detail") != generic {
		t.Errorf("detail %q", a.str("detail"))
	}
	a := s.want(400, s.call("PATCH", "/Groups/"+sre, patch(`{"op":"remove"}`)))
	if a.str("detail") != "Missing path in PATCH request" {
		t.Errorf("detail %q", a.str("detail"))
	}
}

func TestProfileNames(t *testing.T) {
	for p, name := range map[awssim.Profile]string{
		awssim.ProfileAWS: "aws", awssim.ProfileAWS2024: "aws-2024", awssim.ProfileRFC: "rfc",
	} {
		got, err := awssim.ParseProfile(name)
		if err != nil || got != p || p.String() != name {
			t.Errorf("%s is parsed as %v, %v", name, got, err)
		}
		b, err := json.Marshal(p)
		var back awssim.Profile
		if err != nil || json.Unmarshal(b, &back) != nil || back != p {
			t.Errorf("%s is encoded as %s and decoded as %v", name, b, back)
		}
	}
	if _, err := awssim.ParseProfile("okta"); err == nil {
		t.Error("the profile okta was accepted")
	}
}
