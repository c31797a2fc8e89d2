package awssim_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestCreateUserReturnsTheExampleOfTheGuide(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	const name = `"name":{"formatted":"Ms. Barbara J Jensen, III","familyName":"Jensen","givenName":"Barbara",` +
		`"middleName":"Jane","honorificPrefix":"Ms.","honorificSuffix":"III"}`
	const email = `"emails":[{"value":"bjensen@example.com","type":"work","primary":true}]`
	const address = `"streetAddress":"100 Universal City Plaza","locality":"Hollywood","region":"CA",` +
		`"postalCode":"91608","country":"USA"`
	const extension = `"` + enterprise + `":{"employeeNumber":"701984","costCenter":"4130",` +
		`"organization":"Universal Studios","division":"Theme Park","department":"Tour Operations",` +
		`"manager":{"value":"26118915-6090-4610-87e4-49d8ca9f808d"`
	a := s.want(201, s.call("POST", "/Users", `{"externalId":"701984","userName":"bjensen",`+name+`,
		"displayName":"Babs Jensen","nickName":"Babs","profileUrl":"https://login.example.com/bjensen",
		`+email+`,"addresses":[{"type":"work",`+address+`,"primary":true}],
		"phoneNumbers":[{"value":"555-555-5555","type":"work"}],"userType":"Employee","title":"Tour Guide",
		"preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":true,
		`+extension+`,"$ref":"../Users/26118915"}}}`))
	id := a.str("id")
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-70[0-9a-f]{2}-[0-9a-f]{4}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("id %q", id)
	}
	want := `{"id":"` + id + `","externalId":"701984","meta":{"resourceType":"User",` +
		`"created":"2026-11-23T09:30:15Z","lastModified":"2026-11-23T09:30:15Z"},` +
		`"schemas":["` + coreUser + `","` + enterprise + `"],"userName":"bjensen",` + name + `,` +
		`"displayName":"Babs Jensen","nickName":"Babs","title":"Tour Guide","userType":"Employee",` +
		`"preferredLanguage":"en-US","locale":"en-US","timezone":"America/Los_Angeles","active":true,` + email + `,` +
		`"addresses":[{` + address + `,"type":"work","primary":true}],` +
		`"phoneNumbers":[{"value":"555-555-5555","type":"work"}],` + extension + `}}}`
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
		t.Errorf("a read returns no profileUrl: %s", read.text)
	}
}

// violation is the text of a violated constraint.
func violation(path, constraint string) string {
	return "Value at '" + path + "' failed to satisfy constraint: " + constraint
}

// violations is the text of an error for violated constraints.
func violations(list ...string) string {
	return fmt.Sprintf("%d validation errors detected: %s", len(list), strings.Join(list, "; "))
}

// empty is the text for an empty string.
func empty(path string) []string {
	return []string{
		violation(path, textPattern), violation(path, "Member must have length greater than or equal to 1"),
	}
}

const (
	generic     = "Request is unparsable, syntactically incorrect, or violates schema."
	invalidJSON = "Invalid JSON from RequestBody"
	textPattern = `Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+`
	namePattern = `Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+`
)

// Parts of the user of userJSON that tests replace.
const (
	activePart = `"active":true`
	namePart   = `{"familyName":"Family","givenName":"Given"}`
	emailsPart = `[{"value":"alice@example.com","type":"work","primary":true}]`
)

// with returns the user of userJSON with one part of its text replaced.
func with(old, replacement string) string {
	s := userJSON("alice")
	if !strings.Contains(s, old) {
		panic("no " + old + " in " + s)
	}
	return strings.Replace(s, old, replacement, 1)
}

// withAlso returns the user of userJSON with one more attribute.
func withAlso(attribute string) string { return with(activePart, activePart+","+attribute) }

// rejectedUser is a user that AWS rejects, with the detail of the error.
type rejectedUser struct{ name, body, detail string }

