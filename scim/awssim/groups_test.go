package awssim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestAWSNeverReturnsMembers(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	alice := s.addUser("alice")
	a := s.want(201, s.call("POST", "/Groups", `{"displayName":"sre","externalId":"g1","members":`+values(alice)+`}`))
	id := a.str("id")
	want := `{"id":"` + id + `","externalId":"g1","meta":{"resourceType":"Group",` +
		`"created":"2026-11-23T09:30:15Z","lastModified":"2026-11-23T09:30:15Z"},` +
		`"schemas":["` + coreGroup + `"],"displayName":"sre"}`
	if a.text != want {
		t.Errorf("create: got\n%s\nwant\n%s", a.text, want)
	}
	if got := s.want(200, s.call("GET", "/Groups/"+id, "")); got.text != want {
		t.Errorf("get: got\n%s\nwant\n%s", got.text, want)
	}
	list := s.want(200, s.call("GET", "/Groups?cursor", ""))
	wantList := `{"itemsPerPage":1,"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[` +
		strings.TrimSuffix(want, "}") + `,"members":[]}]}`
	if list.text != wantList {
		t.Errorf("list: got\n%s\nwant\n%s", list.text, wantList)
	}
	if got := s.State().MemberNames("sre"); len(got) != 1 || got[0] != "alice" {
		t.Errorf("members %v", got)
	}
}

func TestAWSChecksGroups(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	var ids []string
	for i := range 101 {
		ids = append(ids, s.addUser(fmt.Sprintf("user%03d", i)))
	}
	for _, c := range []struct {
		name, body string
		status     int
	}{
		{"no displayName", `{"externalId":"x"}`, 400},
		{"an empty displayName", `{"displayName":""}`, 400},
		{"a reserved displayName", `{"displayName":"AWSAdministrators"}`, 400},
		{"a displayName of 1025 characters", `{"displayName":"` + strings.Repeat("a", 1025) + `"}`, 400},
		{"an ideographic space", `{"displayName":"a\u3000b"}`, 400},
		{"a space in externalId", `{"displayName":"a","externalId":"a b"}`, 400},
		{"more than a hundred members", `{"displayName":"a","members":` + values(ids...) + `}`, 400},
		{"an unknown member", `{"displayName":"a","members":` + values("unknown") + `}`, 400},
		{"a group as a member", `{"displayName":"a","members":[{"value":"` + ids[0] + `","type":"Group"}]}`, 400},
		{"an unknown attribute", `{"displayName":"a","description":"b"}`, 400},
		{"a hundred members", `{"displayName":"a","members":` + values(ids[:100]...) + `}`, 201},
		{"an empty list of members", `{"displayName":"b","members":[]}`, 201},
		{"spaces in displayName", `{"displayName":"a b\u00a0c"}`, 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.want(c.status, s.call("POST", "/Groups", c.body))
		})
	}
}

func TestRFCReturnsMembers(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	user := func(name string) string {
		return s.want(201, s.call("POST", "/Users", rfcJSON(name, ""))).str("id")
	}
	alice, bob, carol := user("alice"), user("bob"), user("carol")
	id := s.addGroup("sre", alice, bob)
	members := func() (ids []string) {
		list, _ := s.want(200, s.call("GET", "/Groups/"+id, "")).body["members"].([]any)
		for _, m := range list {
			ids = append(ids, m.(map[string]any)["value"].(string))
		}
		slices.Sort(ids)
		return ids
	}
	remove := func(filter string) string { return patch(`{"op":"remove","path":"members[` + filter + `]"}`) }
	is := func(id string) string { return `value eq \"` + id + `\"` }
	for _, c := range []struct {
		name, method, body string
		status             int
		want               []string
	}{
		{"as created", "GET", "", 200, []string{alice, bob}},
		{"adds one", "PATCH", patch(`{"op":"add","path":"members","value":` + values(carol) + `}`), 200,
			[]string{alice, bob, carol}},
		{"removes one", "PATCH", remove(is(bob)), 200, []string{alice, carol}},
		{"rejects the removal of a user that is not a member", "PATCH", remove(is(bob)), 400, []string{alice, carol}},
		{"removes two", "PATCH", remove(is(alice) + " or " + is(carol)), 200, nil},
		{"replaces all", "PATCH", patch(`{"op":"replace","path":"members","value":` + values(alice, bob) + `}`), 200,
			[]string{alice, bob}},
		{"replaces all by PUT", "PUT",
			fmt.Sprintf(`{"schemas":[%q],"displayName":"sre2","members":%s}`, coreGroup, values(carol)), 200,
			[]string{carol}},
		{"adds one without a path", "PATCH",
			patch(`{"op":"add","value":{"members":` + values(bob) + `,"displayName":"sre3"}}`), 200,
			[]string{bob, carol}},
		{"removes all although there is a value", "PATCH",
			patch(`{"op":"remove","path":"members","value":` + values(bob) + `}`), 200, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.want(c.status, s.call(c.method, "/Groups/"+id, c.body))
			slices.Sort(c.want)
			if got := members(); !slices.Equal(got, c.want) {
				t.Errorf("members %v, want %v", got, c.want)
			}
		})
	}
	s.t = t
	s.want(200, s.call("PATCH", "/Groups/"+id, patch(`{"op":"add","path":"members","value":`+values(alice)+`}`)))
	groups, _ := s.want(200, s.call("GET", "/Users/"+alice, "")).body["groups"].([]any)
	if len(groups) != 1 || groups[0].(map[string]any)["value"] != id {
		t.Errorf("groups %v", groups)
	}
}

func TestRFCGroupsMayHaveTheSameName(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	var ids []string
	for range 3 {
		ids = append(ids, s.addGroup("same"))
	}
	search := func() string {
		a := s.want(200, s.call("POST", "/Groups/.search", `{"schemas":["`+searchRequest+`"],`+
			`"filter":"displayName eq \"same\"","excludedAttributes":["members"]}`))
		var found []string
		for _, g := range a.resources() {
			found = append(found, fmt.Sprint(slices.Index(ids, g["id"].(string))))
		}
		return strings.Join(found, "")
	}
	if got := search(); got != "012" {
		t.Errorf("found %s", got)
	}
	s.want(204, s.call("DELETE", "/Groups/"+ids[1], ""))
	if got := search(); got != "02" {
		t.Errorf("found %s after a delete", got)
	}
	s.want(200, s.call("PATCH", "/Groups/"+ids[0], patch(`{"op":"replace","path":"displayName","value":"other"}`)))
	if got := search(); got != "2" {
		t.Errorf("found %s after a rename", got)
	}
}
