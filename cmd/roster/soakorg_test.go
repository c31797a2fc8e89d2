package main

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/schematest"
)

// soakOrg is an organization in a working copy. Each call of change makes a small random change;
// the sequence of changes is always the same.
type soakOrg struct {
	dir    string
	rng    *rand.Rand
	users  map[int]soakUser // by number
	next   int
	groups []map[int]bool // members by number
}

type soakUser struct {
	title string
	state string
}

const (
	soakUsers  = 300 // on average
	soakFiles  = 6   // with users
	soakGroups = 30
)

// soakSettings are the declarations except users and groups. The endpoint replaces %q.
const soakSettings = `package roster

attributeTypes: title: type: "string"
mappings: aws: {
	user: #User
	scim: {
		` + schematest.SCIM + ", " + schematest.Emails + `
		title: user.attributes.title
	}
}
apps: aws: displayName: "AWS"
provisioners: aws: {
	app: "aws", mapping: "aws", enabled: true
	endpoint: %q
	auth: token: env: "ROSTER_SECRET_AWS"
	tokenExpires: "2097-01-01"
	schedule: "*/10 * * * *"
	rate: {perSecond: 0, concurrency: 4}
	deprovision: {mode: "deactivate", deleteAfterDays: 1}
}
`

// newSoakOrg creates the organization.
func newSoakOrg(dir, endpoint string) (*soakOrg, error) {
	o := &soakOrg{dir: dir, rng: rand.New(rand.NewPCG(7, 7)), users: map[int]soakUser{}}
	for range soakGroups {
		o.groups = append(o.groups, map[int]bool{})
	}
	for range soakUsers {
		o.addUser()
	}
	for _, sub := range []string{"users", "groups"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	return o, errors.Join(os.WriteFile(filepath.Join(dir, "roster.cue"), fmt.Appendf(nil, soakSettings, endpoint),
		0o644), o.write())
}

func (o *soakOrg) addUser() string {
	n := o.next
	o.next++
	o.users[n] = soakUser{title: "Engineer 1", state: "ACTIVE"}
	for range 3 {
		o.groups[o.rng.IntN(soakGroups)][n] = true
	}
	return fmt.Sprintf("user%d joins", n)
}

func (o *soakOrg) removeUser(n int) string {
	delete(o.users, n)
	for _, members := range o.groups {
		delete(members, n)
	}
	return fmt.Sprintf("user%d leaves", n)
}

// randomUser returns the number of a user.
func (o *soakOrg) randomUser() int {
	return slices.Sorted(maps.Keys(o.users))[o.rng.IntN(len(o.users))]
}

// change makes a random change and describes it.
func (o *soakOrg) change() (description string, err error) {
	n := o.randomUser()
	p := o.users[n]
	switch dice := o.rng.IntN(20); {
	case dice < 2 && len(o.users) < soakUsers+20 || len(o.users) < soakUsers-20:
		description = o.addUser()
	case dice < 4:
		description = o.removeUser(n)
	case dice < 5:
		p.state = map[string]string{"ACTIVE": "LOCKED", "LOCKED": "ACTIVE"}[p.state]
		description = fmt.Sprintf("user%d is %s", n, p.state)
	case dice < 12:
		g := o.rng.IntN(soakGroups)
		if description = fmt.Sprintf("user%d joins group %d", n, g); o.groups[g][n] {
			description = fmt.Sprintf("user%d leaves group %d", n, g)
			delete(o.groups[g], n)
		} else {
			o.groups[g][n] = true
		}
	default:
		var level int
		_, _ = fmt.Sscanf(p.title, "Engineer %d", &level)
		p.title = fmt.Sprintf("Engineer %d", level+1)
		description = fmt.Sprintf("user%d is %s", n, p.title)
	}
	if _, exists := o.users[n]; exists {
		o.users[n] = p
	}
	return description, o.write()
}

// write writes all files. Git detects which have changed.
func (o *soakOrg) write() error {
	var users [soakFiles]strings.Builder
	for _, n := range slices.Sorted(maps.Keys(o.users)) {
		p := o.users[n]
		fmt.Fprintf(&users[n%soakFiles], `{"key": "u-%[1]d", "userId": "user%[1]d", "firstName": "First%[1]d", `+
			`"lastName": "Last%[1]d", "email": "user%[1]d@example.com", "state": %[2]q, `+
			`"attributes": {"title": %[3]q}}`+"\n", n, p.state, p.title)
	}
	var groups strings.Builder
	for g, members := range o.groups {
		list := []string{}
		for _, n := range slices.Sorted(maps.Keys(members)) {
			list = append(list, fmt.Sprintf(`"u-%d": {}`, n))
		}
		fmt.Fprintf(&groups, `{"key": "g-%[1]d", "displayName": "Group %[1]d", "members": {%[2]s}}`+"\n", g,
			strings.Join(list, ", "))
	}
	errs := []error{os.WriteFile(filepath.Join(o.dir, "groups", "all.jsonl"), []byte(groups.String()), 0o644)}
	for i := range users {
		errs = append(errs, os.WriteFile(filepath.Join(o.dir, "users", fmt.Sprintf("%d.jsonl", i)),
			[]byte(users[i].String()), 0o644))
	}
	return errors.Join(errs...)
}
