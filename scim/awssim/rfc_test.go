package awssim_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

const (
	coreUser   = "urn:ietf:params:scim:schemas:core:2.0:User"
	coreGroup  = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// rfcJSON is a user with the schemas that RFC 7643 demands, and more.
func rfcJSON(name, more string) string {
	return fmt.Sprintf(`{"schemas":[%q,%q],"userName":%q%s}`, coreUser, enterprise, name, more)
}

func TestRFCUser(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	a := s.want(201, s.call("POST", "/Users", rfcJSON("bjensen", `,"USERTYPE":"Employee","password":"t1meMa$heen","groups":[{"value":"x"}],
		"emails":[{"value":"a@example.com","type":"work","primary":true},{"value":"b@example.com","type":"home"}],"photos":[{"value":"https://example.com/p","type":"photo"}],
		"`+enterprise+`":{"employeeNumber":"1","manager":{"value":"m","displayName":"ignored"}}`)))
	location := s.http.URL + s.Path() + "/Users/" + a.str("id")
	if a.header.Get("Location") != location || a.header.Get("Content-Type") != "application/scim+json" {
		t.Errorf("Location %q, Content-Type %q", a.header.Get("Location"), a.header.Get("Content-Type"))
	}
	meta, _ := a.body["meta"].(map[string]any)
	if meta["location"] != location || meta["resourceType"] != "User" {
		t.Errorf("meta %v", meta)
	}
	if a.str("userType") != "Employee" || a.body["password"] != nil || a.body["groups"] != nil || len(a.body["emails"].([]any)) != 2 {
		t.Errorf("body %s", a.text)
	}
	if strings.Contains(a.text, "ignored") {
		t.Error("a read-only attribute was taken")
	}
	s.want(409, s.call("POST", "/Users", rfcJSON("BJENSEN", "")))
}

func TestRFCErrors(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	id := s.want(201, s.call("POST", "/Users", rfcJSON("alice", ""))).str("id")
	group := s.want(201, s.call("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"g"}`, coreGroup))).str("id")
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		scimType                 string
	}{
		{"a userName that is taken", "POST", "/Users", rfcJSON("alice", ""), 409, "uniqueness"},
		{"no schemas", "POST", "/Users", `{"userName":"a"}`, 400, "invalidSyntax"},
		{"no userName", "POST", "/Users", fmt.Sprintf(`{"schemas":[%q]}`, coreUser), 400, "invalidValue"},
		{"two primary emails", "POST", "/Users", rfcJSON("a", `,"emails":[{"value":"a","primary":true},{"value":"b","primary":true}]`), 400, "invalidValue"},
		{"a bad filter", "GET", "/Users?filter=a", "", 400, "invalidFilter"},
		{"a filter on what there is not", "GET", "/Users" + filter(`shoeSize eq "44"`), "", 400, "invalidFilter"},
		{"a bad cursor", "GET", "/Users?cursor=abc", "", 400, "invalidCursor"},
		{"a bad count", "GET", "/Users?count=abc", "", 400, "invalidCount"},
		{"a path to nothing", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"shoeSize","value":"44"}`), 400, "invalidPath"},
		{"a remove without path", "PATCH", "/Users/" + id, patch(`{"op":"remove"}`), 400, "noTarget"},
		{"a filter that meets nothing", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"x"}`), 400, "noTarget"},
		{"a part that there is not", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"emails[type eq \"work\"].size","value":"x"}`), 400, "noTarget"},
		{"a filter on a part that there is not", "PATCH", "/Users/" + id, patch(`{"op":"remove","path":"emails[size eq \"x\"]"}`), 400, "invalidPath"},
		{"a filter of what has one value", "PATCH", "/Users/" + id, patch(`{"op":"remove","path":"name[givenName eq \"x\"]"}`), 400, "invalidPath"},
		{"brackets behind what has one value", "GET", "/Users" + filter(`name[givenName eq "x"]`), "", 400, "invalidFilter"},
		{"brackets within brackets", "GET", "/Users" + filter(`not (title pr) or emails[type[x pr]]`), "", 400, "invalidFilter"},
		{"a search of nothing known", "POST", "/Groups/.search", `{"schemas":["urn:x"]}`, 400, "invalidSyntax"},
		{"a member nobody knows by PUT", "PUT", "/Groups/" + group, fmt.Sprintf(`{"schemas":[%q],"displayName":"g","members":[{"value":"x"}]}`, coreGroup), 400, "invalidValue"},
		{"a group that there is not by PUT", "PUT", "/Groups/none", fmt.Sprintf(`{"schemas":[%q],"displayName":"g"}`, coreGroup), 404, ""},
		{"a change of id", "PATCH", "/Users/" + id, patch(`{"op":"replace","path":"id","value":"x"}`), 400, "mutability"},
		{"a change of groups", "PATCH", "/Users/" + id, patch(`{"op":"add","path":"groups","value":[{"value":"x"}]}`), 400, "mutability"},
		{"a change of a member", "PATCH", "/Groups/" + group, patch(`{"op":"replace","path":"members.value","value":"x"}`), 400, "mutability"},
		{"a member nobody knows", "PATCH", "/Groups/" + group, patch(`{"op":"add","path":"members","value":[{"value":"x"}]}`), 400, "invalidValue"},
		{"no such user", "GET", "/Users/none", "", 404, ""},
		{"no such method", "DELETE", "/Users", "", 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			a := s.want(c.status, s.call(c.method, c.path, c.body))
			if a.str("scimType") != c.scimType || a.str("status") != fmt.Sprint(c.status) || a.str("detail") == "" || a.body["schema"] != nil {
				t.Errorf("body %s, want scimType %q", a.text, c.scimType)
			}
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

func TestRFCFiltersOfAllKinds(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	var ids []string
	for _, u := range []string{
		rfcJSON("alice", `,"title":"Boss","active":true,"name":{"familyName":"O'Malley"},"emails":[{"value":"alice@example.com","type":"work"},{"value":"al@home.org","type":"home"}]`),
		rfcJSON("bob", `,"active":false,"externalId":"X1","emails":[{"value":"bob@home.org","type":"work"}],"`+enterprise+`":{"department":"Ops","manager":{"value":"m1"}}`),
		rfcJSON("Carol", `,"userType":"Intern"`),
	} {
		ids = append(ids, s.want(201, s.call("POST", "/Users", u)).str("id"))
	}
	s.want(201, s.call("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"sre","members":%s}`, coreGroup, values(ids[0]))))
	s.want(201, s.call("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"sre","externalId":"G2"}`, coreGroup)))
	for _, c := range []struct{ path, filter, want string }{
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
	} {
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

func TestRFCPaging(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	for i := range 7 {
		s.want(201, s.call("POST", "/Users", rfcJSON(fmt.Sprintf("user%d", i), "")))
	}
	names := func(a answer) string {
		var list []string
		for _, r := range a.resources() {
			list = append(list, strings.TrimPrefix(r["userName"].(string), "user"))
		}
		return strings.Join(list, "")
	}
	for _, c := range []struct {
		query string
		want  string
		start any
	}{
		{"", "0123456", 1.0},
		{"?count=3", "012", 1.0},
		{"?startIndex=4&count=3", "345", 4.0},
		{"?startIndex=7&count=3", "6", 7.0},
		{"?startIndex=8", "", 8.0},
		{"?startIndex=-3&count=2", "01", 1.0},
		{"?count=0", "", 1.0},
		{"?count=-1", "", 1.0},
	} {
		a := s.want(200, s.call("GET", "/Users"+c.query, ""))
		if names(a) != c.want || a.body["totalResults"] != 7.0 || a.body["startIndex"] != c.start || a.body["itemsPerPage"] != float64(len(c.want)) {
			t.Errorf("%s: %s", c.query, a.text)
		}
	}
	got, cursor := "", ""
	for {
		a := s.want(200, s.call("GET", "/Users"+query("cursor", cursor, "count", "3"), ""))
		got += names(a) + "|"
		if a.body["totalResults"] != 7.0 {
			t.Errorf("totalResults %v", a.body["totalResults"])
		}
		if cursor = a.str("nextCursor"); cursor == "" {
			break
		}
	}
	if got != "012|345|6|" {
		t.Errorf("pages %s", got)
	}
}

func TestRFCProjection(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	id := s.want(201, s.call("POST", "/Users", rfcJSON("alice", `,"title":"Boss","name":{"familyName":"F","givenName":"G"},"emails":[{"value":"a@b","type":"work"}],"`+enterprise+`":{"department":"Ops","division":"D"}`))).str("id")
	for _, c := range []struct{ query, want string }{
		{"?attributes=userName", `"userName":"alice"}`},
		{"?attributes=name.familyName,emails.type", `"name":{"familyName":"F"},"emails":[{"type":"work"}]}`},
		{"?attributes=" + enterprise + ":department", `"` + enterprise + `":{"department":"Ops"}}`},
		{"?attributes=" + coreUser + ":title", `"title":"Boss"}`},
		{"?excludedAttributes=meta,name,emails.value," + enterprise, `"userName":"alice","title":"Boss","emails":[{"type":"work"}]}`},
	} {
		a := s.want(200, s.call("GET", "/Users/"+id+c.query, ""))
		want := `{"id":"` + id + `","schemas":["` + coreUser + `","` + enterprise + `"],` + c.want
		if a.text != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.query, a.text, want)
		}
	}
	a := s.want(200, s.call("POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"title pr","attributes":["title"],"startIndex":1,"count":5}`))
	if len(a.resources()) != 1 || a.resources()[0]["title"] != "Boss" || a.resources()[0]["userName"] != nil {
		t.Errorf("search: %s", a.text)
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

func TestRFCDiscovery(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	a := s.want(200, s.call("GET", "/ServiceProviderConfig", ""))
	if p, _ := a.body["pagination"].(map[string]any); p["cursor"] != true || p["index"] != true || p["cursorTimeout"] != 300.0 {
		t.Errorf("pagination %v", p)
	}
	s.want(200, s.call("GET", "/ResourceTypes/Group", ""))
	user := s.want(200, s.call("GET", "/Schemas/"+coreUser, ""))
	attrs, _ := user.body["attributes"].([]any)
	var password map[string]any
	for _, a := range attrs {
		if m := a.(map[string]any); m["name"] == "password" {
			password = m
		}
	}
	if password["mutability"] != "writeOnly" || password["returned"] != "never" || password["type"] != "string" {
		t.Errorf("password %v", password)
	}
}

func TestRFCMediaTypes(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	for media, status := range map[string]int{
		"application/scim+json": 201, "application/json; charset=UTF-8": 201, "text/plain": 415, "": 415, "application/json; charset=latin1": 415,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.http.URL+s.Path()+"/Users", strings.NewReader(rfcJSON(fmt.Sprint("u", len(media)), "")))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer secret")
		req.Header.Set("Content-Type", media)
		if a, err := s.do(req); err != nil || a.status != status {
			t.Errorf("%q: %d, %v", media, a.status, err)
		}
	}
}

func TestRFCHasNoThrottleOfItsOwn(t *testing.T) {
	s := serveExactly(t, awssim.ProfileRFC, awssim.Options{})
	if n := burst(s, 50); n != 50 {
		t.Errorf("%d of 50 calls are let through", n)
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
