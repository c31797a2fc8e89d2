package awssim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

const (
	generic     = "Request is unparsable, syntactically incorrect, or violates schema."
	textPattern = `Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+`
	namePattern = `Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+`
)

// fails is "Value at 'path' failed to satisfy constraint: what".
func fails(path, what string) string {
	return "Value at '" + path + "' failed to satisfy constraint: " + what
}

// with is the user of userJSON with one piece of its text replaced.
func with(old, replacement string) string {
	s := userJSON("alice")
	if !strings.Contains(s, old) {
		panic("no " + old + " in " + s)
	}
	return strings.Replace(s, old, replacement, 1)
}

func TestUsersThatAWSRefuses(t *testing.T) {
	long := strings.Repeat("a", 129)
	for _, c := range []struct{ name, body, detail string }{
		{"no JSON", `{"userName":`, "Invalid JSON from RequestBody"},
		{"JSON that is no object", `[]`, "Invalid JSON from RequestBody"},
		{"two JSON values", userJSON("a") + userJSON("b"), "Invalid JSON from RequestBody"},
		{"a key given twice", with(`"active":true`, `"active":true,"active":false`), "Invalid JSON from RequestBody"},
		{"invalid UTF-8", with("Given", "Gi\xffven"), "Invalid JSON from RequestBody"},
		{"a lone surrogate", with("Given", `\ud800`), "Invalid JSON from RequestBody"},
		{"no userName", with(`"userName":"alice",`, ""), generic},
		{"no displayName", with(`"displayName":"Display alice",`, ""), generic},
		{"no name", with(`"name":{"familyName":"Family","givenName":"Given"},`, ""), generic},
		{"no familyName", with(`"familyName":"Family",`, ""), generic},
		{"an empty givenName", with(`"Given"`, `""`),
			"2 validation errors detected: " + fails("name.givenName", textPattern) + "; " + fails("name.givenName", "Member must have length greater than or equal to 1")},
		{"an empty givenName and familyName", with(`{"familyName":"Family","givenName":"Given"}`, `{"familyName":"","givenName":""}`),
			"4 validation errors detected: " + fails("name.familyName", textPattern) + "; " + fails("name.familyName", "Member must have length greater than or equal to 1") + "; " +
				fails("name.givenName", textPattern) + "; " + fails("name.givenName", "Member must have length greater than or equal to 1")},
		{"a space in userName", with(`"userName":"alice"`, `"userName":"al ice"`), "1 validation errors detected: " + fails("userName", namePattern)},
		{"a userName of 129 characters", with(`"userName":"alice"`, `"userName":"`+long+`"`),
			"1 validation errors detected: " + fails("userName", "Member must have length less than or equal to 128")},
		{"a control character", with("Given", `\u0007`), "1 validation errors detected: " + fails("name.givenName", textPattern)},
		{"one of <>;:%", with("Given", "a<b"), "1 validation errors detected: " + fails("name.givenName", textPattern)},
		{"a number for a text", with(`"Given"`, `5`), generic},
		{"a text for active", with(`"active":true`, `"active":"true"`), generic},
		{"an object for a list", with(`[{"value":"alice@example.com","type":"work","primary":true}]`, `{"value":"a"}`), generic},
		{"a list for an object", with(`{"familyName":"Family","givenName":"Given"}`, `[]`), generic},
		{"two emails", with(`"primary":true}]`, `"primary":true},{"value":"b@example.com"}]`), "List attribute emails exceeds allowed limit of 1"},
		{"two addresses", with(`"active":true`, `"active":true,"addresses":[{"type":"work"},{"type":"home"}]`), "List attribute addresses exceeds allowed limit of 1"},
		{"an empty list of emails", with(`[{"value":"alice@example.com","type":"work","primary":true}]`, `[]`), generic},
		{"an email that is not primary", with(`"primary":true`, `"primary":false`), generic},
		{"an email without primary", with(`,"primary":true`, ``), generic},
		{"an email without value", with(`"value":"alice@example.com",`, ``), generic},
		{"display of an email", with(`"type":"work"`, `"type":"work","display":"x"`), generic},
		{"display of a role", with(`"active":true`, `"active":true,"roles":[{"value":"r","display":"x"}]`), generic},
		{"groups", with(`"active":true`, `"active":true,"groups":[{"value":"g"}]`), generic},
		{"password", with(`"active":true`, `"active":true,"password":"x"`), generic},
		{"photos", with(`"active":true`, `"active":true,"photos":[{"value":"x"}]`), generic},
		{"an attribute nobody knows", with(`"active":true`, `"active":true,"shoeSize":"44"`), generic},
		{"an attribute in the wrong case", with(`"userName"`, `"username"`), generic},
		{"the manager's displayName", with(`"active":true`, `"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"displayName":"x"}}`), generic},
		{"an empty manager", with(`"active":true`, `"active":true,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"manager":{"value":""}}`),
			"2 validation errors detected: " + fails("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager.value", textPattern) + "; " +
				fails("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.manager.value", "Member must have length greater than or equal to 1")},
		{"a schema of something else", with(`{"userName"`, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"userName"`), generic},
		{"schemas without the extension in use", with(`{"userName"`,
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"division":"d"},"userName"`), generic},
		{"a reserved userName", with(`"userName":"alice"`, `"userName":"Administrator"`), generic},
		{"a body of more than a megabyte", with("Given", strings.Repeat("a", 1<<20)), generic},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, awssim.ProfileAWS, awssim.Options{})
			a := s.want(400, s.call("POST", "/Users", c.body))
			if a.str("detail") != c.detail {
				t.Errorf("detail\n%q, want\n%q", a.str("detail"), c.detail)
			}
			if a.str("status") != "400" || a.body["scimType"] != nil || a.header.Get("Awssim-Reason") == "" {
				t.Errorf("body %s, reason %q", a.text, a.header.Get("Awssim-Reason"))
			}
			if n := len(s.State().Users); n != 0 {
				t.Errorf("%d users were made", n)
			}
		})
	}
}

