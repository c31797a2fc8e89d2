package awssim_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestCreateUserAnswersAsTheGuideShows(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	a := s.want(201, s.call("POST", "/Users", `{"externalId":"701984","userName":"bjensen","name":{"formatted":"Ms. Barbara J Jensen, III",
		"familyName":"Jensen","givenName":"Barbara","middleName":"Jane","honorificPrefix":"Ms.","honorificSuffix":"III"},
		"displayName":"Babs Jensen","nickName":"Babs","profileUrl":"https://login.example.com/bjensen",
		"emails":[{"value":"bjensen@example.com","type":"work","primary":true}],
		"addresses":[{"type":"work","streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","primary":true}],
		"phoneNumbers":[{"value":"555-555-5555","type":"work"}],"userType":"Employee","title":"Tour Guide","preferredLanguage":"en-US","locale":"en-US",
		"timezone":"America/Los_Angeles","active":true,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130","organization":"Universal Studios",
		"division":"Theme Park","department":"Tour Operations","manager":{"value":"26118915-6090-4610-87e4-49d8ca9f808d","$ref":"../Users/26118915"}}}`))
	id := a.str("id")
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-70[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("id %q", id)
	}
	want := `{"id":"` + id + `","externalId":"701984","meta":{"resourceType":"User","created":"2026-11-23T09:30:15Z","lastModified":"2026-11-23T09:30:15Z"},` +
		`"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],` +
		`"userName":"bjensen","name":{"formatted":"Ms. Barbara J Jensen, III","familyName":"Jensen","givenName":"Barbara","middleName":"Jane",` +
		`"honorificPrefix":"Ms.","honorificSuffix":"III"},"displayName":"Babs Jensen","nickName":"Babs","title":"Tour Guide","userType":"Employee",` +
		`"preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":true,` +
		`"emails":[{"value":"bjensen@example.com","type":"work","primary":true}],` +
		`"addresses":[{"streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA","postalCode":"91608","country":"USA","type":"work","primary":true}],` +
		`"phoneNumbers":[{"value":"555-555-5555","type":"work"}],` +
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"701984","costCenter":"4130","organization":"Universal Studios",` +
		`"division":"Theme Park","department":"Tour Operations","manager":{"value":"26118915-6090-4610-87e4-49d8ca9f808d"}}}`
	if a.text != want {
		t.Errorf("got\n%s\nwant\n%s", a.text, want)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type %q", got)
	}
	if a.header.Get("X-Amzn-Requestid") == "" || a.header.Get("Location") != "" || a.header.Get("Etag") != "" {
		t.Errorf("headers %v", a.header)
	}
	if got := a.header.Get("Date"); got != "Mon, 23 Nov 2026 09:30:15 GMT" {
		t.Errorf("Date %q", got)
	}
	read := s.want(200, s.call("GET", "/Users/"+id, ""))
	if read.str("profileUrl") != "https://login.example.com/bjensen" {
		t.Errorf("a read shows no profileUrl: %s", read.text)
	}
}

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

func TestListingWithoutCursorIsTruncatedInSilence(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for i := range 103 {
		s.addUser(fmt.Sprintf("user%03d", i))
	}
	a := s.want(200, s.call("GET", "/Users", ""))
	if len(a.resources()) != 100 || a.body["totalResults"] != 100.0 || a.body["itemsPerPage"] != 100.0 || a.body["startIndex"] != 1.0 || a.body["nextCursor"] != nil {
		t.Errorf("%d results, totalResults %v, itemsPerPage %v, startIndex %v, nextCursor %v", len(a.resources()),
			a.body["totalResults"], a.body["itemsPerPage"], a.body["startIndex"], a.body["nextCursor"])
	}
	a = s.want(200, s.call("GET", "/Users?count=10&startIndex=50", ""))
	if len(a.resources()) != 10 || a.resources()[0]["userName"] != "user000" {
		t.Errorf("startIndex is not ignored: %v", a.resources())
	}
}

func TestCursorsLeadToTheEnd(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for i := range 200 {
		s.addUser(fmt.Sprintf("user%03d", i))
	}
	s.ResetCalls()
	seen := map[string]bool{}
	path := "/Users?cursor"
	for path != "" {
		a := s.want(200, s.call("GET", path, ""))
		for _, u := range a.resources() {
			seen[u["userName"].(string)] = true
		}
		if a.body["totalResults"] != nil || a.body["startIndex"] != nil {
			t.Error("a page has totalResults or startIndex")
		}
		path = ""
		if next := a.str("nextCursor"); next != "" {
			if !regexp.MustCompile(`^[-a-zA-Z0-9+=/:_]*$`).MatchString(next) || !strings.ContainsAny(next, "+/=") {
				t.Errorf("cursor %q", next)
			}
			path = "/Users" + query("cursor", next)
		}
	}
	if len(seen) != 200 || s.Calls().Total != 2 || s.Calls().ByOperation["ListUsers"] != 2 {
		t.Errorf("%d users in %v", len(seen), s.Calls())
	}
}

func TestFilters(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	alice, bob := s.addUser("alice"), s.addUser("bob")
	sre := s.addGroup("sre", alice)
	s.want(200, s.call("PATCH", "/Users/"+alice, patch(`{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"m1"}}`)))
	s.addGroup("empty")
	const missing = "00000000-0000-7000-0000-000000000000"
	for _, c := range []struct {
		path, filter string
		status       int
		found        string
	}{
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
	} {
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
		left       int
	}{
		{"adds a hundred", members("add", values(ids[2:102]...)), 204, "", 102},
		{"refuses a hundred and one", members("add", values(ids[2:103]...)), 400, "", 102},
		{"counts adds and removes together", patch(`{"op":"add","path":"members","value":`+values(ids[102:112]...)+`}`,
			`{"op":"remove","path":"members","value":`+values(ids[:91]...)+`}`), 400, "", 102},
		{"adds a member again", members("add", values(ids[0])), 204, "", 102},
		{"removes a hundred", members("remove", values(ids[2:102]...)), 204, "", 2},
		{"removes one who is no member", members("remove", values(ids[5])), 204, "", 2},
		{"refuses to remove all by id", members("remove", values(ids[0], ids[1])), 400, "", 2},
		{"refuses to remove all without a value", patch(`{"op":"remove","path":"members"}`), 400, "", 2},
		{"refuses to remove all with an empty value", members("remove", "[]"), 400, "", 2},
		{"refuses to replace", members("replace", values(ids[3])), 400, "Replacing group memberships is not supported.", 2},
		{"refuses a remove without path", patch(`{"op":"remove","value":{"members":[]}}`), 400, "Missing path in PATCH request", 2},
		{"refuses two attributes without path", patch(`{"op":"replace","value":{"displayName":"a","externalId":"b"}}`), 400,
			`Current PATCH support allows omitting "path" attribute only for Add and Replace operations modifying a single attribute.`, 2},
		{"refuses an unknown user, and all with him", members("add", values(ids[9], missing)), 404, "", 2},
		{"refuses an empty id", members("add", `[{"value":""}]`), 400, "", 2},
		{"refuses the path of the RFC", patch(`{"op":"remove","path":"members[value eq \"` + ids[0] + `\"]"}`), 400, "", 2},
		{"refuses a group as a member", members("add", `[{"value":"`+ids[3]+`","type":"Group"}]`), 400, "", 2},
		{"refuses an empty path", patch(`{"op":"add","path":"","value":{"displayName":"x"}}`), 400, "", 2},
		{"refuses another attribute", patch(`{"op":"add","path":"description","value":"x"}`), 400, "", 2},
		{"adds without path", patch(`{"op":"add","value":{"members":` + values(ids[3]) + `}}`), 204, "", 3},
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
			if got := len(s.State().MemberNames("sre")); got != c.left {
				t.Errorf("%d members, want %d", got, c.left)
			}
		})
	}
}

func TestTokenAndTenantAreChecked(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for name, c := range map[string]struct {
		path, auth string
		status     int
	}{
		"the right ones":        {"/tenant/scim/v2/Users", "Bearer secret", 200},
		"no token":              {"/tenant/scim/v2/Users", "", 401},
		"another token":         {"/tenant/scim/v2/Users", "Bearer other", 401},
		"another scheme":        {"/tenant/scim/v2/Users", "Basic secret", 401},
		"another tenant":        {"/tenants/scim/v2/Users", "Bearer secret", 401},
		"a slash at the end":    {"/tenant/scim/v2/Users/", "Bearer secret", 404},
		"a slash too many":      {"/tenant/scim/v2//Users", "Bearer secret", 404},
		"a slash too few":       {"/tenant/scim/v2Users", "Bearer secret", 404},
		"nothing behind v2":     {"/tenant/scim/v2/", "Bearer secret", 404},
		"what AWS does not do":  {"/tenant/scim/v2/Bulk", "Bearer secret", 404},
		"nor this":              {"/tenant/scim/v2/Me", "Bearer secret", 404},
		"a path of two objects": {"/tenant/scim/v2/Users/a/b", "Bearer secret", 404},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", s.http.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.auth != "" {
				req.Header.Set("Authorization", c.auth)
			}
			a, err := s.do(req)
			if err != nil {
				t.Fatal(err)
			}
			if a.status != c.status {
				t.Errorf("status %d, want %d: %s", a.status, c.status, a.text)
			}
		})
	}
}

func TestThrottleLetsTwentyThrough(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{Throttle: awssim.Throttle{PerSecond: 20}})
	for range 20 {
		s.want(200, s.call("GET", "/Users", ""))
	}
	a := s.want(429, s.call("GET", "/Users", ""))
	if a.header.Get("Retry-After") != "" {
		t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
	}
	s.AdvanceClock(50 * 1e6)
	s.want(200, s.call("GET", "/Users", ""))
	s.want(429, s.call("GET", "/Users", ""))
	if got := s.Calls().ByStatus[429]; got != 2 {
		t.Errorf("%d calls counted as throttled, want 2", got)
	}
}
