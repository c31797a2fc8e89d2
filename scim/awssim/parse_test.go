package awssim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	judge "github.com/scim2/filter-parser/v2"
)

// rfcFilters are the examples of RFC 7644 section 3.4.2.2, figure 2, and what they leave out.
func rfcFilters() []string {
	return []string{
		`userName eq "bjensen"`,
		`name.familyName co "O'Malley"`,
		`userName sw "J"`,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`,
		`title pr`,
		`meta.lastModified gt "2011-05-13T04:42:34Z"`,
		`meta.lastModified ge "2011-05-13T04:42:34Z"`,
		`meta.lastModified lt "2011-05-13T04:42:34Z"`,
		`meta.lastModified le "2011-05-13T04:42:34Z"`,
		`title pr and userType eq "Employee"`,
		`title pr or userType eq "Intern"`,
		`schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`,
		`userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")`,
		`userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")`,
		`userType eq "Employee" and (emails.type eq "work")`,
		`userType eq "Employee" and emails[type eq "work" and value co "@example.com"]`,
		`emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]`,
		`active eq true`,
		`userName eq "a\"b\\c"`,
		`userName eq "jürgen"`,
	}
}

func TestFiltersOfTheRFC(t *testing.T) {
	for _, text := range rfcFilters() {
		if _, err := parseFilter(text, false); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := judge.ParseFilter([]byte(text)); err != nil {
			t.Errorf("%s: the judge says %v", text, err)
		}
	}
}

func badFilters() []string {
	return []string{
		"", " ", "userName", "userName eq", `userName eq `, `eq "a"`, `userName eq "a`, `userName eq 'a'`, `userName  eq "a"`, `userName eq  "a"`,
		`userName eq "a" and`, `userName eq "a" and `, `and userName eq "a"`, `userName eq "a" xor b pr`, `(userName eq "a"`, `userName eq "a")`,
		`emails[type eq "work"`, `emails[]`, `emails type eq "work"]`, `not userName eq "a"`, `userName eq {}`, `userName eq []`, `userName eq "a" "b"`,
		`.value eq "a"`, `emails. eq "a"`, `emails.value.more eq "a"`, `1st eq "a"`, `userName eq "\q"`, `userName eq "a"junk`, "userName eq\t\"a\"",
		strings.Repeat("(", 100) + `a pr` + strings.Repeat(")", 100),
	}
}

func TestFiltersThatAreNone(t *testing.T) {
	for _, text := range badFilters() {
		if f, err := parseFilter(text, false); err == nil {
			t.Errorf("%q is accepted: %v", text, f)
		}
	}
}

func TestPrecedenceOfFilters(t *testing.T) {
	f, err := parseFilter(`a pr or b pr and not (c pr or d pr)`, false)
	if err != nil {
		t.Fatal(err)
	}
	is := func(name string) comparison { return comparison{path: attrPath{attr: name}, op: "pr"} }
	want := junction{or: true, left: is("a"), right: junction{left: is("b"), right: negation{junction{or: true, left: is("c"), right: is("d")}}}}
	if diff := cmp.Diff(filter(want), f, cmp.AllowUnexported(junction{}, negation{}, comparison{}, attrPath{})); diff != "" {
		t.Error(diff)
	}
}

// FuzzFilter: what this parser accepts, the judge accepts too.
func FuzzFilter(f *testing.F) {
	for _, text := range slices.Concat(rfcFilters(), badFilters()) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := parseFilter(text, false); err != nil {
			return
		}
		if _, err := judge.ParseFilter([]byte(text)); err != nil {
			t.Errorf("%q is accepted, and the judge says %v", text, err)
		}
		_, exact := parseFilter(text, true)
		if exact == nil && text != strings.TrimSpace(text) {
			t.Errorf("%q has spaces around it", text)
		}
	})
}

func paths() []string {
	return []string{
		"members", "name.familyName", `addresses[type eq "work"]`, `members[value eq "2819c223-7f76-453a-919d-413861904646"]`,
		`members[value eq "2819c223-7f76-453a-919d-413861904646"].displayName`, `emails[type eq "work" and value ew "example.com"].value`,
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value", "urn:ietf:params:scim:schemas:core:2.0:User:userName", "emails[primary eq true].value",
	}
}

func TestPaths(t *testing.T) {
	for _, text := range paths() {
		if _, err := parsePath(text, true); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := judge.ParsePath([]byte(text)); err != nil {
			t.Errorf("%s: the judge says %v", text, err)
		}
	}
	if p, err := parsePath(urnEnterprise, true); err != nil || p.attr != "" || p.urn != urnEnterprise {
		t.Errorf("the extension's URN is %+v, %v", p, err)
	}
	for _, text := range []string{"", "a.", ".a", "a..b", "a.b.c", "a[b]", `a[b eq "c"`, `a[b eq "c"]d`, `a[b eq "c"].`, `a.b[c eq "d"]`, "a b", `a[b eq "c"].d.e`, `a[]`, "[a pr]"} {
		if p, err := parsePath(text, false); err == nil {
			t.Errorf("%q is accepted: %+v", text, p)
		}
	}
}

// FuzzPath: what this parser accepts, the judge accepts too, but for a schema's URN alone.
func FuzzPath(f *testing.F) {
	for _, text := range paths() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePath(text, false)
		if err != nil || p.attr == "" {
			return
		}
		if _, err := judge.ParsePath([]byte(text)); err != nil {
			t.Errorf("%q is accepted, and the judge says %v", text, err)
		}
	})
}

