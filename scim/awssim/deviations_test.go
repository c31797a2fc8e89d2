package awssim_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// deviation is an entry of docs/aws-deviations.md with its test. deviates reports whether a server
// deviates from the RFC.
type deviation struct {
	title    string
	deviates func(*server) bool
}

// minimalUser returns a user that every profile accepts, with more attributes.
func minimalUser(name, more string) string {
	return fmt.Sprintf(`{"schemas":[%q,%q],"userName":%q,"displayName":"D",`+
		`"name":{"familyName":"F","givenName":"G"}%s}`, coreUser, enterprise, name, more)
}

// tryUser creates a user that every profile accepts if it accepts the further attributes.
func (s *server) tryUser(name, more string) answer {
	s.t.Helper()
	return s.call("POST", "/Users", minimalUser(name, more))
}

// tryGroup creates a group and returns the status.
func (s *server) tryGroup(name, more string) int {
	s.t.Helper()
	return s.call("POST", "/Groups", groupJSON(name, more)).status
}

// pair creates two users and a group with both as members.
func (s *server) pair() (alice, bob, group string) {
	s.t.Helper()
	alice, bob = s.want(201, s.tryUser("alice", "")).str("id"), s.want(201, s.tryUser("bob", "")).str("id")
	return alice, bob, s.addGroup("team", alice, bob)
}

// patchGroup returns the status of a PATCH.
func (s *server) patchGroup(id string, ops ...string) int {
	s.t.Helper()
	return s.call("PATCH", "/Groups/"+id, patch(ops...)).status
}

// patchUser returns the status of a PATCH.
func (s *server) patchUser(id string, ops ...string) int {
	s.t.Helper()
	return s.call("PATCH", "/Users/"+id, patch(ops...)).status
}

// finds reports whether a filter finds one user.
func (s *server) finds(f string) bool {
	s.t.Helper()
	return len(s.call("GET", "/Users"+filter(f), "").resources()) == 1
}

func messageDeviations() []deviation {
	return []deviation{
		{"Responses are application/json", func(s *server) bool {
			return s.call("GET", "/Users", "").header.Get("Content-Type") == "application/json"
		}},
		{"A created object has no location", func(s *server) bool {
			a := s.tryUser("alice", "")
			return a.header.Get("Location") == "" && a.body["meta"].(map[string]any)["location"] == nil
		}},
		{"Errors have a different format", func(s *server) bool {
			body := s.call("GET", "/Users?filter=x", "").body
			return body["schema"] != nil && body["schemas"] != nil && body["scimType"] == nil &&
				body["timeStamp"] != nil && body["exceptionRequestId"] != nil
		}},
		{"A rejected token gets no challenge", func(s *server) bool {
			a := s.callWithToken("wrong", "GET", "/Users")
			return a.status == 401 && a.header.Get("WWW-Authenticate") == ""
		}},
		{"An unsupported method is a 400", func(s *server) bool {
			return s.call("DELETE", "/Users", "").status == 400
		}},
		{"An unsupported media type is a 400", func(s *server) bool {
			req := s.request("POST", "/Users", "a=b")
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			return s.send(req).status == 400
		}},
		{"PATCH requires a User-Agent", func(s *server) bool {
			id := s.tryUser("alice", "").str("id")
			return s.patchWithoutUserAgent("/Users/"+id) == 400
		}},
	}
}

// patchWithoutUserAgent returns the status of a PATCH of a user without the header User-Agent.
func (s *server) patchWithoutUserAgent(path string) int {
	s.t.Helper()
	req := s.request("PATCH", path, patch(`{"op":"add","path":"title","value":"x"}`))
	req.Header["User-Agent"] = nil
	return s.send(req).status
}

