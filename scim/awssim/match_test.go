package awssim_test

import (
	"fmt"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// filterTest is a filter with the names of the objects that it finds.
type filterTest struct{ path, filter, want string }

// rfcFilterTests returns filters on the users with these ids: alice, bob and Carol.
func rfcFilterTests(ids []string) []filterTest {
	return []filterTest{
		{"/Users", `userName eq "ALICE"`, "[alice]"},
		{"/Users", `userName EQ "carol"`, "[Carol]"},
		{"/Users", `userName ne "alice"`, "[bob Carol]"},
		{"/Users", `username sw "b"`, "[bob]"},
		{"/Users", `userName co "o"`, "[bob Carol]"},
		{"/Users", `userName ew "ol"`, "[Carol]"},
		{"/Users", `userName gt "bob"`, "[Carol]"},
		{"/Users", `userName ge "bob"`, "[bob Carol]"},
		{"/Users", `userName lt "bob"`, "[alice]"},
		{"/Users", `userName le "bob"`, "[alice bob]"},
		{"/Users", `title pr`, "[alice]"},
		{"/Users", `not (title pr)`, "[bob Carol]"},
		{"/Users", `active eq true`, "[alice]"},
		{"/Users", `active eq false`, "[bob]"},
		{"/Users", `active eq null`, "[Carol]"},
		{"/Users", `externalId eq "x1"`, "[]"},
		{"/Users", `externalId eq "X1"`, "[bob]"},
		{"/Users", `name.familyName co "O'Malley"`, "[alice]"},
		{"/Users", `emails eq "alice@example.com"`, "[alice]"},
		{"/Users", `emails.type eq "home"`, "[alice]"},
		{"/Users", `emails.type eq "work" and emails.value co "home.org"`, "[alice bob]"},
		{"/Users", `emails[type eq "work" and value co "home.org"]`, "[bob]"},
		{"/Users", `title pr or userType eq "Intern"`, "[alice Carol]"},
		{"/Users", enterprise + `:department eq "ops"`, "[bob]"},
		{"/Users", enterprise + `:manager.value eq "m1"`, "[bob]"},
		{"/Users", coreUser + `:userName eq "bob"`, "[bob]"},
		{"/Users", `meta.created le "2026-11-23T10:30:15+01:00"`, "[alice bob Carol]"},
		{"/Users", `meta.lastModified gt "2026-11-23T09:30:15Z"`, "[]"},
		{"/Users", `meta.resourceType eq "User"`, "[alice bob Carol]"},
		{"/Users", `id eq "` + ids[1] + `"`, "[bob]"},
		{"/Users", `groups.display eq "sre"`, "[alice]"},
		{"/Users", `groups pr`, "[alice]"},
		{"/Groups", `displayName eq "SRE"`, "[sre sre]"},
		{"/Groups", `displayName eq "sre" and members pr`, "[sre]"},
		{"/Groups", `members.value eq "` + ids[0] + `"`, "[sre]"},
		{"/Groups", `members[value eq "` + ids[0] + `" and type eq "user"]`, "[sre]"},
		{"/Groups", `externalId eq "G2"`, "[sre]"},
	}
}

func TestRFCFilters(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	var ids []string
	for _, u := range []string{
		rfcJSON("alice", `,"title":"Boss","active":true,"name":{"familyName":"O'Malley"},`+
			`"emails":[{"value":"alice@example.com","type":"work"},{"value":"al@home.org","type":"home"}]`),
		rfcJSON("bob", `,"active":false,"externalId":"X1","emails":[{"value":"bob@home.org","type":"work"}],`+
			`"`+enterprise+`":{"department":"Ops","manager":{"value":"m1"}}`),
		rfcJSON("Carol", `,"userType":"Intern"`),
	} {
		ids = append(ids, s.want(201, s.call("POST", "/Users", u)).str("id"))
	}
	s.addGroup("sre", ids[0])
	s.want(201, s.call("POST", "/Groups", groupJSON("sre", `,"externalId":"G2"`)))
	for _, c := range rfcFilterTests(ids) {
		t.Run(c.filter, func(t *testing.T) {
			s.t = t
			a := s.want(200, s.call("GET", c.path+filter(c.filter), ""))
			var names []any
			for _, r := range a.resources() {
				if names = append(names, r["userName"]); c.path == "/Groups" {
					names[len(names)-1] = r["displayName"]
				}
			}
			if got := fmt.Sprint(names); got != c.want {
				t.Errorf("found %v, want %v", got, c.want)
			}
			if a.body["totalResults"] != float64(len(names)) {
				t.Errorf("totalResults %v", a.body["totalResults"])
			}
		})
	}
}
