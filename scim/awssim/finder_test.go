package awssim_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// awsFilterTest is a filter with the status and the name of the object that it finds.
type awsFilterTest struct {
	path, filter string
	status       int
	found        string
}

func awsFilterTests(alice, bob, sre string) []awsFilterTest {
	const missing = "00000000-0000-7000-0000-000000000000"
	return []awsFilterTest{
		{"/Users", `userName eq "alice"`, 200, "alice"},
		{"/Users", `userName eq "Alice"`, 200, ""},
		{"/Users", `userName eq "nobody"`, 200, ""},
		{"/Users", `externalId eq "x-bob"`, 200, "bob"},
		{"/Users", `id eq "` + bob + `"`, 200, "bob"},
		{"/Users", `id eq "` + alice + `" and manager eq "m1"`, 200, "alice"},
		{"/Users", `manager eq "m1" and id eq "` + alice + `"`, 200, "alice"},
		{"/Users", `id eq "` + bob + `" and manager eq "m1"`, 200, ""},
		{"/Users", `groups.value eq "` + sre + `"`, 200, "alice"},
		{"/Users", `groups.value eq "` + missing + `"`, 200, ""},
		{"/Users", `emails.value eq "alice@example.com"`, 400, ""},
		{"/Users", `displayName eq "Display alice"`, 400, ""},
		{"/Users", `userName sw "a"`, 400, ""},
		{"/Users", `userName EQ "alice"`, 400, ""},
		{"/Users", `userName eq alice`, 400, ""},
		{"/Users", `userName eq "alice" or userName eq "bob"`, 400, ""},
		{"/Users", `userName eq "alice" and externalId eq "x-alice"`, 400, ""},
		{"/Users", `not (userName eq "alice")`, 400, ""},
		{"/Users", `userName pr`, 400, ""},
		{"/Users", `rubbish`, 400, ""},
		{"/Groups", `displayName eq "sre"`, 200, "sre"},
		{"/Groups", `displayName eq "nothing"`, 200, ""},
		{"/Groups", `externalId eq "g"`, 200, ""},
		{"/Groups", `id eq "` + sre + `"`, 200, "sre"},
		{"/Groups", `members.value eq "` + alice + `"`, 200, "sre"},
		{"/Groups", `members.value eq "` + bob + `"`, 200, ""},
		{"/Groups", `members.value eq "` + missing + `"`, 404, ""},
		{"/Groups", `id eq "` + sre + `" and members eq "` + alice + `"`, 200, "sre"},
		{"/Groups", `members eq "` + bob + `" and id eq "` + sre + `"`, 200, ""},
		{"/Groups", `id eq "` + sre + `" and members eq "` + missing + `"`, 404, ""},
		{"/Groups", `members eq "` + alice + `"`, 400, ""},
	}
}

func TestAWSFilters(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	alice, bob := s.addUser("alice"), s.addUser("bob")
	sre := s.addGroup("sre", alice)
	s.want(200, s.call("PATCH", "/Users/"+alice,
		patch(`{"op":"add","path":"`+enterprise+`:manager","value":{"value":"m1"}}`)))
	s.addGroup("empty")
	for _, c := range awsFilterTests(alice, bob, sre) {
		for _, cursor := range []string{"", "&cursor"} {
			t.Run(c.path+cursor+" "+c.filter, func(t *testing.T) {
				s.t = t
				a := s.want(c.status, s.call("GET", c.path+filter(c.filter)+cursor, ""))
				if c.status == 400 && a.str("detail") != "Invalid Filter format" {
					t.Errorf("detail %q", a.str("detail"))
				}
				var found string
				for _, r := range a.resources() {
					name, _ := r["userName"].(string)
					if c.path == "/Groups" {
						name, _ = r["displayName"].(string)
					}
					found += name
				}
				if found != c.found {
					t.Errorf("found %q, want %q", found, c.found)
				}
			})
		}
	}
}
