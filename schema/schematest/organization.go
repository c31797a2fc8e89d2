// Package schematest generates organizations of any size for tests and benchmarks. The same numbers
// generate the same files.
package schematest

import (
	"fmt"
	"strings"
)

// Organization has the size of an organization and the format of its files.
type Organization struct {
	Users int
	// Groups is the number of groups. Each has Members members.
	Groups int
	// Members is the number of members of each group. It is at most Users.
	Members int
	// Format is "jsonl", "csv", "yaml", "json" or "cue".
	Format string
	// PerFile is the number of users or groups in a file. 0 means all.
	PerFile int
}

// Big returns the organization for benchmarks: n users, n/10 groups with 100 members each, 1,000
// users and 100 groups per file.
func Big(n int, format string) Organization {
	return Organization{Users: n, Groups: n / 10, Members: 100, Format: format, PerFile: 1000}
}

// settings are the declarations other than users and groups. All users are members of the group
// "everyone", and all users and groups are provisioned.
const settings = `package roster

attributeTypes: {department: type: "string", level: type: "int"}
groups: everyone: {displayName: "Everyone", where: state: ["ACTIVE", "LOCKED", "INACTIVE"]}
mappings: aws: {
	user: #User
	scim: {
		` + SCIM + ", " + Emails + `
		title: user.attributes.department
	}
}
apps: aws: displayName: "AWS"
provisioners: prod: {
	app: "aws", mapping: "aws"
	enabled: true
	endpoint: "https://scim.us-east-1.amazonaws.com/f6a1c2d0-7b3e-4c55-9a81-2d0e5b6f7c18/scim/v2"
	auth: token: env: "ROSTER_SECRET_AWS"
	tokenExpires: "2027-05-01"
}
`

// Tree returns the files of the organization.
func (o Organization) Tree() *Tree {
	t := NewTree()
	t.Write("roster.cue", settings)
	o.files(t, "users", o.Users, o.PerFile, o.user)
	perGroup := o.PerFile / 10
	o.files(t, "groups", o.Groups, perGroup, o.group)
	if o.Format == "csv" {
		o.files(t, "groups/members", o.Groups, perGroup, o.rows)
	}
	return t
}

// UserKey returns the key of a user by number.
func UserKey(i int) string { return fmt.Sprintf("p-%06d", i) }

// GroupKey returns the key of a group by number.
func GroupKey(g int) string { return fmt.Sprintf("g-%05d", g) }

// UserFile returns the name of the file with a user.
func (o Organization) UserFile(i int) string {
	if o.PerFile == 0 {
		i = 0
	}
	return fileName("users", i/max(1, o.PerFile), o.Format)
}

// GroupFile returns the name of the file with a group.
func (o Organization) GroupFile(g int) string {
	if o.PerFile == 0 {
		g = 0
	}
	return fileName("groups", g/max(1, o.PerFile/10), o.Format)
}

func fileName(kind string, chunk int, format string) string {
	return fmt.Sprintf("%s/%04d.%s", kind, chunk, format)
}

// frames are the start and the end of a file, and the separator of records.
var frames = map[string][3]string{"cue": {"package roster\n\n", "", ""}, "json": {"[\n", "]\n", ",\n"}}

var csvHeaders = map[string]string{
	"users":          "key,userId,firstName,lastName,email,state,attributes.department,attributes.level\n",
	"groups":         "key,displayName\n",
	"groups/members": "group,user\n",
}

func (o Organization) files(t *Tree, kind string, count, perFile int, record func(b *strings.Builder, i int)) {
	if perFile == 0 {
		perFile = count
	}
	frame := frames[o.Format]
	if o.Format == "csv" {
		frame[0] = csvHeaders[kind]
	}
	for from := 0; from < count; from += perFile {
		var b strings.Builder
		b.WriteString(frame[0])
		for i := from; i < min(count, from+perFile); i++ {
			if i > from {
				b.WriteString(frame[2])
			}
			record(&b, i)
		}
		b.WriteString(frame[1])
		t.Write(fileName(kind, from/perFile, o.Format), b.String())
	}
}

// These are the formats of users and groups. The arguments of users are key, number, department and
// level. Those of groups are key and number.
var (
	users = map[string]string{
		"cue": `users: %[1]q: {userId: "user%[2]d", firstName: "First%[2]d", lastName: "Last%[2]d", ` +
			`email: "user%[2]d@example.com", state: "ACTIVE", attributes: {department: %[3]q, level: %[4]d}}` + "\n",
		"yaml": "%[1]s:\n  userId: user%[2]d\n  firstName: First%[2]d\n  lastName: Last%[2]d\n" +
			"  email: user%[2]d@example.com\n  state: ACTIVE\n  attributes:\n    department: %[3]s\n    level: %[4]d\n",
		"csv": "%[1]s,user%[2]d,First%[2]d,Last%[2]d,user%[2]d@example.com,ACTIVE,%[3]s,%[4]d\n",
		"jsonl": `{"key": %[1]q, "userId": "user%[2]d", "firstName": "First%[2]d", "lastName": "Last%[2]d", ` +
			`"email": "user%[2]d@example.com", "state": "ACTIVE", ` +
			`"attributes": {"department": %[3]q, "level": %[4]d}}` + "\n",
	}
	groups = map[string]string{
		"cue":   "groups: %[1]q: {displayName: \"Group %[2]d\", members: {\n",
		"yaml":  "%[1]s:\n  displayName: Group %[2]d\n  members:\n",
		"csv":   "%[1]s,Group %[2]d\n",
		"jsonl": `{"key": %[1]q, "displayName": "Group %[2]d", "members": {`,
	}
	members = map[string]string{"cue": "\t%q: {}\n", "yaml": "    %s: {}\n", "jsonl": "%q: {}"}
	endings = map[string]string{"cue": "}}\n", "jsonl": "}}\n"}
)

// lines returns the format of a record. A JSON file is a list of JSON lines.
func (o Organization) lines() string {
	if o.Format == "json" {
		return "jsonl"
	}
	return o.Format
}

func (o Organization) user(b *strings.Builder, i int) {
	fmt.Fprintf(b, users[o.lines()], UserKey(i), i, fmt.Sprintf("dept-%d", i%97), i%9)
}

func (o Organization) group(b *strings.Builder, g int) {
	format := o.lines()
	fmt.Fprintf(b, groups[format], GroupKey(g), g)
	if format == "csv" {
		return
	}
	for k := range o.Members {
		if k > 0 && format == "jsonl" {
			b.WriteString(", ")
		}
		fmt.Fprintf(b, members[format], UserKey(o.Member(g, k)))
	}
	b.WriteString(endings[format])
}

func (o Organization) rows(b *strings.Builder, g int) {
	for k := range o.Members {
		fmt.Fprintf(b, "%s,%s\n", GroupKey(g), UserKey(o.Member(g, k)))
	}
}

// Member returns the number of the k-th member of a group. The members are not sorted.
func (o Organization) Member(g, k int) int { return (g*37 + k*101) % o.Users }