func objectDeviations() []deviation {
	return []deviation{
		{"Bodies may omit schemas", func(s *server) bool {
			return s.call("POST", "/Users", userJSON("alice")).status == 201
		}},
		{"A user has more required attributes", func(s *server) bool {
			return s.call("POST", "/Users", rfcJSON("alice", "")).status == 400
		}},
		{"Multi-valued attributes have at most one value", func(s *server) bool {
			return s.tryUser("alice", `,"addresses":[{"locality":"a"},{"locality":"b"}]`).status == 400
		}},
		{"The email address must be primary", func(s *server) bool {
			return s.tryUser("alice", `,"emails":[{"value":"a@b"}]`).status == 400
		}},
		{"Many attributes are not supported", func(s *server) bool {
			rejected := 0
			for _, attr := range []string{
				`"password":"x"`, `"ims":[{"value":"x"}]`, `"photos":[{"value":"x"}]`, `"entitlements":[{"value":"x"}]`,
				`"x509Certificates":[{"value":"eA=="}]`,
			} {
				if s.tryUser(fmt.Sprint("u", rejected), ","+attr).status == 400 {
					rejected++
				}
			}
			alice := s.tryUser("alice", "").str("id")
			s.addGroup("team", alice)
			return rejected == 5 && s.call("GET", "/Users/"+alice, "").body["groups"] == nil
		}},
		{"display is not supported", func(s *server) bool {
			return s.tryUser("alice", `,"phoneNumbers":[{"value":"1","display":"one"}]`).status == 400
		}},
		{"The manager's $ref is not returned", func(s *server) bool {
			a := s.tryUser("alice", `,"`+enterprise+`":{"manager":{"value":"m","$ref":"../Users/m"}}`)
			return !strings.Contains(a.text, "$ref")
		}},
		{"The response to a create omits profileUrl", func(s *server) bool {
			return s.tryUser("alice", `,"profileUrl":"https://example.com"`).body["profileUrl"] == nil
		}},
	}
}

func nameDeviations() []deviation {
	return []deviation{
		{"Strings have maximum lengths and patterns", func(s *server) bool {
			rejects := func(name, more string) bool { return s.tryUser(name, more).status == 400 }
			return rejects("al ice", "") && rejects(strings.Repeat("a", 129), "") &&
				rejects("a", `,"title":"`+strings.Repeat("a", 1025)+`"`) && rejects("b", `,"title":""`)
		}},
		{"Some punctuation is rejected", func(s *server) bool {
			return s.tryUser("alice", `,"title":"a:b"`).status == 400
		}},
		{"Some names are reserved", func(s *server) bool { return s.tryUser("Administrator", "").status == 400 }},
		{"More attributes are unique", func(s *server) bool {
			const email = `,"emails":[{"value":"a@b","primary":true}]`
			s.tryUser("alice", `,"externalId":"x"`+email)
			s.addGroup("team")
			return s.tryUser("bob", `,"externalId":"x"`).status == 409 && s.tryUser("carol", email).status == 409 &&
				s.tryGroup("team", "") == 409
		}},
		{"Members of groups are not returned", func(s *server) bool {
			_, _, team := s.pair()
			list := s.call("GET", "/Groups", "").resources()[0]["members"].([]any)
			return s.call("GET", "/Groups/"+team, "").body["members"] == nil && len(list) == 0
		}},
		{"Attribute names are case-sensitive", func(s *server) bool {
			return s.tryUser("alice", `,"TITLE":"x"`).status == 400
		}},
	}
}

