package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// reportedSettings are the declarations of the organization that each row of reportedInputs
// changes.
const reportedSettings = `package roster

timezone: "Europe/Berlin"
attributeTypes: {department: type: "string", contractor: type: "bool", number: type: "int", tags: type: "strings"}
provisioners: "aws": {
	enabled: true, mapping: "aws", app: "aws"
	groups: ["staff"]
	endpoint: "https://scim.eu-central-1.amazonaws.com/AbC1fdecb43-083d-4307-b59f-ef4a9eb90ca6/scim/v2"
	auth: token: {env: "ROSTER_SECRET_AWS"}
	tokenExpires: "2099-09-30"
}
apps: "aws": displayName: "AWS"
groups: "staff": {displayName: "Staff", where: state: ["ACTIVE", "LOCKED", "INACTIVE"]}
mappings: "aws": {
	user: #User
	scim: {
		userName: user.email, displayName: "\(user.firstName) \(user.lastName)"
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
		emails: [{value: user.email, type: "work", primary: true}]
	}
}
`

const (
	usersHeader = "key,userId,firstName,lastName,email"
	annRow      = "u-1,ann,Ann,Lee,ann@example.com"
	annCSV      = usersHeader + "\n" + annRow + "\n"
)

// utf16Text returns text in UTF-16, little-endian.
func utf16Text(text string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		b.Write([]byte{byte(u), byte(u >> 8)})
	}
	return b.String()
}