func TestUsersThatAWSAccepts(t *testing.T) {
	for _, c := range []struct{ name, body string }{
		{"no schemas", userJSON("alice")},
		{"no email address", with(`,"emails":[{"value":"alice@example.com","type":"work","primary":true}]`, "")},
		{"null for what is absent", with(`"active":true`, `"active":true,"title":null`)},
		{"what the server writes itself", with(`{"userName"`, `{"id":"x","meta":{"resourceType":"User"},"userName"`)},
		{"an address with a type alone", with(`"active":true`, `"active":true,"addresses":[{"type":"work"}]`)},
		{"a role", with(`"active":true`, `"active":true,"roles":[{"value":"r","type":"t","primary":true}]`)},
		{"a userName of 128 characters", with(`"userName":"alice"`, `"userName":"`+strings.Repeat("ä", 128)+`"`)},
		{"names of other scripts", with("Given", "李\u3000明")},
		{"a colon in profileUrl", with(`"active":true`, `"active":true,"profileUrl":"https://example.com/%20"`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, awssim.ProfileAWS, awssim.Options{})
			s.want(201, s.call("POST", "/Users", c.body))
		})
	}
}

func TestNamesAreUnique(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	s.addUser("alice")
	bob := s.addUser("bob")
	s.want(201, s.call("POST", "/Groups", `{"displayName":"sre","externalId":"g1"}`))
	dev := s.addGroup("dev")
	user := func(name, external, email string) string {
		return fmt.Sprintf(`{"userName":%q,"externalId":%q,"name":{"familyName":"F","givenName":"G"},"displayName":"D","active":true,"emails":[{"value":%q,"primary":true}]}`,
			name, external, email)
	}
	for _, c := range []struct{ name, method, path, body string }{
		{"userName", "POST", "/Users", user("alice", "new", "new@example.com")},
		{"userName but for case", "POST", "/Users", user("ALICE", "new", "new@example.com")},
		{"externalId", "POST", "/Users", user("new", "x-alice", "new@example.com")},
		{"primary email", "POST", "/Users", user("new", "new", "alice@example.com")},
		{"userName by PUT", "PUT", "/Users/" + bob, user("alice", "x-bob", "bob@example.com")},
		{"userName by PATCH", "PATCH", "/Users/" + bob, patch(`{"op":"replace","path":"userName","value":"alice"}`)},
		{"email by PATCH", "PATCH", "/Users/" + bob, patch(`{"op":"replace","path":"emails","value":[{"value":"alice@example.com","primary":true}]}`)},
		{"displayName of a group", "POST", "/Groups", `{"displayName":"sre"}`},
		{"externalId of a group", "POST", "/Groups", `{"displayName":"new","externalId":"g1"}`},
		{"displayName of a group by PATCH", "PATCH", "/Groups/" + dev, patch(`{"op":"replace","value":{"id":"` + dev + `","displayName":"sre"}}`)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			a := s.want(409, s.call(c.method, c.path, c.body))
			if a.str("detail") != "Refused to create a new, duplicate resource." {
				t.Errorf("detail %q", a.str("detail"))
			}
		})
	}
	s.t = t
	s.want(200, s.call("PUT", "/Users/"+bob, user("bob", "x-bob", "bob@example.com")))
	s.want(204, s.call("PATCH", "/Groups/"+dev, patch(`{"op":"replace","value":{"displayName":"DEV"}}`)))
}

