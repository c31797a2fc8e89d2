package schema

import (
	"strings"
	"testing"
	"testing/fstest"
)

// TestConflictingStatementsNameBothPlaces states one thing twice in CUE, in two files.
func TestConflictingStatementsNameBothPlaces(t *testing.T) {
	const user = `users: "u-3": {userId: "c", firstName: "C", lastName: "D", email: "c@example.com"}` + "\n"
	for _, row := range []struct{ name, a, b string }{
		{"literal values of a user", user, `users: "u-3": firstName: "X"`},
		{
			"a computed and a literal value", user + "users: \"u-3\": attributes: department: \"A\" + \"B\"",
			"users: \"u-3\": attributes: department: \"C\"",
		},
		{
			"two computed values", user + "users: \"u-3\": attributes: department: \"A\" + \"B\"",
			"users: \"u-3\": attributes: department: \"C\" + \"D\"",
		},
		{
			"a value for all users of a comprehension", user + "for k, _ in users {users: (k): attributes: level: 1}",
			"users: \"u-3\": attributes: level: 2",
		},
		{"dates of a membership", "groups: g: {displayName: \"G\", members: \"u-1\": until: \"2027-01-01\"}",
			"groups: g: members: \"u-1\": until: \"2027-02-01\""},
		{
			"computed dates of a membership",
			"_end: \"2027-01\" + \"-01\"\ngroups: g: {displayName: \"G\", members: \"u-1\": until: _end}",
			"groups: g: members: \"u-1\": until: \"2027-02-01\"",
		},
		{"the description of a group", "groups: g: {displayName: \"G\", description: \"x\" + \"y\"}",
			"groups: g: description: \"z\""},
		{"the timezone", "timezone: \"Europe/Berlin\"", "timezone: \"Europe/Paris\""},
		{"a custom attribute", "attributeTypes: x: type: \"string\"", "attributeTypes: x: type: \"int\""},
		{"kinds of value", user + "users: \"u-3\": attributes: department: \"A\" + \"B\"",
			"users: \"u-3\": attributes: department: 3 + 4"},
		{"expressions of a mapping",
			"mappings: m: {user: #User, scim: {userName: user.email, displayName: user.userId, active: true, " +
				"name: {givenName: \"a\", familyName: user.lastName}}}",
			"mappings: m: scim: name: givenName: \"b\""},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := base(t)
			files["one.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n" + row.a + "\n")}
			files["two.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n" + row.b + "\n")}
			_, err := Load(files)
			if err == nil {
				t.Fatal("the declarations are accepted")
			}
			text := err.Error()
			t.Log(text)
			if !strings.Contains(text, "one.cue:") || !strings.Contains(text, "two.cue:") {
				t.Errorf("both places must be named:\n%s", text)
			}
		})
	}
}

// TestAConflictOfCUEWithADataFileNamesBothPlaces computes a value in CUE that a data file states
// too.
func TestAConflictOfCUEWithADataFileNamesBothPlaces(t *testing.T) {
	for _, row := range []struct{ name, file, data, at string }{
		{
			"YAML", "users/c.yaml", "u-3:\n  userId: c\n  firstName: C\n  lastName: D\n  email: c@example.com\n",
			"users/c.yaml:4:13",
		},
		{
			"JSON lines", "users/c.jsonl",
			`{"key": "u-3", "userId": "c", "firstName": "C", "lastName": "D", "email": "c@example.com"}` + "\n",
			"users/c.jsonl:1:",
		},
		{"CSV", "users/c.csv", "key,userId,firstName,lastName,email\nu-3,c,C,D,c@example.com\n", "users/c.csv:2:"},
	} {
		t.Run(row.name, func(t *testing.T) {
			files := base(t)
			files["one.cue"] = &fstest.MapFile{
				Data: []byte("package roster\n\nusers: \"u-3\": lastName: \"X\" + \"Y\"\n"),
			}
			files[row.file] = &fstest.MapFile{Data: []byte(row.data)}
			_, err := Load(files)
			if err == nil || !strings.Contains(err.Error(), "one.cue:3:") || !strings.Contains(err.Error(), row.at) {
				t.Errorf("got %v; want one.cue and %s", err, row.at)
			}
		})
	}
}
