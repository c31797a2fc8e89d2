// Package schematest makes organisations of any size, for tests and benchmarks. The same numbers make the same files.
package schematest

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"
	"testing/fstest"
)

// Organisation says how large an organisation is and how it is written down.
type Organisation struct {
	Users  int
	Groups int // each with Members members
	// Members of each group, at most Users.
	Members int
	// Format is "jsonl", "csv", "yaml", "json" or "cue".
	Format string
	// PerFile is how many users or groups a file holds; 0 is all of them.
	PerFile int
}

// Big returns the organisation that roster is measured with: n users, n/10 groups and 100 members in each, 1,000 users and 100 groups a file.
func Big(n int, format string) Organisation {
	return Organisation{Users: n, Groups: n / 10, Members: 100, Format: format, PerFile: 1000}
}

// settings are what is not people and groups: everybody belongs to the group "everyone", and everybody and every group is provisioned.
const settings = `package roster

attributeTypes: {department: type: "string", level: type: "int"}
groups: everyone: {displayName: "Everyone", where: state: ["ACTIVE", "LOCKED", "INACTIVE"]}
mappings: aws: {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
		emails: [{value: user.email, type: "work", primary: true}]
		title: user.attributes.department
	}
}
apps: aws: displayName: "AWS"
provisioners: prod: {
	app: "aws", mapping: "aws"
	enabled: true
	endpoint: "https://scim.us-east-1.amazonaws.com/f6a1c2d0-7b3e-4c55-9a81-2d0e5b6f7c18/scim/v2"
	auth: token: env: "ROSTER_AWS_TOKEN"
	tokenExpires: "2027-05-01"
}
`

// Tree writes the organisation.
func (o Organisation) Tree() *Tree {
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

// UserKey returns the key of a user by number, GroupKey that of a group.
func UserKey(i int) string  { return fmt.Sprintf("p-%06d", i) }
func GroupKey(g int) string { return fmt.Sprintf("g-%05d", g) }

// UserFile returns the file in which a user stands.
func (o Organisation) UserFile(i int) string {
	if o.PerFile == 0 {
		i = 0
	}
	return fileName("users", i/max(1, o.PerFile), o.Format)
}

func fileName(kind string, chunk int, format string) string {
	return fmt.Sprintf("%s/%04d.%s", kind, chunk, format)
}

// frames are what begins and ends a file, and what stands between two records.
var frames = map[string][3]string{"cue": {"package roster\n\n", "", ""}, "json": {"[\n", "]\n", ",\n"}}

func (o Organisation) files(t *Tree, kind string, count, perFile int, record func(b *strings.Builder, i int)) {
	if perFile == 0 {
		perFile = count
	}
	frame := frames[o.Format]
	headers := map[string]string{"users": "key,userId,firstName,lastName,email,state,attributes.department,attributes.level\n", "groups": "key,displayName\n", "groups/members": "group,user\n"}
	if o.Format == "csv" {
		frame[0] = headers[kind]
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

// users and groups of each format: the verbs take key, number, department and level; or key and number.
var (
	users = map[string]string{
		"cue":   "users: %[1]q: {userId: \"user%[2]d\", firstName: \"First%[2]d\", lastName: \"Last%[2]d\", email: \"user%[2]d@example.com\", state: \"ACTIVE\", attributes: {department: %[3]q, level: %[4]d}}\n",
		"yaml":  "%[1]s:\n  userId: user%[2]d\n  firstName: First%[2]d\n  lastName: Last%[2]d\n  email: user%[2]d@example.com\n  state: ACTIVE\n  attributes:\n    department: %[3]s\n    level: %[4]d\n",
		"csv":   "%[1]s,user%[2]d,First%[2]d,Last%[2]d,user%[2]d@example.com,ACTIVE,%[3]s,%[4]d\n",
		"jsonl": `{"key": %[1]q, "userId": "user%[2]d", "firstName": "First%[2]d", "lastName": "Last%[2]d", "email": "user%[2]d@example.com", "state": "ACTIVE", "attributes": {"department": %[3]q, "level": %[4]d}}` + "\n",
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

// lines is the format in which a record is written: JSON lines make up a JSON list.
func (o Organisation) lines() string {
	if o.Format == "json" {
		return "jsonl"
	}
	return o.Format
}

func (o Organisation) user(b *strings.Builder, i int) {
	fmt.Fprintf(b, users[o.lines()], UserKey(i), i, fmt.Sprintf("dept-%d", i%97), i%9)
}

func (o Organisation) group(b *strings.Builder, g int) {
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

func (o Organisation) rows(b *strings.Builder, g int) {
	for k := range o.Members {
		fmt.Fprintf(b, "%s,%s\n", GroupKey(g), UserKey(o.Member(g, k)))
	}
}

// Member returns the number of the k-th member of a group. They stand in no order.
func (o Organisation) Member(g, k int) int { return (g*37 + k*101) % o.Users }

// Tree is files in memory that know their hashes, as a commit's do.
type Tree struct {
	fstest.MapFS
	hashes map[string]string
	reads  atomic.Int64
}

// NewTree returns an empty tree.
func NewTree() *Tree { return &Tree{MapFS: fstest.MapFS{}, hashes: map[string]string{}} }

// Write puts a file into the tree.
func (t *Tree) Write(name, text string) {
	sum := sha1.Sum([]byte(text))
	t.MapFS[name], t.hashes[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}, hex.EncodeToString(sum[:])
}

// Remove takes a file out of the tree.
func (t *Tree) Remove(name string) {
	delete(t.MapFS, name)
	delete(t.hashes, name)
}

// Hash returns the hash of a file's content.
func (t *Tree) Hash(name string) (string, error) {
	if h, ok := t.hashes[name]; ok {
		return h, nil
	}
	return "", &fs.PathError{Op: "hash", Path: name, Err: fs.ErrNotExist}
}

// ReadFile returns the content of a file, and counts.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	t.reads.Add(1)
	return t.MapFS.ReadFile(name)
}

// Reads returns how many files were read since it was last asked.
func (t *Tree) Reads() int { return int(t.reads.Swap(0)) }

// Text returns the content of a file, without counting.
func (t *Tree) Text(name string) string { return string(t.MapFS[name].Data) }