func rejectedUsers() []rejectedUser {
	const manager = `"` + enterprise + `":{"manager":`
	return []rejectedUser{
		{"a body that is not JSON", `{"userName":`, invalidJSON},
		{"JSON that is not an object", `[]`, invalidJSON},
		{"two JSON values", userJSON("a") + userJSON("b"), invalidJSON},
		{"a repeated key", withAlso(`"active":false`), invalidJSON},
		{"invalid UTF-8", with("Given", "Gi\xffven"), invalidJSON},
		{"a lone surrogate", with("Given", `\ud800`), invalidJSON},
		{"no userName", with(`"userName":"alice",`, ""), generic},
		{"no displayName", with(`"displayName":"Display alice",`, ""), generic},
		{"no name", with(`"name":`+namePart+`,`, ""), generic},
		{"no familyName", with(`"familyName":"Family",`, ""), generic},
		{"an empty givenName", with(`"Given"`, `""`), violations(empty("name.givenName")...)},
		{"an empty givenName and familyName", with(namePart, `{"familyName":"","givenName":""}`),
			violations(append(empty("name.familyName"), empty("name.givenName")...)...)},
		{"a space in userName", with(`"userName":"alice"`, `"userName":"al ice"`),
			violations(violation("userName", namePattern))},
		{"a userName of 129 characters", with(`"userName":"alice"`, `"userName":"`+strings.Repeat("a", 129)+`"`),
			violations(violation("userName", "Member must have length less than or equal to 128"))},
		{"a control character", with("Given", `\u0007`), violations(violation("name.givenName", textPattern))},
		{"one of <>;:%", with("Given", "a<b"), violations(violation("name.givenName", textPattern))},
		{"a number instead of a string", with(`"Given"`, `5`), generic},
		{"a string for active", with(activePart, `"active":"true"`), generic},
		{"an object instead of a list", with(emailsPart, `{"value":"a"}`), generic},
		{"a list instead of an object", with(namePart, `[]`), generic},
		{"two emails", with(`"primary":true}]`, `"primary":true},{"value":"b@example.com"}]`),
			"List attribute emails exceeds allowed limit of 1"},
		{"two addresses", withAlso(`"addresses":[{"type":"work"},{"type":"home"}]`),
			"List attribute addresses exceeds allowed limit of 1"},
		{"an empty list of emails", with(emailsPart, `[]`), generic},
		{"an email that is not primary", with(`"primary":true`, `"primary":false`), generic},
		{"an email without primary", with(`,"primary":true`, ``), generic},
		{"an email without value", with(`"value":"alice@example.com",`, ``), generic},
		{"display of an email", with(`"type":"work"`, `"type":"work","display":"x"`), generic},
		{"display of a role", withAlso(`"roles":[{"value":"r","display":"x"}]`), generic},
		{"groups", withAlso(`"groups":[{"value":"g"}]`), generic},
		{"password", withAlso(`"password":"x"`), generic},
		{"photos", withAlso(`"photos":[{"value":"x"}]`), generic},
		{"an unknown attribute", withAlso(`"shoeSize":"44"`), generic},
		{"an attribute name in lower case", with(`"userName"`, `"username"`), generic},
		{"the displayName of a manager", withAlso(manager + `{"displayName":"x"}}`), generic},
		{"an empty manager", withAlso(manager + `{"value":""}}`), violations(empty(enterprise + ".manager.value")...)},
		{"the schema of a group", with(`{"userName"`, `{"schemas":["`+coreGroup+`"],"userName"`), generic},
		{"the extension without its schema", with(`{"userName"`,
			`{"schemas":["`+coreUser+`"],"`+enterprise+`":{"division":"d"},"userName"`), generic},
		{"a reserved userName", with(`"userName":"alice"`, `"userName":"Administrator"`), generic},
		{"a body of more than a megabyte", with("Given", strings.Repeat("a", 1<<20)), generic},
	}
}

func TestAWSRejectsUsers(t *testing.T) {
	for _, c := range rejectedUsers() {
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
				t.Errorf("%d users were created", n)
			}
		})
	}
}