func TestPatchUser(t *testing.T) {
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for _, c := range []struct {
		name, body string
		status     int
		want       string // in the answer
	}{
		{"active as a text", patch(`{"op":"replace","path":"active","value":"false"}`), 200, `"active":false`},
		{"active as a boolean", patch(`{"op":"replace","path":"active","value":false}`), 200, `"active":false`},
		{"the op in another case", patch(`{"op":"Replace","path":"title","value":"Boss"}`), 200, `"title":"Boss"`},
		{"an attribute without path", patch(`{"op":"add","value":{"title":"Boss"}}`), 200, `"title":"Boss"`},
		{"a part of the name", patch(`{"op":"replace","path":"name.givenName","value":"Ann"}`), 200, `"givenName":"Ann"`},
		{"the name keeps what is not sent", patch(`{"op":"replace","path":"name","value":{"givenName":"Ann"}}`), 200, `"name":{"familyName":"Family","givenName":"Ann"}`},
		{"an enterprise attribute", patch(`{"op":"add","path":"` + enterprise + `:department","value":"Ops"}`), 200, `"` + enterprise + `":{"department":"Ops"}`},
		{"the manager's value", patch(`{"op":"add","path":"` + enterprise + `:manager.value","value":"m"}`), 200, `"manager":{"value":"m"}`},
		{"the extension as a whole", patch(`{"op":"add","path":"` + enterprise + `","value":{"division":"D"}}`), 200, `"division":"D"`},
		{"the extension without path", patch(`{"op":"add","value":{"` + enterprise + `":{"division":"D"}}}`), 200, `"division":"D"`},
		{"the email", patch(`{"op":"replace","path":"emails","value":[{"value":"new@example.com","type":"work","primary":true}]}`), 200, `"emails":[{"value":"new@example.com"`},
		{"the email by its type", patch(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"new@example.com"}`), 200, `"value":"new@example.com","type":"work"`},
		{"the email that is primary", patch(`{"op":"replace","path":"emails[primary eq true].value","value":"new@example.com"}`), 200, `"value":"new@example.com"`},
		{"removes the email", patch(`{"op":"remove","path":"emails"}`), 200, `"active":true}`},
		{"several attributes in several operations", patch(`{"op":"replace","path":"title","value":"Boss"}`, `{"op":"add","path":"nickName","value":"Al"}`), 200, `"nickName":"Al","title":"Boss"`},
		{"removes externalId", patch(`{"op":"remove","path":"externalId"}`), 200, `","meta":`},
		{"refuses a second email", patch(`{"op":"add","path":"emails","value":[{"value":"new@example.com","primary":true}]}`), 400, "List attribute emails exceeds allowed limit of 1"},
		{"refuses to remove userName", patch(`{"op":"remove","path":"userName"}`), 400, generic},
		{"refuses to remove active", patch(`{"op":"remove","path":"active"}`), 400, generic},
		{"refuses to remove displayName", patch(`{"op":"remove","path":"displayName"}`), 400, generic},
		{"refuses to remove the familyName", patch(`{"op":"remove","path":"name.familyName"}`), 400, generic},
		{"refuses active twice", patch(`{"op":"replace","path":"active","value":true}`, `{"op":"replace","path":"active","value":false}`), 400, generic},
		{"refuses userName twice", patch(`{"op":"replace","path":"userName","value":"a"}`, `{"op":"replace","value":{"userName":"b"}}`), 400, generic},
		{"refuses roles", patch(`{"op":"add","path":"roles","value":[{"value":"r"}]}`), 400, generic},
		{"refuses photos", patch(`{"op":"add","path":"photos","value":[{"value":"r"}]}`), 400, generic},
		{"refuses id", patch(`{"op":"replace","path":"id","value":"x"}`), 400, generic},
		{"refuses an empty value", patch(`{"op":"replace","path":"title","value":""}`), 400, "2 validation errors detected: "},
		{"refuses no value", patch(`{"op":"replace","path":"title"}`), 400, generic},
		{"refuses null", patch(`{"op":"replace","path":"title","value":null}`), 400, generic},
		{"refuses several attributes without path", patch(`{"op":"replace","value":{"title":"a","nickName":"b"}}`), 400, "Current PATCH support allows"},
		{"refuses a remove without path", patch(`{"op":"remove"}`), 400, "Missing path in PATCH request"},
		{"refuses another operator in a path", patch(`{"op":"replace","path":"emails[type sw \"work\"].value","value":"n@example.com"}`), 400, generic},
		{"refuses a path that means nothing", patch(`{"op":"replace","path":"emails[type eq \"home\"].value","value":"n@example.com"}`), 400, generic},
		{"refuses an unknown op", patch(`{"op":"move","path":"title","value":"x"}`), 400, generic},
		{"refuses no operations", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[]}`, 400, generic},
		{"refuses no schemas", `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`, 400, generic},
		{"refuses operations in lower case", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"operations":[{"op":"replace","path":"title","value":"x"}]}`, 400, generic},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, awssim.ProfileAWS, awssim.Options{})
			id := s.addUser("alice")
			before := s.State()
			a := s.want(c.status, s.call("PATCH", "/Users/"+id, c.body))
			text := a.text
			if c.status == 400 {
				text = a.str("detail")
				if diff := cmp.Diff(before, s.State()); diff != "" {
					t.Errorf("a refused PATCH changed the user: %s", diff)
				}
			}
			if !strings.Contains(text, c.want) {
				t.Errorf("got %s, want %s in it", text, c.want)
			}
		})
	}
}