// reportedInputs are inputs that people have reported for tools like roster, each with its
// neighbors. A row has the files that it adds or replaces, what roster check prints, and whether
// that is an error. A file is a link if its content begins with "-> ".
//
// These are the inputs that roster check answers. What only a clock, a run, a terminal or an outage
// shows is in the list reportedCases, with the tests that have it.
var reportedInputs = []struct {
	kind, name string
	files      map[string]string
	valid      bool
	want       string // in the output
}{
	{"spaces around values", "a trailing space",
		map[string]string{"users/a.csv": usersHeader + "\nu-1,ann,Ann ,Lee,a@example.com\n"},
		false, `users/a.csv:2:9: R1112: users."u-1".firstName: ends with a space`},
	{"spaces around values", "a leading space in YAML", map[string]string{
		"users/a.yaml": "u-1: {userId: ann, firstName: ' Ann', lastName: Lee, email: a@example.com}\n"},
		false, `users/a.yaml:1:31: R1112: users."u-1".firstName: begins with a space`},
	{"spaces around values", "a no-break space in JSON", map[string]string{
		"users/a.json": `[{"key": "u-1", "userId": "ann", "firstName": "Ann\u00a0", "lastName": "Lee", ` +
			`"email": "a@example.com"}]`},
		false, "ends with a no-break space"},
	{"spaces around values", "a name of nothing but spaces",
		map[string]string{"groups/g.cue": "package roster\ngroups: t: displayName: \"  \"\n"},
		false, "groups/g.cue:2:25"},
	{"spaces around values", "a tab in a rule", map[string]string{
		"groups/g.cue": "package roster\ngroups: s: {displayName: \"S\", where: department: \"Sales\\t\"}\n"},
		false, "R1112"},

	{"rules that select nobody", "another case", map[string]string{
		"users/a.csv":  usersHeader + ",attributes.department\n" + annRow + ",SALES\n",
		"groups/g.cue": "package roster\ngroups: s: {displayName: \"S\", where: department: \"Sales\"}\n"},
		true, "groups/g.cue:2:38: W2006"},
	{"rules that select nobody", "a value that nobody has", map[string]string{
		"users/a.csv":  usersHeader + ",attributes.department\n" + annRow + ",Sales\n",
		"groups/g.cue": "package roster\ngroups: s: {displayName: \"S\", where: department: [\"Sles\"]}\n"},
		true, "W2006"},
	{"rules that select nobody", "one of two values selects a user", map[string]string{
		"users/a.csv": usersHeader + ",attributes.department\n" + annRow + ",Sales\n",
		"groups/g.cue": "package roster\ngroups: s: {displayName: \"S\", where: department: [\"Sales\", " +
			"\"Slaes\"]}\n"},
		true, "valid: 1 user, 2 groups"},
	{"rules that select nobody", "an included group without members", map[string]string{"users/a.csv": annCSV,
		"groups/g.cue": "package roster\ngroups: {s: displayName: \"S\", t: {displayName: \"T\", include: s: {}}}\n"},
		true, "groups/g.cue:2"},

	{"leading zeros", "in YAML", map[string]string{
		"users/a.yaml": "u-1: {userId: ann, firstName: Ann, lastName: Lee, email: a@example.com, attributes: " +
			"{number: 010}}\n"},
		false, "users/a.yaml:1:94"},
	{"leading zeros", "in CSV",
		map[string]string{"users/a.csv": usersHeader + ",attributes.number\n" + annRow + ",010\n"},
		false, "users/a.csv:2:33"},
	{"leading zeros", "in JSON", map[string]string{
		"users/a.jsonl": `{"key": "u-1", "userId": "ann", "firstName": "Ann", "lastName": "Lee", "email": ` +
			`"a@example.com", "attributes": {"number": 010}}` + "\n"},
		false, "users/a.jsonl:1"},
	{"leading zeros", "in CUE", map[string]string{
		"users/a.cue": "package roster\nusers: \"u-1\": {userId: \"ann\", firstName: \"Ann\", lastName: " +
			"\"Lee\", email: \"a@example.com\", attributes: number: 010}\n"},
		false, "users/a.cue:2"},

	{"required fields of CUE", "a field", map[string]string{
		"users/x.cue": "package roster\nusers: \"u-3\": {userId!: \"c\", firstName: \"Q\", email: " +
			"\"c@example.com\", lastName: \"R\"}\n"},
		false, "users/x.cue:2"},
	{"required fields of CUE", "a record", map[string]string{
		"users/x.cue": "package roster\nusers: \"u-3\"!: {userId: \"c\", firstName: \"Q\", email: " +
			"\"c@example.com\", lastName: \"R\"}\n"},
		false, "users/x.cue:2"},
	{"required fields of CUE", "a field of a group", map[string]string{
		"groups/x.cue": "package roster\ngroups: x: displayName!: \"X\"\n"}, false, "groups/x.cue:2"},
	{"required fields of CUE", "a field that another file sets", map[string]string{
		"users/x.cue": "package roster\nusers: \"u-3\": {userId!: string, firstName: \"Q\", email: " +
			"\"c@example.com\", lastName: \"R\"}\n",
		"users/y.cue": "package roster\nusers: \"u-3\": userId: \"c\"\n"}, true, "valid: 1 user"},

	{"links", "a folder", map[string]string{"export/e.csv": annCSV, "users/eu": "-> ../export"}, false, "users/eu"},
	{"links", "a file", map[string]string{"export/e.csv": annCSV, "users/e.csv": "-> ../export/e.csv"}, false,
		"users/e.csv: R1001: not a regular file"},
	{"links", "to nothing", map[string]string{"users/e.csv": "-> nothing.csv"}, false, "users/e.csv"},
	{"links", "a folder of a kind", map[string]string{"groups": "-> users"}, false, "groups"},

	{"spreadsheets", "empty rows and columns",
		map[string]string{"users/a.csv": usersHeader + ",,\n" + annRow + ",,\n,,,,,,\n"}, true,
		"valid: 1 user"},
	{"spreadsheets", "semicolons", map[string]string{"users/a.csv": strings.ReplaceAll(annCSV, ",", ";")}, true,
		"valid: 1 user"},
	{"spreadsheets", "tabs", map[string]string{"users/a.csv": strings.ReplaceAll(annCSV, ",", "\t")}, true,
		"valid: 1 user"},
	{"spreadsheets", "a sep= line", map[string]string{"users/a.csv": "sep=;\r\n" + strings.ReplaceAll(annCSV, ",",
		";")}, true,
		"valid: 1 user"},
	{"spreadsheets", "an empty row between two others", map[string]string{
		"users/a.csv": annCSV + ",,,,\nu-2,bob,Bob,Ray,bob@example.com\n"}, true, "valid: 2 users"},
	{"spreadsheets", "too few cells", map[string]string{"users/a.csv": usersHeader + "\nu-1,ann,Ann,Lee\n"}, false,
		"row 2 has 4 cells, but the header has 5 columns"},
	{"spreadsheets", "an empty column with a value",
		map[string]string{"users/a.csv": usersHeader + ",\n" + annRow + ",x\n"},
		false, "users/a.csv:"},
	{"spreadsheets", "a value for missing",
		map[string]string{"users/a.csv": usersHeader + "\nu-1,ann,Ann,#N/A,ann@example.com\n"},
		true, "W2007"},

	{"quotes in CUE", "a key", map[string]string{
		"users/x.cue": "package roster\nusers: u-3: {userId: \"c\", firstName: \"C\", lastName: \"D\", email: " +
			"\"c@example.com\"}\n"},
		false, "quot"},
	{"quotes in CUE", "a date", map[string]string{
		"users/x.cue": "package roster\nusers: \"u-3\": {userId: \"c\", firstName: \"C\", lastName: \"D\", " +
			"email: \"c@example.com\", validUntil: 2027-01-01}\n"},
		false, "quot"},
	{"quotes in CUE", "single quotes", map[string]string{
		"users/x.cue": "package roster\nusers: \"u-3\": {userId: 'c', firstName: \"C\", lastName: \"D\", " +
			"email: \"c@example.com\"}\n"},
		false, "quot"},
	{"quotes in CUE", "a key of a group",
		map[string]string{"groups/x.cue": "package roster\ngroups: break-glass: displayName: \"B\"\n"},
		false, "quot"},

	{"byte-order marks", "in CSV", map[string]string{"users/a.csv": "\xef\xbb\xbf" + annCSV}, true, "valid: 1 user"},
	{"byte-order marks", "in CUE",
		map[string]string{"groups/x.cue": "\xef\xbb\xbfpackage roster\ngroups: x: displayName: \"X\"\n"},
		true, "2 groups"},
	{"byte-order marks", "UTF-16 with a mark", map[string]string{"users/a.csv": "\xff\xfe" + utf16Text(annCSV)},
		false,
		"users/a.csv:1:1: R1001: the file is UTF-16, not UTF-8"},
	{"byte-order marks", "UTF-16 without a mark in YAML", map[string]string{"users/a.yaml": utf16Text("u-1: {}\n")},
		false,
		"users/a.yaml:1:1: R1001: the file is UTF-16, not UTF-8"},
	{"byte-order marks", "Latin-1",
		map[string]string{"users/a.csv": usersHeader + "\nu-1,ann,J\xfcrgen,Lee,ann@example.com\n"}, false,
		"users/a.csv:1:1: R1001: the file is not UTF-8"},

	{"names of files", "an upper-case CUE file",
		map[string]string{"groups/G.CUE": "package roster\ngroups: x: displayName: \"X\"\n"}, false,
		"rename it to G.cue"},
	{"names of files", "an upper-case CSV file", map[string]string{"users/A.CSV": annCSV}, true, "valid: 1 user"},
	{"names of files", "an upper-case folder", map[string]string{"Users/a.csv": annCSV}, true, "Users/a.csv: W1001"},
	{"names of files", "another folder", map[string]string{"people/a.csv": annCSV}, true, "people/a.csv: W1001"},
	{"names of files", "another extension", map[string]string{"users/a.txt": annCSV}, true, "users/a.txt: W1001"},

	{"partitions", "the European Sovereign Cloud", map[string]string{"roster.cue": strings.Replace(reportedSettings,
		"scim.eu-central-1.amazonaws.com", "scim.eusc-de-east-1.amazonaws.eu", 1)}, true, "valid: 0 users"},
	{"partitions", "China", map[string]string{"roster.cue": strings.Replace(reportedSettings,
		"scim.eu-central-1.amazonaws.com", "scim.cn-north-1.amazonaws.com.cn", 1)}, true, "valid: 0 users"},
	{"partitions", "GovCloud", map[string]string{"roster.cue": strings.Replace(reportedSettings,
		"scim.eu-central-1.amazonaws.com", "scim.us-gov-west-1.amazonaws.com", 1)}, true, "valid: 0 users"},
	{"partitions", "a host that is like AWS", map[string]string{"roster.cue": strings.Replace(reportedSettings,
		"scim.eu-central-1.amazonaws.com", "scim.eu-central-1.amazonaws.com.example.com", 1)}, false, "roster.cue:"},

	{"two statements", "two rows", map[string]string{"users/a.csv": annCSV + "u-1,ann,Ann,Li,ann@example.com\n"},
		false,
		"users/a.csv:3:1: R1009: duplicate key, first on line 2"},
	{"two statements", "two files", map[string]string{"users/a.csv": annCSV, "users/b.csv": strings.Replace(annCSV,
		"Lee", "Li", 1)},
		false, "users/b.csv:2"},
	{"two statements", "a row and CUE", map[string]string{"users/a.csv": annCSV,
		"users/b.cue": "package roster\nusers: \"u-1\": lastName: \"Li\"\n"}, false, "users/a.csv:2"},
	{"two statements", "two memberships", map[string]string{"users/a.csv": annCSV,
		"groups/g.cue":         "package roster\ngroups: g: displayName: \"G\"\n",
		"groups/members/m.csv": "group,user,until\ng,u-1,2027-01-01\ng,u-1,2027-02-01\n"}, false,
		"groups/members/m.csv:3"},

	{"files that are no data", "a merge conflict",
		map[string]string{"users/a.yaml": "<<<<<<< HEAD\nu-1: {}\n=======\n>>>>>>> x\n"}, false,
		"users/a.yaml:1:1: R1001: unresolved merge conflict"},
	{"files that are no data", "a pointer of Git LFS", map[string]string{
		"users/a.csv": "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n"}, false, "R1013"},
	{"files that are no data", "no bytes in CUE", map[string]string{"users/a.cue": ""}, false,
		"users/a.cue:1:1: R1003"},
	{"files that are no data", "a merge conflict in CSV", map[string]string{
		"users/a.csv": usersHeader + "\n<<<<<<< HEAD\n" + annRow + "\n=======\n>>>>>>> x\n"}, false,
		"users/a.csv:2:1: R1001"},

	{"tokens and secrets", "a quoted name of a variable",
		map[string]string{"roster.cue": strings.Replace(reportedSettings,
			`env: "ROSTER_SECRET_AWS"`, `env: "'ROSTER_SECRET_AWS'"`, 1)}, false, "roster.cue:"},
	{"tokens and secrets", "the token itself", map[string]string{"roster.cue": strings.Replace(reportedSettings,
		`auth: token: {env: "ROSTER_SECRET_AWS"}`, `auth: token: "abc"`, 1)}, false, "roster.cue:"},
	{"tokens and secrets", "the token in place of the name of a variable", map[string]string{
		"roster.cue": strings.Replace(reportedSettings, "ROSTER_SECRET_AWS", "Bearer abc", 1)}, false, "roster.cue:"},
	{"tokens and secrets", "a variable that the policy does not allow", map[string]string{
		"roster.cue": strings.Replace(reportedSettings, "ROSTER_SECRET_AWS", "HOME", 1)}, false, "roster.cue:"},
	{"tokens and secrets", "a password in the endpoint", map[string]string{
		"roster.cue": strings.Replace(reportedSettings, "https://", "https://ann:abc@", 1)}, false, "roster.cue:"},
}

