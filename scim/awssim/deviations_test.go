package awssim_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// deviation is an entry of docs/aws-deviations.md with a proof: deviates is true of a server that
// departs from the RFC.
type deviation struct {
	title    string
	deviates func(*server) bool
}

// person is a user that every profile accepts, with the fields of more laid over it.
func (s *server) person(name, more string) answer {
	return s.call("POST", "/Users", fmt.Sprintf(`{"schemas":[%q,%q],"userName":%q,"displayName":"D","name":{"familyName":"F","givenName":"G"}%s}`, coreUser, enterprise, name, more))
}

// team is a group that every profile accepts.
func (s *server) team(name string, members ...string) string {
	s.t.Helper()
	return s.want(201, s.call("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":%q,"members":%s}`, coreGroup, name, values(members...)))).str("id")
}

// pair makes two users and a group of them.
func (s *server) pair() (alice, bob, group string) {
	s.t.Helper()
	alice, bob = s.want(201, s.person("alice", "")).str("id"), s.want(201, s.person("bob", "")).str("id")
	return alice, bob, s.team("team", alice, bob)
}

func (s *server) patchGroup(id string, ops ...string) int {
	s.t.Helper()
	return s.call("PATCH", "/Groups/"+id, patch(ops...)).status
}

func (s *server) finds(f string) bool {
	s.t.Helper()
	return len(s.call("GET", "/Users"+filter(f), "").resources()) == 1
}

func messageDeviations() []deviation {
	return []deviation{
		{"Answers are application/json", func(s *server) bool {
			return s.call("GET", "/Users", "").header.Get("Content-Type") == "application/json"
		}},
		{"A new object has no address", func(s *server) bool {
			a := s.person("alice", "")
			return a.header.Get("Location") == "" && a.body["meta"].(map[string]any)["location"] == nil
		}},
		{"Errors have a shape of their own", func(s *server) bool {
			a := s.call("GET", "/Users?filter=x", "")
			return a.body["schema"] != nil && a.body["schemas"] != nil && a.body["scimType"] == nil && a.body["timeStamp"] != nil && a.body["exceptionRequestId"] != nil
		}},
		{"A refused token gets no challenge", func(s *server) bool {
			a := s.agentless("GET", "/Users", "wrong")
			return a.status == 401 && a.header.Get("WWW-Authenticate") == ""
		}},
		{"A method that is not there is a 400", func(s *server) bool { return s.call("DELETE", "/Users", "").status == 400 }},
		{"A body of another media type is a 400", func(s *server) bool {
			req, err := http.NewRequestWithContext(s.t.Context(), "POST", s.http.URL+s.Path()+"/Users", strings.NewReader("a=b"))
			if err != nil {
				s.t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer secret")
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			a, err := s.do(req)
			return err == nil && a.status == 400
		}},
		{"PATCH wants a User-Agent", func(s *server) bool {
			id := s.person("alice", "").str("id")
			req, err := http.NewRequestWithContext(s.t.Context(), "PATCH", s.http.URL+s.Path()+"/Users/"+id, strings.NewReader(patch(`{"op":"add","path":"title","value":"x"}`)))
			if err != nil {
				s.t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer secret")
			req.Header.Set("Content-Type", "application/scim+json")
			req.Header["User-Agent"] = nil
			a, err := s.do(req)
			return err == nil && a.status == 400
		}},
	}
}

func objectDeviations() []deviation {
	return []deviation{
		{"Bodies need no schemas", func(s *server) bool { return s.call("POST", "/Users", userJSON("alice")).status == 201 }},
		{"More of a user is required", func(s *server) bool { return s.call("POST", "/Users", rfcJSON("alice", "")).status == 400 }},
		{"Lists have one value", func(s *server) bool {
			return s.person("alice", `,"addresses":[{"locality":"a"},{"locality":"b"}]`).status == 400
		}},
		{"The email address is primary", func(s *server) bool { return s.person("alice", `,"emails":[{"value":"a@b"}]`).status == 400 }},
		{"Many attributes do not exist", func(s *server) bool {
			refused := 0
			for _, attr := range []string{`"password":"x"`, `"ims":[{"value":"x"}]`, `"photos":[{"value":"x"}]`, `"entitlements":[{"value":"x"}]`, `"x509Certificates":[{"value":"eA=="}]`} {
				if s.person(fmt.Sprint("u", refused), ","+attr).status == 400 {
					refused++
				}
			}
			alice := s.person("alice", "").str("id")
			s.team("team", alice)
			return refused == 5 && s.call("GET", "/Users/"+alice, "").body["groups"] == nil
		}},
		{"display does not exist", func(s *server) bool {
			return s.person("alice", `,"phoneNumbers":[{"value":"1","display":"one"}]`).status == 400
		}},
		{"The manager's $ref is lost", func(s *server) bool {
			return !strings.Contains(s.person("alice", `,"`+enterprise+`":{"manager":{"value":"m","$ref":"../Users/m"}}`).text, "$ref")
		}},
		{"profileUrl is missing from the answer to a create", func(s *server) bool {
			return s.person("alice", `,"profileUrl":"https://example.com"`).body["profileUrl"] == nil
		}},
		{"Texts have lengths and patterns", func(s *server) bool {
			return s.person("al ice", "").status == 400 && s.person(strings.Repeat("a", 129), "").status == 400 &&
				s.person("a", `,"title":"`+strings.Repeat("a", 1025)+`"`).status == 400 && s.person("b", `,"title":""`).status == 400
		}},
		{"Some punctuation is refused", func(s *server) bool { return s.person("alice", `,"title":"a:b"`).status == 400 }},
		{"Some names are reserved", func(s *server) bool { return s.person("Administrator", "").status == 400 }},
		{"More is unique", func(s *server) bool {
			s.person("alice", `,"externalId":"x","emails":[{"value":"a@b","primary":true}]`)
			s.team("team")
			return s.person("bob", `,"externalId":"x"`).status == 409 && s.person("carol", `,"emails":[{"value":"a@b","primary":true}]`).status == 409 &&
				s.call("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"team"}`, coreGroup)).status == 409
		}},
		{"Groups do not show their members", func(s *server) bool {
			_, _, team := s.pair()
			list := s.call("GET", "/Groups", "").resources()[0]["members"].([]any)
			return s.call("GET", "/Groups/"+team, "").body["members"] == nil && len(list) == 0
		}},
		{"Names of attributes have a case", func(s *server) bool { return s.person("alice", `,"TITLE":"x"`).status == 400 }},
	}
}

