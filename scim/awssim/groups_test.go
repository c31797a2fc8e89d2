package awssim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestGroupsNeverShowTheirMembers(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	alice := s.addUser("alice")
	a := s.want(201, s.call("POST", "/Groups", `{"displayName":"sre","externalId":"g1","members":`+values(alice)+`}`))
	id := a.str("id")
	want := `{"id":"` + id + `","externalId":"g1","meta":{"resourceType":"Group","created":"2026-11-23T09:30:15Z","lastModified":"2026-11-23T09:30:15Z"},` +
		`"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"sre"}`
	if a.text != want {
		t.Errorf("create: got\n%s\nwant\n%s", a.text, want)
	}
	if got := s.want(200, s.call("GET", "/Groups/"+id, "")); got.text != want {
		t.Errorf("get: got\n%s\nwant\n%s", got.text, want)
	}
	list := s.want(200, s.call("GET", "/Groups?cursor", ""))
	if wantList := `{"itemsPerPage":1,"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[` + strings.TrimSuffix(want, "}") + `,"members":[]}]}`; list.text != wantList {
		t.Errorf("list: got\n%s\nwant\n%s", list.text, wantList)
	}
	if got := s.State().MemberNames("sre"); len(got) != 1 || got[0] != "alice" {
		t.Errorf("members %v", got)
	}
}

func TestGroupsThatAWSRefuses(t *testing.T) {
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
		{"a member nobody knows", `{"displayName":"a","members":` + values("nobody") + `}`, 400},
		{"a group as a member", `{"displayName":"a","members":[{"value":"` + ids[0] + `","type":"Group"}]}`, 400},
		{"an attribute nobody knows", `{"displayName":"a","description":"b"}`, 400},
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

func TestRFCGroupsShowTheirMembers(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	user := func(name string) string {
		return s.want(201, s.call("POST", "/Users", rfcJSON(name, ""))).str("id")
	}
	alice, bob, carol := user("alice"), user("bob"), user("carol")
	g := s.want(201, s.call("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"sre","members":%s}`, coreGroup, values(alice, bob))))
	id := g.str("id")
	members := func() (ids []string) {
		list, _ := s.want(200, s.call("GET", "/Groups/"+id, "")).body["members"].([]any)
		for _, m := range list {
			ids = append(ids, m.(map[string]any)["value"].(string))
		}
		slices.Sort(ids)
		return ids
	}
	for _, c := range []struct {
		name, method, body string
		status             int
		want               []string
	}{
		{"as created", "GET", "", 200, []string{alice, bob}},
		{"one is added", "PATCH", patch(`{"op":"add","path":"members","value":[{"value":"` + carol + `"}]}`), 200, []string{alice, bob, carol}},
		{"one is removed", "PATCH", patch(`{"op":"remove","path":"members[value eq \"` + bob + `\"]"}`), 200, []string{alice, carol}},
		{"one who is none is removed", "PATCH", patch(`{"op":"remove","path":"members[value eq \"` + bob + `\"]"}`), 400, []string{alice, carol}},
		{"two are removed", "PATCH", patch(`{"op":"remove","path":"members[value eq \"` + alice + `\" or value eq \"` + carol + `\"]"}`), 200, nil},
		{"all are replaced", "PATCH", patch(`{"op":"replace","path":"members","value":` + values(alice, bob) + `}`), 200, []string{alice, bob}},
		{"a PUT replaces them", "PUT", fmt.Sprintf(`{"schemas":[%q],"displayName":"sre2","members":%s}`, coreGroup, values(carol)), 200, []string{carol}},
		{"without path", "PATCH", patch(`{"op":"add","value":{"members":` + values(bob) + `,"displayName":"sre3"}}`), 200, []string{bob, carol}},
		{"a remove with a list removes all", "PATCH", patch(`{"op":"remove","path":"members","value":` + values(bob) + `}`), 200, nil},
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

func TestRFCGroupsMayShareAName(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	var ids []string
	for range 3 {
		ids = append(ids, s.team("same"))
	}
	search := func() string {
		a := s.want(200, s.call("POST", "/Groups/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"displayName eq \"same\"","excludedAttributes":["members"]}`))
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
		t.Errorf("found %s", got)
	}
	s.want(200, s.call("PATCH", "/Groups/"+ids[0], patch(`{"op":"replace","path":"displayName","value":"other"}`)))
	if got := search(); got != "2" {
		t.Errorf("found %s", got)
	}
}