// FuzzDocument: what this parser accepts, encoding/json accepts and understands in the same way.
func FuzzDocument(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":[1,-2.5e3,true,false,null,"\u00e9\n"],"b":{"c":{}}}`, `{"a":1,"a":2}`, `[]`, `{"a":"\ud800"}`, `{"a":"\ud83d\ude00"}`, `{} {}`, "{\"\xff\":1}", `{"a":01}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parseDocument(data)
		if err != nil {
			return
		}
		var got, want any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%q is accepted, and encoding/json says %v", data, err)
		}
		if err := json.Unmarshal(appendJSON(nil, doc), &got); err != nil {
			t.Fatalf("%q is rendered as %s: %v", data, appendJSON(nil, doc), err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", data, diff)
		}
	})
}

// FuzzRequest sends anything to a small directory in each profile. No request may end in a panic, a
// 500 or an answer that is no JSON, nor leave the indexes at odds.
func FuzzRequest(f *testing.F) {
	type seed struct{ method, target, media, body string }
	const user = `{"schemas":["` + urnUser + `"],"userName":"carol","name":{"givenName":"g","familyName":"f"},"displayName":"d","emails":[{"value":"c@x","primary":true}]}`
	op := func(ops string) string { return `{"schemas":["` + urnPatch + `"],"Operations":[` + ops + `]}` }
	for _, s := range []seed{
		{"GET", "/Users?cursor&filter=userName+eq+%22alice%22", "", ""},
		{"GET", "/Groups?startIndex=2&count=1&attributes=members.value", "", ""},
		{"GET", "/Users?filter=emails%5Btype+eq+%22work%22%5D&excludedAttributes=emails,name.givenName", "", ""},
		{"GET", "/Users?filter=id+eq+%22u1%22+and+manager+eq+%22x%22&count=0", "", ""},
		{"POST", "/Users", "application/scim+json", user},
		{"PUT", "/Users/u1", "application/json; charset=utf-8", user},
		{"POST", "/Groups", "application/scim+json", `{"schemas":["` + urnGroup + `"],"displayName":"new","members":[{"value":"u1"}]}`},
		{"PUT", "/Groups/g1", "application/scim+json", `{"schemas":["` + urnGroup + `"],"displayName":"new","members":[]}`},
		{"PATCH", "/Users/u1", "application/scim+json", op(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"x@y"}`)},
		{"PATCH", "/Users/u1", "application/scim+json", op(`{"op":"add","value":{"name":{"middleName":"m"},"` + urnEnterprise + `":{"manager":{"value":"b"}}}}`)},
		{"PATCH", "/Users/u1", "application/scim+json", op(`{"op":"remove","path":"` + urnEnterprise + `:manager"},{"op":"replace","path":"` + urnEnterprise + `","value":{}}`)},
		{"PATCH", "/Groups/g1", "application/scim+json", op(`{"op":"remove","path":"members[value eq \"u1\" or type eq \"User\"]"}`)},
		{"PATCH", "/Groups/g1", "application/scim+json", op(`{"op":"add","path":"members","value":[{"value":"u2"}]},{"op":"remove","path":"members"}`)},
		{"PATCH", "/Groups/g1", "application/scim+json", op(`{"op":"replace","path":"members","value":[{"value":""}]}`)},
		{"POST", "/Users/.search", "application/scim+json", `{"schemas":["` + urnSearch + `"],"filter":"active pr","count":1,"attributes":["userName"]}`},
		{"DELETE", "/Users/u1", "", ""}, {"DELETE", "/Groups/g1", "", ""}, {"GET", "/Schemas/" + urnUser, "", ""}, {"GET", "/ResourceTypes/User", "", ""}, {"HEAD", "//", "x", "{"},
	} {
		for profile := range 3 {
			f.Add(profile, s.method, s.target, s.media, s.body)
		}
	}
	f.Fuzz(func(t *testing.T, profile int, method, target, media, body string) {
		s := &Server{Profile: Profile(min(max(profile, 0), 2)), Tenant: "t", Tokens: []Token{{Secret: "s"}}, Options: Options{Throttle: Throttle{Unlimited: true}, Seed: 1}}
		if err := s.Load(State{
			Users: []User{
				{ID: "u1", UserName: "alice", DisplayName: "A", Name: &Name{FamilyName: "f", GivenName: "g"}, Emails: []Value{{Value: "a@x", Type: "work", Primary: true}}},
				{ID: "u2", UserName: "bob", DisplayName: "B", Name: &Name{FamilyName: "f", GivenName: "g"}},
			},
			Groups: []Group{{ID: "g1", DisplayName: "sre", Members: []string{"u1"}}},
		}); err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://host/t/scim/v2"+target, strings.NewReader(body))
		if err != nil {
			return
		}
		r.RequestURI = target
		r.Header.Set("Authorization", "Bearer s")
		r.Header.Set("User-Agent", "fuzz")
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 201, 204, 400, 401, 404, 405, 409, 413, 415}, w.Code) {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) || (w.Body.Len() == 0) != (w.Code == 204) {
			t.Errorf("status %d, body %q", w.Code, w.Body)
		}
		if found := s.dir.inconsistencies(); found != nil {
			t.Errorf("after %s %s %s: %s", method, target, body, strings.Join(found, "\n"))
		}
		if st := s.State(); w.Code >= 400 && len(st.Users) != 2 {
			t.Errorf("status %d, and there are %d users", w.Code, len(st.Users))
		}
		if again := new(Server); again.Load(s.State()) != nil && s.Profile == ProfileAWS {
			t.Errorf("the state cannot be loaded again: %v", again.Load(s.State()))
		}
	})
}