// writeReported writes the organization with the files of a row.
func writeReported(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	all := map[string]string{"roster.cue": reportedSettings}
	for name, content := range files {
		all[name] = content
	}
	for name, content := range all {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(filepath.FromSlash(target), file)
		} else {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkReported runs roster check with the standard policy for hosts, and requires an exit code.
func checkReported(t *testing.T, home string, code exitCode, args ...string) string {
	t.Helper()
	cmd := roster(t.Context(), home, append([]string{"check"}, args...)...)
	cmd.Env = append(cmd.Env, "ROSTER_ALLOW_HOST=")
	out, err := cmd.CombinedOutput()
	if have := exitCode(cmd.ProcessState.ExitCode()); have != code {
		t.Errorf("roster check %s: exit code %d; want %d (%v)\n%s", strings.Join(args, " "), have, code, err, out)
	}
	return string(out)
}

// TestReportedInputs checks each input in the working tree and as a commit: both have one answer.
func TestReportedInputs(t *testing.T) {
	t.Parallel()
	for _, row := range reportedInputs {
		t.Run(row.kind+": "+row.name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			dir := filepath.Join(home, "d")
			writeReported(t, dir, row.files)
			code := exitDone
			if !row.valid {
				code = exitError
			}
			git(t, home, "init", "-q", "-b", "main", "d")
			files := checkReported(t, home, code, dir)
			git(t, dir, "add", "-A")
			git(t, dir, "commit", "-q", "-m", "Add the case")
			committed := checkReported(t, home, code, "--repo", "file://"+dir, "--ref", "main")
			for where, out := range map[string]string{"the working tree": files, "the commit": committed} {
				if !strings.Contains(out, row.want) {
					t.Errorf("%s: the output does not contain %q:\n%s", where, row.want, out)
				}
			}
		})
	}
}