func TestPutUserOverwrites(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	id := s.want(201, s.call("POST", "/Users", with(`"active":true`, `"active":true,"title":"Boss","nickName":"Al"`))).str("id")
	a := s.want(200, s.call("PUT", "/Users/"+id, `{"id":"`+id+`","userName":"alice2","name":{"familyName":"F","givenName":"G"},"displayName":"D"}`))
	for _, gone := range []string{"title", "nickName", "emails", "externalId"} {
		if a.body[gone] != nil {
			t.Errorf("%s is still there", gone)
		}
	}
	if a.body["active"] != false || a.str("id") != id || a.str("userName") != "alice2" {
		t.Errorf("got %s", a.text)
	}
	s.want(404, s.call("PUT", "/Users/none", userJSON("bob")))
	s.want(200, s.call("GET", "/Users"+filter(`userName eq "alice2"`), ""))
	if a := s.want(200, s.call("GET", "/Users"+filter(`userName eq "alice"`), "")); len(a.resources()) != 0 {
		t.Error("the old name still finds the user")
	}
}

func TestDeletedUsersAreGone(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	alice, bob := s.addUser("alice"), s.addUser("bob")
	sre := s.addGroup("sre", alice, bob)
	s.want(204, s.call("DELETE", "/Users/"+alice, ""))
	s.want(404, s.call("DELETE", "/Users/"+alice, ""))
	s.want(404, s.call("GET", "/Users/"+alice, ""))
	if got := s.State().MemberNames("sre"); fmt.Sprint(got) != "[bob]" {
		t.Errorf("members %v", got)
	}
	if again := s.addUser("alice"); again == alice {
		t.Error("the id is used again")
	}
	s.want(204, s.call("DELETE", "/Groups/"+sre, ""))
	s.want(404, s.call("GET", "/Groups/"+sre, ""))
	s.want(404, s.call("DELETE", "/Groups/"+sre, ""))
	s.want(404, s.call("PATCH", "/Groups/"+sre, patch(`{"op":"add","path":"members","value":`+values(bob)+`}`)))
	if a := s.want(200, s.call("GET", "/Groups"+filter(`members.value eq "`+bob+`"`), "")); len(a.resources()) != 0 {
		t.Error("a deleted group still has members")
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

func TestWhatAWSLacks(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	id := s.addGroup("sre")
	s.want(400, s.call("PUT", "/Groups/"+id, `{"displayName":"x"}`))
	s.want(400, s.call("POST", "/Groups/"+id, `{"displayName":"x"}`))
	s.want(400, s.call("DELETE", "/Users", ""))
	s.want(404, s.call("POST", "/.search", `{}`))
	s.want(404, s.call("POST", "/Users/.search", `{}`))
	s.want(404, s.call("GET", "/ResourceTypes/User", ""))
	s.want(200, s.call("GET", "/ServiceProviderConfig", ""))
	s.want(200, s.call("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", ""))
	s.want(404, s.call("GET", "/Schemas/urn:none", ""))
	if got := len(s.want(200, s.call("GET", "/Schemas", "")).resources()); got != 3 {
		t.Errorf("%d schemas", got)
	}
	if got := len(s.want(200, s.call("GET", "/ResourceTypes", "")).resources()); got != 2 {
		t.Errorf("%d resource types", got)
	}
}

func TestCursorsAreStrict(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for i := range 5 {
		s.addUser(fmt.Sprintf("user%d", i))
	}
	other := s.want(200, s.call("GET", "/Users?cursor&count=2", "")).str("nextCursor")
	for _, c := range []struct {
		name, path string
		status     int
	}{
		{"the same listing", "/Users" + query("cursor", other, "count", "2"), 200},
		{"once more", "/Users" + query("cursor", other, "count", "2"), 200},
		{"another count", "/Users" + query("cursor", other, "count", "3"), 400},
		{"another filter", "/Users" + query("cursor", other, "count", "2", "filter", `userName eq "user1"`), 400},
		{"another resource", "/Groups" + query("cursor", other, "count", "2"), 400},
		{"a cursor made up", "/Users" + query("cursor", "abcd", "count", "2"), 400},
		{"a cursor that was not escaped", "/Users?count=2&cursor=" + strings.ReplaceAll(other, "=", "%20"), 400},
		{"a count of 0", "/Users?count=0", 400},
		{"a count of 101", "/Users?count=101", 400},
		{"a count that is no number", "/Users?count=ten", 400},
		{"a count of 100", "/Users?count=100", 200},
		{"a filter twice", "/Users?count=1&count=2", 400},
		{"an empty filter", "/Users?filter=", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.want(c.status, s.call("GET", c.path, ""))
		})
	}
	s.t = t
	s.AdvanceClock(6 * 60 * 1e9)
	s.want(400, s.call("GET", "/Users"+query("cursor", other, "count", "2"), ""))
}