func patchDeviations() []deviation {
	return []deviation{
		{"PUT is not supported for groups", func(s *server) bool {
			_, _, team := s.pair()
			return s.call("PUT", "/Groups/"+team, groupJSON("new", "")).status == 400
		}},
		{"Members cannot be replaced", func(s *server) bool {
			alice, _, team := s.pair()
			return s.patchGroup(team, `{"op":"replace","path":"members","value":`+values(alice)+`}`) == 400
		}},
		{"One request cannot remove all members", func(s *server) bool {
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
		{"A request changes at most 100 members", func(s *server) bool {
			var ids []string
			for i := range 101 {
				ids = append(ids, s.want(201, s.tryUser(fmt.Sprint("u", i), "")).str("id"))
			}
			return s.tryGroup("a", `,"members":`+values(ids...)) == 400 &&
				s.patchGroup(s.addGroup("b"), `{"op":"add","path":"members","value":`+values(ids...)+`}`) == 400
		}},
		{"An operation without a path changes one attribute", func(s *server) bool {
			id := s.tryUser("alice", "").str("id")
			return s.patchUser(id, `{"op":"replace","value":{"title":"a","nickName":"b"}}`) == 400
		}},
		{"A request changes userName and active at most once", func(s *server) bool {
			id := s.tryUser("alice", "").str("id")
			return s.patchUser(id, activate, deactivate) == 400 &&
				s.patchUser(id, `{"op":"remove","path":"active"}`) == 400
		}},
		{"PATCH cannot change roles", func(s *server) bool {
			id := s.tryUser("alice", "").str("id")
			return s.patchUser(id, `{"op":"add","path":"roles","value":[{"value":"r"}]}`) == 400 &&
				s.call("PUT", "/Users/"+id, minimalUser("alice", `,"roles":[{"value":"r"}]`)).status == 200
		}},
		{"Booleans may be strings", func(s *server) bool {
			id := s.tryUser("alice", "").str("id")
			a := s.call("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"active","value":"false"}`))
			return a.status == 200 && a.body["active"] == false
		}},
	}
}

func readDeviations() []deviation {
	return []deviation{
		{"Few filters are supported", func(s *server) bool {
			s.tryUser("alice", `,"title":"Boss"`)
			return s.finds(`userName eq "alice"`) && !s.finds(`title eq "Boss"`) && !s.finds(`userName sw "al"`) &&
				!s.finds(`userName eq "alice" or userName eq "x"`)
		}},
		{"manager and members are compared by their value", func(s *server) bool {
			id := s.tryUser("alice", `,"`+enterprise+`":{"manager":{"value":"m"}}`).str("id")
			return s.finds(`id eq "` + id + `" and manager eq "m"`)
		}},
		{"Filters are case-sensitive", func(s *server) bool {
			s.tryUser("alice", "")
			return !s.finds(`userName eq "ALICE"`)
		}},
		{"A filter on an unknown member is a 404", func(s *server) bool {
			return s.call("GET", "/Groups"+filter(`members.value eq "unknown"`), "").status == 404
		}},
		{"totalResults is the number of results in the response", func(s *server) bool {
			for i := range 3 {
				s.tryUser(fmt.Sprint("u", i), "")
			}
			return s.call("GET", "/Users?count=2", "").body["totalResults"] == 2.0
		}},
		{"startIndex is ignored", func(s *server) bool {
			s.pair()
			a := s.call("GET", "/Users?startIndex=2", "")
			return len(a.resources()) == 2 && a.body["startIndex"] == 1.0
		}},
		{"A count out of range is rejected", func(s *server) bool {
			return s.call("GET", "/Users?count=-1", "").status == 400 &&
				s.call("GET", "/Users?count=1000", "").status == 400
		}},
		{"Attributes cannot be selected", func(s *server) bool {
			s.tryUser("alice", "")
			return s.call("GET", "/Users?attributes=id", "").resources()[0]["userName"] == "alice"
		}},
	}
}

func discoveryDeviations() []deviation {
	return []deviation{
		{"Search is not supported", func(s *server) bool {
			return s.call("POST", "/Users/.search", `{"schemas":["`+searchRequest+`"]}`).status == 404
		}},
		{"ServiceProviderConfig has a wrong maxResults", func(s *server) bool {
			for i := range 51 {
				s.tryUser(fmt.Sprint("u", i), "")
			}
			filter := s.call("GET", "/ServiceProviderConfig", "").body["filter"].(map[string]any)
			return len(s.call("GET", "/Users", "").resources()) > int(filter["maxResults"].(float64))
		}},
		{"ServiceProviderConfig does not mention cursors", func(s *server) bool {
			s.pair()
			return s.call("GET", "/ServiceProviderConfig", "").body["pagination"] == nil &&
				s.call("GET", "/Users?cursor&count=1", "").str("nextCursor") != ""
		}},
		{"The extension is declared required", func(s *server) bool {
			types := s.call("GET", "/ResourceTypes", "").text
			withoutExtension := strings.Replace(minimalUser("a", ""), `,"`+enterprise+`"`, "", 1)
			return strings.Contains(types, `"required":true`) &&
				s.call("POST", "/Users", withoutExtension).status == 201
		}},
		{"Single resource types cannot be read", func(s *server) bool {
			return s.call("GET", "/ResourceTypes/User", "").status == 404
		}},
	}
}

// TestDeviations tests each entry of docs/aws-deviations.md with both profiles.
func TestDeviations(t *testing.T) {
	text, err := os.ReadFile("../../docs/aws-deviations.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := regexp.MustCompile(`(?m)^### `).Split(string(text), -1)[1:]
	all := slices.Concat(messageDeviations(), objectDeviations(), nameDeviations(), patchDeviations(), readDeviations(),
		discoveryDeviations())
	if len(sections) != len(all) {
		t.Errorf("the document has %d entries, but there are %d tests", len(sections), len(all))
	}
	for i, d := range all[:min(len(all), len(sections))] {
		title, body, _ := strings.Cut(sections[i], "\n")
		if title != d.title {
			t.Errorf("entry %d is %q, but its test is %q", i+1, title, d.title)
		}
		for _, part := range []string{"- RFC ", "- AWS: ", "- Source: "} {
			if strings.Count(body, part) != 1 {
				t.Errorf("%s: want exactly one line that starts with %q", title, part)
			}
		}
		t.Run(d.title, func(t *testing.T) {
			if !d.deviates(serve(t, awssim.ProfileAWS, awssim.Options{})) {
				t.Error("the profile aws does not deviate")
			}
			if d.deviates(serve(t, awssim.ProfileRFC, awssim.Options{})) {
				t.Error("the profile rfc deviates")
			}
		})
	}
}