func TestAWSAcceptsUsers(t *testing.T) {
	for _, c := range []struct{ name, body string }{
		{"no schemas", userJSON("alice")},
		{"no email address", with(`,"emails":`+emailsPart, "")},
		{"null instead of an absent attribute", withAlso(`"title":null`)},
		{"attributes that the server sets", with(`{"userName"`, `{"id":"x","meta":{"resourceType":"User"},"userName"`)},
		{"an address with only a type", withAlso(`"addresses":[{"type":"work"}]`)},
		{"a role", withAlso(`"roles":[{"value":"r","type":"t","primary":true}]`)},
		{"a userName of 128 characters", with(`"userName":"alice"`, `"userName":"`+strings.Repeat("ä", 128)+`"`)},
		{"names of other scripts", with("Given", "李\u3000明")},
		{"a colon in profileUrl", withAlso(`"profileUrl":"https://example.com/%20"`)},
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
		return fmt.Sprintf(`{"userName":%q,"externalId":%q,"name":{"familyName":"F","givenName":"G"},`+
			`"displayName":"D","active":true,"emails":[{"value":%q,"primary":true}]}`, name, external, email)
	}
	const alicesEmail = `[{"value":"alice@example.com","primary":true}]`
	for _, c := range []struct{ name, method, path, body string }{
		{"userName", "POST", "/Users", user("alice", "new", "new@example.com")},
		{"userName that differs in case", "POST", "/Users", user("ALICE", "new", "new@example.com")},
		{"externalId", "POST", "/Users", user("new", "x-alice", "new@example.com")},
		{"primary email", "POST", "/Users", user("new", "new", "alice@example.com")},
		{"userName by PUT", "PUT", "/Users/" + bob, user("alice", "x-bob", "bob@example.com")},
		{"userName by PATCH", "PATCH", "/Users/" + bob, patch(`{"op":"replace","path":"userName","value":"alice"}`)},
		{"email by PATCH", "PATCH", "/Users/" + bob,
			patch(`{"op":"replace","path":"emails","value":` + alicesEmail + `}`)},
		{"displayName of a group", "POST", "/Groups", `{"displayName":"sre"}`},
		{"externalId of a group", "POST", "/Groups", `{"displayName":"new","externalId":"g1"}`},
		{"displayName of a group by PATCH", "PATCH", "/Groups/" + dev,
			patch(`{"op":"replace","value":{"id":"` + dev + `","displayName":"sre"}}`)},
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

func TestPutReplacesUser(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	id := s.want(201, s.call("POST", "/Users", withAlso(`"title":"Boss","nickName":"Al"`))).str("id")
	a := s.want(200, s.call("PUT", "/Users/"+id,
		`{"id":"`+id+`","userName":"alice2","name":{"familyName":"F","givenName":"G"},"displayName":"D"}`))
	for _, omitted := range []string{"title", "nickName", "emails", "externalId"} {
		if a.body[omitted] != nil {
			t.Errorf("the user still has %s", omitted)
		}
	}
	if a.body["active"] != false || a.str("id") != id || a.str("userName") != "alice2" {
		t.Errorf("got %s", a.text)
	}
	s.want(404, s.call("PUT", "/Users/none", userJSON("bob")))
	s.want(200, s.call("GET", "/Users"+filter(`userName eq "alice2"`), ""))
	if a := s.want(200, s.call("GET", "/Users"+filter(`userName eq "alice"`), "")); len(a.resources()) != 0 {
		t.Error("the old userName still finds the user")
	}
}

func TestDeleteRemovesUserAndMemberships(t *testing.T) {
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
		t.Error("the id was reused")
	}
	s.want(204, s.call("DELETE", "/Groups/"+sre, ""))
	s.want(404, s.call("GET", "/Groups/"+sre, ""))
	s.want(404, s.call("DELETE", "/Groups/"+sre, ""))
	s.want(404, s.call("PATCH", "/Groups/"+sre, patch(`{"op":"add","path":"members","value":`+values(bob)+`}`)))
	if a := s.want(200, s.call("GET", "/Groups"+filter(`members.value eq "`+bob+`"`), "")); len(a.resources()) != 0 {
		t.Error("a deleted group still has members")
	}
}

// rfcJSON returns a user with the schemas that RFC 7643 requires, and more attributes.
func rfcJSON(name, more string) string {
	return fmt.Sprintf(`{"schemas":[%q,%q],"userName":%q%s}`, coreUser, enterprise, name, more)
}

func TestRFCUser(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	a := s.want(201, s.call("POST", "/Users", rfcJSON("bjensen", `,"USERTYPE":"Employee","password":"t1meMa$heen",
		"groups":[{"value":"x"}],"photos":[{"value":"https://example.com/p","type":"photo"}],
		"emails":[{"value":"a@example.com","type":"work","primary":true},{"value":"b@example.com","type":"home"}],
		"`+enterprise+`":{"employeeNumber":"1","manager":{"value":"m","displayName":"ignored"}}`)))
	location := s.http.URL + s.Path() + "/Users/" + a.str("id")
	if a.header.Get("Location") != location || a.header.Get("Content-Type") != "application/scim+json" {
		t.Errorf("Location %q, Content-Type %q", a.header.Get("Location"), a.header.Get("Content-Type"))
	}
	meta, _ := a.body["meta"].(map[string]any)
	if meta["location"] != location || meta["resourceType"] != "User" {
		t.Errorf("meta %v", meta)
	}
	if a.str("userType") != "Employee" || a.body["password"] != nil || a.body["groups"] != nil {
		t.Errorf("body %s", a.text)
	}
	if n := len(a.body["emails"].([]any)); n != 2 {
		t.Errorf("%d emails, want 2", n)
	}
	if strings.Contains(a.text, "ignored") {
		t.Error("the server stored a read-only attribute")
	}
	s.want(409, s.call("POST", "/Users", rfcJSON("BJENSEN", "")))
}
