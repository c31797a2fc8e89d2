package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// fields are the fields of a record with their values in JSON. A field below another one has a name
// such as "attributes.level".
type fields map[string]string

// with returns the fields with some more values. An empty value removes the field.
func (f fields) with(values ...string) fields {
	out := maps.Clone(f)
	for i := 0; i < len(values); i += 2 {
		out[values[i]] = values[i+1]
		if values[i+1] == "" {
			delete(out, values[i])
		}
	}
	return out
}

// object returns the fields as a JSON object, which is also YAML and CUE.
func (f fields) object(t *testing.T) string {
	t.Helper()
	nested := map[string]fields{}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if first, rest, ok := strings.Cut(name, "."); ok {
			if nested[first] == nil {
				nested[first] = fields{}
			}
			nested[first][rest] = f[name]
			continue
		}
		parts = append(parts, fmt.Sprintf("%q: %s", name, f[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(nested)) {
		parts = append(parts, fmt.Sprintf("%q: %s", name, nested[name].object(t)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// file returns a file of a format with one record of a kind.
func (f fields) file(t *testing.T, format, kind, key string) (name, text string) {
	t.Helper()
	name = kind + "/added." + format
	switch format {
	case "cue":
		return name, fmt.Sprintf("package roster\n\n%s: %q: %s\n", kind, key, f.object(t))
	case "yaml", "json":
		return name, fmt.Sprintf("{%q: %s}\n", key, f.object(t))
	case "jsonl":
		return name, f.with("key", fmt.Sprintf("%q", key)).object(t) + "\n"
	}
	columns, cells := "key", key
	for _, field := range slices.Sorted(maps.Keys(f)) {
		value := f[field]
		if strings.HasPrefix(value, `"`) {
			var s string
			if err := json.Unmarshal([]byte(value), &s); err != nil {
				t.Fatal(err)
			}
			value = `"` + s + `"`
		}
		columns, cells = columns+","+field, cells+","+value
	}
	return name, columns + "\n" + cells + "\n"
}

var (
	validUser = fields{
		"userId": `"carl"`, "firstName": `"Carl"`, "lastName": `"Diaz"`, "email": `"carl@example.com"`,
		"attributes.department": `"Sales"`, "attributes.level": "3",
	}
	validGroup = fields{"displayName": `"Added"`, "description": `"For tests"`}
)

// requireOne requires that a tree has exactly one problem.
func requireOne(t *testing.T, files fstest.MapFS) {
	t.Helper()
	_, err := Load(files)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 1 {
		t.Errorf("Load reports, instead of one problem:\n%v", err)
	}
}

// everyUserInScope maps all users of the base, so that the mapping sees the mistake, too.
const everyUserInScope = `package roster
groups: "all": where: state: ["ACTIVE", "LOCKED", "INACTIVE"]
`

// TestOneMistakeInARecordIsOneProblem makes one mistake in a user or group, in each format that can
// have it.
func TestOneMistakeInARecordIsOneProblem(t *testing.T) {
	user, group := validUser, validGroup
	all, objects := dataFormats, []string{"cue", "yaml", "json", "jsonl"}
	for _, c := range []struct {
		mistake   string
		kind, key string
		fields    fields
		formats   []string
	}{
		{"a required field is missing", "users", "u-3", user.with("lastName", ""), all},
		{"the email address is missing", "users", "u-3", user.with("email", ""), all},
		{"the displayName is missing", "groups", "g", group.with("displayName", ""), all},
		{"a field is unknown", "users", "u-3", user.with("nickName", `"C"`), all},
		{"a field is misspelled", "users", "u-3", user.with("validuntil", `"2030-01-01"`), all},
		{"a required field is misspelled", "users", "u-3", user.with("lastName", "", "lastname", `"D"`), all},
		{"a field of a group is unknown", "groups", "g", group.with("owner", `"u-1"`), all},
		{"an attribute is not declared", "users", "u-3", user.with("attributes.city", `"Bonn"`), all},
		{"an attribute has the wrong type", "users", "u-3", user.with("attributes.level", `"high"`), all},
		{"a text is a number", "users", "u-3", user.with("firstName", "5"), objects},
		{"a text is a list", "users", "u-3", user.with("firstName", `["Carl"]`), objects},
		{"a text is an object", "users", "u-3", user.with("firstName", `{}`), objects},
		{"a text is true", "users", "u-3", user.with("lastName", `true`), objects},
		{"an email address is a number", "users", "u-3", user.with("email", "5"), objects},
		{"a date is a number", "users", "u-3", user.with("validUntil", "20300101"), objects},
		{"a state is a number", "users", "u-3", user.with("state", "1"), objects},
		{"attributes are a list", "users", "u-3", fields{}.with("userId", `"c"`, "firstName", `"C"`, "lastName", `"D"`,
			"email", `"c@example.com"`, "attributes", `[]`), objects},
		{"a value is null", "users", "u-3", user.with("lastName", "null"), objects},
		{"a required text is empty", "users", "u-3", user.with("lastName", `""`), objects},
		{"an email address is empty", "users", "u-3", user.with("email", `""`), objects},
		{"a date is empty", "users", "u-3", user.with("validUntil", `""`), objects},
		{"a state is empty", "users", "u-3", user.with("state", `""`), objects},
		{"a displayName is empty", "groups", "g", group.with("displayName", `""`), objects},
		{"a date does not exist", "users", "u-3", user.with("validUntil", `"2026-02-30"`), all},
		{"a date is written in another way", "users", "u-3", user.with("validUntil", `"31.12.2026"`), all},
		{"a user ends before the first day", "users", "u-3", user.with("validFrom", `"2030-01-01"`, "validUntil",
			`"2029-01-01"`), all},
		{"a state is misspelled", "users", "u-3", user.with("state", `"ACTVE"`), all},
		{"a state is in lower case", "users", "u-3", user.with("state", `"active"`), all},
		{"an email address has no @", "users", "u-3", user.with("email", `"carl.example.com"`), all},
		{"an email address has a space", "users", "u-3", user.with("email", `"carl diaz@example.com"`), all},
		{"an email address ends with a space", "users", "u-3", user.with("email", `"carl@example.com "`), all},
		{"an email address ends with a no-break space", "users", "u-3", user.with("email",
			`"carl@example.com\u00a0"`), all},
		{"a name begins with a no-break space", "users", "u-3", user.with("lastName", `"\u00a0Diaz"`), all},
		{"a name has a control character", "users", "u-3", user.with("lastName", `"Di\u0007az"`), all},
		{"a name has an invisible character", "users", "u-3", user.with("lastName", `"Di\u200baz"`), all},
		{"a userId ends with a space", "users", "u-3", user.with("userId", `"carl "`), all},
		{"a state ends with a space", "users", "u-3", user.with("state", `"ACTIVE "`), all},
		{"a date ends with a space", "users", "u-3", user.with("validUntil", `"2030-01-01 "`), all},
		{"a bool ends with a space", "users", "u-3", user.with("attributes.contractor", `"true "`), []string{"csv"}},
		{"a number begins with a space", "users", "u-3", user.with("attributes.level", `" 3"`), []string{"csv"}},
		{"an attribute ends with a space", "users", "u-3", user.with("attributes.department", `"Sales "`), all},
		{"a displayName ends with a space", "groups", "g", group.with("displayName", `"Added "`), all},
		{"a text is too long", "users", "u-3", user.with("lastName", `"`+strings.Repeat("x", 1100)+`"`), all},
		{"a key has a space", "users", "u 3", user, all},
		{"a key is empty", "users", "", user, all},
		{"a key ends with a space", "users", "u-3 ", user, all},
		{"a key has a no-break space", "users", "u-3\u00a0", user, all},
		{"a key is too long", "users", strings.Repeat("u", 129), user, all},
		{"a key differs in case only", "users", "U-1", user, all},
		{"a key of a group has a space", "groups", "a b", group, all},
		{"a user is declared twice", "users", "u-1", user, all},
		{"a group is declared twice", "groups", "all", group, all},
		{"a userId is taken", "users", "u-3", user.with("userId", `"alice"`), all},
		{"an email address is taken", "users", "u-3", user.with("email", `"alice@example.com"`), all},
		{"a displayName is taken", "groups", "g", group.with("displayName", `"all"`), all},
		{"an earlier key is in use", "users", "u-3", user.with("previously.u-1", "{}"), objects},
		{"an earlier key is invalid", "users", "u-3", user.with("previously.u 1", "{}"), objects},
		{"a member is not declared", "groups", "g", group.with("members.u-9", "{}"), objects},
		{"a member is null", "groups", "g", group.with("members.u-1", "null"), objects},
		{"members are a list", "groups", "g", group.with("members", `["u-1"]`), objects},
		{"the key of a member is invalid", "groups", "g", group.with("members.u 1", "{}"), objects},
		{"a membership ends on no date", "groups", "g", group.with("members.u-1", `{"until": "soon"}`), objects},
		{"a membership has an unknown field", "groups", "g", group.with("members.u-1", `{"unti": ""}`), objects},
		{"a membership has an empty reason", "groups", "g", group.with("members.u-1", `{"reason": ""}`), objects},
		{"a membership has a blank reason", "groups", "g", group.with("members.u-1", `{"reason": " "}`), objects},
		{"an included group is not declared", "groups", "g", group.with("include.x", "{}"), objects},
		{"a group includes itself", "groups", "g", group.with("include.g", "{}"), objects},
		{"a rule names an unknown attribute", "groups", "g", group.with("where.city", `"Bonn"`), objects},
		{"a rule has a value of the wrong type", "groups", "g", group.with("where.level", `"3"`), objects},
		{"a rule has an empty list", "groups", "g", group.with("where.department", `[]`), objects},
		{"a rule has an object", "groups", "g", group.with("where.department", `{}`), objects},
		{"a rule has a misspelled state", "groups", "g", group.with("where.state", `"ACTVE"`), objects},
		{"a rule is empty", "groups", "g", group.with("where", `{}`), objects},
		{"a rule is a text", "groups", "g", group.with("where", `"department"`), objects},
		{"a value of a rule ends with a space", "groups", "g", group.with("where.department", `"Sales "`), objects},
	} {
		for _, format := range c.formats {
			t.Run(c.mistake+"/"+format, func(t *testing.T) {
				files := base(t)
				files["scope.cue"] = &fstest.MapFile{Data: []byte(everyUserInScope)}
				name, text := c.fields.file(t, format, c.kind, c.key)
				files[name] = &fstest.MapFile{Data: []byte(text)}
				requireOne(t, files)
			})
		}
	}
}

// TestOneMistakeInASettingIsOneProblem makes one mistake in the other declarations.
func TestOneMistakeInASettingIsOneProblem(t *testing.T) {
	const signing = `, signing: k: {certificate: "sp.xml", phase: "active"}}`
	provisioner, app, mapping := "provisioners.cue", "apps.cue", "mappings.cue"
	for _, c := range []struct{ mistake, file, old, new string }{
		{"a schedule is not a cron expression", provisioner, "", `schedule: "every hour"`},
		{"a schedule has six fields", provisioner, "", `schedule: "0 0 * * * *"`},
		{"a schedule is empty", provisioner, "", `schedule: ""`},
		{"a schedule ends with a space", provisioner, "", `schedule: "@daily "`},
		{"a timezone ends with a no-break space", provisioner, "", `timezone: "Europe/Berlin\u00a0"`},
		{"the timezone of the repository begins with a space", "z.cue", "", `timezone: " Europe/Berlin"`},
		{"the endpoint ends with a space", provisioner, `scim/v2"`, `scim/v2 "`},
		{"a mapping ends with a space", provisioner, `mapping: "aws"`, `mapping: "aws "`},
		{"a selected group begins with a tab", provisioner, `["all"]`, `["\tall"]`},
		{"a time of a window ends with a space", provisioner, "", `windows: w: {from: "22:00 ", to: "23:00"}`},
		{"a duration begins with a space", provisioner, "", `driftBound: " 24h"`},
		{"a schedule has a minute that does not exist", provisioner, "", `schedule: "60 * * * *"`},
		{"the schedule of full reads is invalid", provisioner, "", `fullRead: "daily"`},
		{"a timezone does not exist", provisioner, "", `timezone: "Europe/Berln"`},
		{"a timezone is in lower case", provisioner, "", `timezone: "europe/berlin"`},
		{"a timezone has a name of the operating system", provisioner, "", `timezone: "right/Europe/Berlin"`},
		{"a timezone is an offset", provisioner, "", `timezone: "UTC+1"`},
		{"a timezone is empty", provisioner, "", `timezone: ""`},
		{"the timezone of the repository does not exist", "z.cue", "", `timezone: "Europe/Berln"`},
		{"the timezone of the repository is a number", "z.cue", "", `timezone: 1`},
		{"a window opens at a time that does not exist", provisioner, "", `windows: w: {from: "25:00", to: "06:00"}`},
		{"a window has no end", provisioner, "", `windows: w: {from: "22:00"}`},
		{"a window is never open", provisioner, "", `windows: w: {from: "22:00", to: "22:00"}`},
		{"a window names a day that does not exist", provisioner, "",
			`windows: w: {days: ["moonday"], from: "22:00", to: "23:00"}`},
		{"a window has no days", provisioner, "", `windows: w: {days: [], from: "22:00", to: "23:00"}`},
		{"a duration has no unit", provisioner, "", `driftBound: "24"`},
		{"a duration is zero", provisioner, "", `driftBound: "0h"`},
		{"a duration is a number", provisioner, "", `driftBound: 24`},
		{"a duration is empty", provisioner, "", `driftBound: ""`},
		{"an app is not declared", provisioner, `app: "aws"`, `app: "asw"`},
		{"a mapping is not declared", provisioner, `mapping: "aws"`, `mapping: "asw"`},
		{"a group is not declared", provisioner, `["all"]`, `["al"]`},
		{"a group is selected twice", provisioner, `["all"]`, `["all", "all"]`},
		{"no group is selected", provisioner, `["all"]`, `[]`},
		{"groups are a text", provisioner, `["all"]`, `"all"`},
		{"the app is missing", provisioner, `app: "aws", `, ``},
		{"the app is empty", provisioner, `app: "aws"`, `app: ""`},
		{"the app is a number", provisioner, `app: "aws"`, `app: 1`},
		{"the endpoint is missing", provisioner, "\tendpoint:", "\t//"},
		{"the endpoint is empty", provisioner, `"https://scim.us-east-1.amazonaws.com/f6a1c2d0-7b3e-4c55-9a81-` +
			`2d0e5b6f7c18/scim/v2"`, `""`},
		{"the endpoint is on another host", provisioner, "//scim.", "//sso."},
		{"the endpoint has a password", provisioner, "https://", "https://a:b@"},
		{"the endpoint is not encrypted", provisioner, "https://", "http://"},
		{"the authentication is missing", provisioner, "\tauth:", "\t//"},
		{"the token is a text", provisioner, `{env: "ROSTER_SECRET_AWS"}`, `"abc"`},
		{"the name of a variable is invalid", provisioner, `ROSTER_SECRET_AWS`, `ROSTER-SECRET`},
		{"the kind of a reference is unknown", provisioner, `env: "ROSTER`, `environment: "ROSTER`},
		{"a reference has two kinds", provisioner, `env: "ROSTER`, `file: "x", env: "ROSTER`},
		{"the end of the token is no date", provisioner, `"2027-05-01"`, `"soon"`},
		{"adopt is misspelled", provisioner, "", `adopt: "mach"`},
		{"adopt is true", provisioner, "", `adopt: true`},
		{"enabled is a text", provisioner, "", `enabled: "yes"`},
		{"the mode of deprovisioning is misspelled", provisioner, "", `deprovision: mode: "deactivat"`},
		{"days are zero", provisioner, "", `deprovision: deleteAfterDays: 0`},
		{"days are a text", provisioner, "", `deprovision: deleteAfterDays: "30"`},
		{"days without deactivation", provisioner, "", `deprovision: {mode: "keep", deleteAfterDays: 30}`},
		{"a pause has no end", provisioner, "", `paused: reason: "x"`},
		{"a pause has no reason", provisioner, "", `paused: until: "2030-01-01"`},
		{"a pause has an empty reason", provisioner, "", `paused: {reason: "", until: "2030-01-01"}`},
		{"a gate is unknown", provisioner, "", `limits: maxRemoval: min: 3`},
		{"a gate is off without a reason", provisioner, "", `limits: maxRemovals: off: true`},
		{"a switch is off without a reason", provisioner, "", `limits: history: off: true`},
		{"a gate is off and has a limit", provisioner, "", `limits: maxRemovals: {off: true, reason: "x", min: 3}`},
		{"a switch has a limit", provisioner, "", `limits: history: min: 3`},
		{"a gate has too many percent", provisioner, "", `limits: maxRemovals: percent: 101`},
		{"a gate has a negative limit", provisioner, "", `limits: maxRemovals: min: -1`},
		{"a gate has a text as limit", provisioner, "", `limits: maxRemovals: min: "5"`},
		{"a gate is false", provisioner, "", `limits: maxRemovals: off: false`},
		{"a rate is unlimited", provisioner, "", `rate: perSecond: 0`},
		{"a rate is negative", provisioner, "", `rate: perSecond: -1`},
		{"a concurrency is zero", provisioner, "", `rate: concurrency: 0`},
		{"a review is misspelled", provisioner, "", `review: "require"`},
		{"a review needs no approval", provisioner, "", `review: {required: true, approvals: 0}`},
		{"a protected user is not declared", provisioner, "", `protect: users: "u-9": {}`},
		{"a protected group is not declared", provisioner, "", `protect: groups: "x": {}`},
		{"a setting is unknown", provisioner, "", `retries: 3`},
		{"a provisioner is a text", "z.cue", "", `provisioners: x: "y"`},
		{"a group with access is not declared", app, `"all": {}`, `"al": {}`},
		{"access is a list", app, `access: "all": {}`, `access: ["all"]`},
		{"a file is missing", app, `"sp.xml"`, `"sq.xml"`},
		{"a path is absolute", app, `"sp.xml"`, `"/sp.xml"`},
		{"a path leaves the repository", app, `"sp.xml"`, `"../sp.xml"`},
		{"a path is empty", app, `"sp.xml"`, `""`},
		{"a nameID is no field", app, `"sp.xml"`, `"sp.xml", saml: nameID: "mail"`},
		{"an app has no name", app, `displayName: "AWS", `, ``},
		{"an identity provider has an invalid URL", app, `"sp.xml"`, `"sp.xml", saml: identityProvider: ` +
			`{entityID: "x", singleSignOn: post: "idp.example.com", domains: ["example.com"]` + signing},
		{"an identity provider has an invalid domain", app, `"sp.xml"`, `"sp.xml", saml: identityProvider: ` +
			`{entityID: "x", singleSignOn: post: "https://x", domains: ["example com"]` + signing},
		{"an identity provider has no domain", app, `"sp.xml"`, `"sp.xml", saml: identityProvider: ` +
			`{entityID: "x", singleSignOn: post: "https://x", domains: []` + signing},
		{"a lifetime is too long", app, `"sp.xml"`, `"sp.xml", saml: identityProvider: {entityID: "x", ` +
			`singleSignOn: post: "https://x", domains: ["example.com"], lifetimeDays: 731` + signing},
		{"a phase is misspelled", app, `"sp.xml"`, `"sp.xml", saml: identityProvider: {entityID: "x", ` +
			`singleSignOn: post: "https://x", domains: ["example.com"], signing: k: {certificate: "sp.xml", phase: "activ"}}`},
		{"an assertion names an unknown group", "z.cue", "", `assertions: a: disjoint: ["all", "x"]`},
		{"an assertion compares one group", "z.cue", "", `assertions: a: disjoint: ["all"]`},
		{"an assertion compares a group with itself", "z.cue", "", `assertions: a: disjoint: ["all", "all"]`},
		{"an assertion has no statement", "z.cue", "", `assertions: a: reason: "x"`},
		{"an assertion has an unknown statement", "z.cue", "", `assertions: a: distinct: ["all", "x"]`},
		{"an assertion requires nobody", "z.cue", "", `assertions: a: atLeast: {group: "all", active: 0}`},
		{"an assertion has an invalid expression", "z.cue", "",
			`assertions: a: only: {attribute: "userName", pattern: "(", where: department: "Platform"}`},
		{"an assertion has an unknown attribute", "z.cue", "",
			`assertions: a: only: {attribute: "usrName", pattern: "x", where: department: "Platform"}`},
		{"an assertion has an unknown field in its rule", "z.cue", "",
			`assertions: a: only: {attribute: "userName", pattern: "x", where: city: "Bonn"}`},
		{"an approval has no reason", "z.cue", "",
			`approvals: "sha256:` + strings.Repeat("0", 64) + `": expires: "2030-01-01"`},
		{"an approval has an invalid end", "z.cue", "",
			`approvals: "sha256:` + strings.Repeat("0", 64) + `": {reason: "x", expires: "soon"}`},
		{"an approval has an invalid digest", "z.cue", "",
			`approvals: "sha256:00": {reason: "x", expires: "2030-01-01"}`},
		{"a type of attributes does not exist", "z.cue", "", `attributeTypes: city: type: "text"`},
		{"a type of attributes is missing", "z.cue", "", `attributeTypes: city: {}`},
		{"a type that is used does not exist", "organization.cue", `department: type: "string"`,
			`department: type: "strng"`},
		{"an attribute has the name of a field", "z.cue", "", `attributeTypes: email: type: "string"`},
		{"a kind is unknown", "z.cue", "", `user: "u-3": {}`},
		{"a package has another name", "organization.cue", "package roster", "package rooster"},
		{"a brace is missing", "users.cue", `"bob@example.com"}`, `"bob@example.com"`},
		{"a quote is missing", "users.cue", `"bob@example.com"`, `"bob@example.com`},
		{"a name is not declared", "users.cue", `"bob@example.com"`, `bobsAddress`},
		{"an import is not of the standard library", "z.cue", "", "import \"example.com/x\"\n"},
		{"a value is stated twice", "z.cue", "", `users: "u-1": lastName: "Nguyen"`},
		{"a name in an expression is unknown", "z.cue", "", `groups: x: displayName: "X" + suffix`},
		{"an expression has the wrong type", "z.cue", "", `groups: x: displayName: "X" + 1`},
		{"an expression is not concrete", "z.cue", "", `groups: x: displayName: string`},
		{"a loop makes an invalid key", "z.cue", "", `groups: {for i in [1] {"a b": displayName: "X\(i)"}}`},
		{"a loop makes an unknown field", "z.cue", "",
			`groups: {for i in [1] {"a\(i)": {displayName: "X\(i)", own: 1}}}`},
		{"a loop makes no displayName", "z.cue", "", `groups: {for i in [1] {"a\(i)": {description: "X"}}}`},
		{"a loop makes an unknown member", "z.cue", "",
			`groups: {for i in [9] {"a\(i)": {displayName: "X\(i)", members: "u-\(i)": {}}}}`},
		{"a loop makes an invalid date", "z.cue", "",
			`groups: {for i in [1] {"a\(i)": {displayName: "X\(i)", members: "u-1": until: "2026-02-30"}}}`},
		{"a mapping reads an unknown field", mapping, "user.userId", "user.usrId"},
		{"a mapping reads an unknown attribute", mapping, "displayName: user.userId", "displayName: user.userId\n\t\t" +
			"title: user.attributes.city"},
		{"a mapping sets an unknown attribute", mapping, "displayName: user.userId", "displayName: user.userId\n\t\t" +
			"nickname: user.userId"},
		{"a mapping has a list instead of a text", mapping, "displayName: user.userId",
			"displayName: [user.userId]"},
		{"a mapping has a text instead of true", mapping, `active: user.state == "ACTIVE"`, `active: "true"`},
		{"a mapping has a number instead of a text", mapping, "displayName: user.userId", "displayName: 1"},
		{"a mapping leaves out the userName", mapping, "userName: user.email", ""},
		{"a mapping leaves out active", mapping, `active: user.state == "ACTIVE"`, ""},
		{"a mapping leaves out the family name", mapping, `, familyName: user.lastName`, ""},
		{"a mapping misspells userName", mapping, "userName:", "username:"},
		{"a mapping misspells a part of the name", mapping, "familyName:", "famlyName:"},
		{"a provisioner misspells a required field", provisioner, "endpoint:", "endpont:"},
		{"a mapping has no input", mapping, "user: #User", ""},
		{"a mapping has another input", mapping, "user: #User", "user: #Usr"},
		{"a mapping refers to nothing", mapping, "displayName: user.userId", "displayName: usr.userId"},
		{"a mapping calls an unknown function", mapping, "displayName: user.userId",
			"displayName: strings.ToLower(user.userId)"},
		{"a mapping has two addresses", mapping, "emails: [", `emails: [{value: "x", type: "home", primary: true}, `},
		{"ifEmpty has an unknown path", mapping, "user: #User", "user: #User\n\tifEmpty: titel: \"clear\""},
		{"ifEmpty has an unknown value", mapping, "user: #User", "user: #User\n\tifEmpty: title: \"remove\""},
		{"an example expects another value", mapping, "user: #User", "user: #User\n\texamples: x: {user: " +
			"{userId: \"x\", firstName: \"X\", lastName: \"Y\", email: \"x@example.com\"}, scim: displayName: \"y\"}"},
		{"an example lacks a field", mapping, "user: #User", "user: #User\n\texamples: x: {user: {userId: \"x\", " +
			"firstName: \"X\", lastName: \"Y\"}, scim: displayName: \"x\"}"},
		{"an example expects an unknown attribute", mapping, "user: #User", "user: #User\n\texamples: x: {user: " +
			"{userId: \"x\", firstName: \"X\", lastName: \"Y\", email: \"x@example.com\"}, scim: displayname: \"x\"}"},
	} {
		t.Run(c.mistake, func(t *testing.T) {
			files := base(t)
			text := "package roster\n\n" + c.new + "\n"
			if file := files[c.file]; file != nil {
				old, edited := c.old, c.new
				if old == "" {
					old, edited = "\tauth:", "\t"+c.new+"\n\tauth:"
				}
				if text = strings.Replace(string(file.Data), old, edited, 1); text == string(file.Data) {
					t.Fatalf("%s has no %q", c.file, old)
				}
			}
			files[c.file] = &fstest.MapFile{Data: []byte(text)}
			requireOne(t, files)
		})
	}
}