func patchDeviations() []deviation {
	return []deviation{
		{"Groups have no PUT", func(s *server) bool {
			_, _, team := s.pair()
			return s.call("PUT", "/Groups/"+team, fmt.Sprintf(`{"schemas":[%q],"displayName":"new"}`, coreGroup)).status == 400
		}},
		{"Members cannot be replaced", func(s *server) bool {
			alice, _, team := s.pair()
			return s.patchGroup(team, `{"op":"replace","path":"members","value":`+values(alice)+`}`) == 400
		}},
		{"All members cannot be removed at once", func(s *server) bool {
			_, _, team := s.pair()
			return s.patchGroup(team, `{"op":"remove","path":"members"}`) == 400
		}},
		{"Members are removed by a list", func(s *server) bool {
			alice, bob, team := s.pair()
			byPath := s.patchGroup(team, `{"op":"remove","path":"members[value eq \"`+bob+`\"]"}`)
			s.patchGroup(team, `{"op":"add","path":"members","value":`+values(bob)+`}`)
			s.patchGroup(team, `{"op":"remove","path":"members","value":`+values(alice)+`}`)
			return byPath == 400 && fmt.Sprint(s.State().MemberNames("team")) == "[bob]"
		}},
		{"A hundred members a request", func(s *server) bool {
			var ids []string
			for i := range 101 {
				ids = append(ids, s.want(201, s.person(fmt.Sprint("u", i), "")).str("id"))
			}
			return s.call("POST", "/Groups", fmt.Sprintf(`{"schemas":[%q],"displayName":"a","members":%s}`, coreGroup, values(ids...))).status == 400 &&
				s.patchGroup(s.team("b"), `{"op":"add","path":"members","value":`+values(ids...)+`}`) == 400
		}},
		{"Without a path one attribute changes", func(s *server) bool {
			id := s.person("alice", "").str("id")
			return s.call("PATCH", "/Users/"+id, patch(`{"op":"replace","value":{"title":"a","nickName":"b"}}`)).status == 400
		}},
		{"userName and active change once a request", func(s *server) bool {
			id := s.person("alice", "").str("id")
			return s.call("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"active","value":true}`, `{"op":"replace","path":"active","value":false}`)).status == 400 &&
				s.call("PATCH", "/Users/"+id, patch(`{"op":"remove","path":"active"}`)).status == 400
		}},
		{"Roles cannot be patched", func(s *server) bool {
			id := s.person("alice", "").str("id")
			return s.call("PATCH", "/Users/"+id, patch(`{"op":"add","path":"roles","value":[{"value":"r"}]}`)).status == 400 &&
				s.call("PUT", "/Users/"+id, fmt.Sprintf(`{"schemas":[%q],"userName":"alice","displayName":"D","name":{"familyName":"F","givenName":"G"},"roles":[{"value":"r"}]}`, coreUser)).status == 200
		}},
		{"Booleans may be texts", func(s *server) bool {
			id := s.person("alice", "").str("id")
			a := s.call("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"active","value":"false"}`))
			return a.status == 200 && a.body["active"] == false
		}},
	}
}

func readDeviations() []deviation {
	return []deviation{
		{"Filters are few", func(s *server) bool {
			s.person("alice", `,"title":"Boss"`)
			return !s.finds(`title eq "Boss"`) && !s.finds(`userName sw "al"`) && !s.finds(`userName eq "alice" or userName eq "x"`) && s.finds(`userName eq "alice"`)
		}},
		{"manager and members stand for their values", func(s *server) bool {
			id := s.person("alice", `,"`+enterprise+`":{"manager":{"value":"m"}}`).str("id")
			return s.finds(`id eq "` + id + `" and manager eq "m"`)
		}},
		{"Filters look at case", func(s *server) bool { s.person("alice", ""); return !s.finds(`userName eq "ALICE"`) }},
		{"An unknown member is a 404", func(s *server) bool {
			return s.call("GET", "/Groups"+filter(`members.value eq "nobody"`), "").status == 404
		}},
		{"totalResults is the number returned", func(s *server) bool {
			for i := range 3 {
				s.person(fmt.Sprint("u", i), "")
			}
			return s.call("GET", "/Users?count=2", "").body["totalResults"] == 2.0
		}},
		{"startIndex is ignored", func(s *server) bool {
			s.pair()
			a := s.call("GET", "/Users?startIndex=2", "")
			return len(a.resources()) == 2 && a.body["startIndex"] == 1.0
		}},
		{"A count out of range is refused", func(s *server) bool {
			return s.call("GET", "/Users?count=-1", "").status == 400 && s.call("GET", "/Users?count=1000", "").status == 400
		}},
		{"Attributes cannot be chosen", func(s *server) bool {
			s.person("alice", "")
			return s.call("GET", "/Users?attributes=id", "").resources()[0]["userName"] == "alice"
		}},
		{"There is no search", func(s *server) bool {
			return s.call("POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`).status == 404
		}},
		{"The configuration's limit is another", func(s *server) bool {
			for i := range 51 {
				s.person(fmt.Sprint("u", i), "")
			}
			said := s.call("GET", "/ServiceProviderConfig", "").body["filter"].(map[string]any)["maxResults"].(float64)
			return len(s.call("GET", "/Users", "").resources()) > int(said)
		}},
		{"The configuration does not tell of cursors", func(s *server) bool {
			s.pair()
			return s.call("GET", "/ServiceProviderConfig", "").body["pagination"] == nil && s.call("GET", "/Users?cursor&count=1", "").str("nextCursor") != ""
		}},
		{"The extension is called required", func(s *server) bool {
			types := s.call("GET", "/ResourceTypes", "").text
			return strings.Contains(types, `"required":true`) && s.call("POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":"a","displayName":"D","name":{"familyName":"F","givenName":"G"}}`, coreUser)).status == 201
		}},
		{"Single resource types cannot be read", func(s *server) bool { return s.call("GET", "/ResourceTypes/User", "").status == 404 }},
	}
}

func TestDeviations(t *testing.T) {
	text, err := os.ReadFile("../../docs/aws-deviations.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := regexp.MustCompile(`(?m)^### `).Split(string(text), -1)[1:]
	var all []deviation
	for _, list := range [][]deviation{messageDeviations(), objectDeviations(), patchDeviations(), readDeviations()} {
		all = append(all, list...)
	}
	if len(sections) != len(all) {
		t.Errorf("the list has %d entries, and there are %d proofs", len(sections), len(all))
	}
	for i, d := range all[:min(len(all), len(sections))] {
		title, body, _ := strings.Cut(sections[i], "\n")
		if title != d.title {
			t.Errorf("entry %d is %q, and its proof %q", i+1, title, d.title)
		}
		for _, part := range []string{"- RFC ", "- AWS: ", "- Source: "} {
			if strings.Count(body, part) != 1 {
				t.Errorf("%s: there must be one line that starts with %q", title, part)
			}
		}
		t.Run(d.title, func(t *testing.T) {
			if !d.deviates(serve(t, awssim.ProfileAWS, awssim.Options{})) {
				t.Error("the profile aws does not deviate")
			}
			if d.deviates(serve(t, awssim.ProfileRFC, awssim.Options{})) {
				t.Error("the profile rfc deviates too")
			}
		})
	}
}
