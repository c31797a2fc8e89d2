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
)

// unrest is an organisation in a working copy in which something small happens all the time: always the same for the same seed.
type unrest struct {
	dir    string
	rng    *rand.Rand
	people map[int]person // by number
	next   int
	groups []map[int]bool // members by number
}

type person struct {
	title string
	state string
}

const (
	restPeople = 300 // about how many there are at any time
	restFiles  = 6   // that they stand in
	restGroups = 30
)

// unrestSettings is what is not people and groups: the endpoint goes where %s is.
const unrestSettings = `package roster

attributeTypes: title: type: "string"
mappings: aws: {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
		emails: [{value: user.email, type: "work", primary: true}]
		title: user.attributes.title
	}
}
apps: aws: displayName: "AWS"
provisioners: aws: {
	app: "aws", mapping: "aws", enabled: true
	endpoint: %q
	auth: token: env: "ROSTER_AWS_TOKEN"
	tokenExpires: "2097-01-01"
	schedule: "*/10 * * * *"
	rate: {perSecond: 0, concurrency: 4}
	deprovision: {mode: "deactivate", deleteAfterDays: 1}
}
`

// newUnrest writes the organisation as it begins.
func newUnrest(dir, endpoint string) (*unrest, error) {
	o := &unrest{dir: dir, rng: rand.New(rand.NewPCG(7, 7)), people: map[int]person{}}
	for range restGroups {
		o.groups = append(o.groups, map[int]bool{})
	}
	for range restPeople {
		o.hire()
	}
	for _, sub := range []string{"users", "groups"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	return o, errors.Join(os.WriteFile(filepath.Join(dir, "roster.cue"), fmt.Appendf(nil, unrestSettings, endpoint), 0o644), o.write())
}

func (o *unrest) hire() string {
	n := o.next
	o.next++
	o.people[n] = person{title: "Engineer 1", state: "ACTIVE"}
	for range 3 {
		o.groups[o.rng.IntN(restGroups)][n] = true
	}
	return fmt.Sprintf("user%d joins", n)
}

func (o *unrest) leave(n int) string {
	delete(o.people, n)
	for _, members := range o.groups {
		delete(members, n)
	}
	return fmt.Sprintf("user%d leaves", n)
}

// anyone picks a person, always one of at least restPeople/2.
func (o *unrest) anyone() int {
	return slices.Sorted(maps.Keys(o.people))[o.rng.IntN(len(o.people))]
}

// happen changes something and says what.
func (o *unrest) happen() (what string, err error) {
	n := o.anyone()
	p := o.people[n]
	switch dice := o.rng.IntN(20); {
	case dice < 2 && len(o.people) < restPeople+20 || len(o.people) < restPeople-20:
		what = o.hire()
	case dice < 4:
		what = o.leave(n)
	case dice < 5:
		p.state = map[string]string{"ACTIVE": "LOCKED", "LOCKED": "ACTIVE"}[p.state]
		what = fmt.Sprintf("user%d is %s", n, p.state)
	case dice < 12:
		g := o.rng.IntN(restGroups)
		if what = fmt.Sprintf("user%d joins group %d", n, g); o.groups[g][n] {
			what = fmt.Sprintf("user%d leaves group %d", n, g)
			delete(o.groups[g], n)
		} else {
			o.groups[g][n] = true
		}
	default:
		var level int
		_, _ = fmt.Sscanf(p.title, "Engineer %d", &level)
		p.title = fmt.Sprintf("Engineer %d", level+1)
		what = fmt.Sprintf("user%d is %s", n, p.title)
	}
	if _, still := o.people[n]; still {
		o.people[n] = p
	}
	return what, o.write()
}

// write writes all files; Git sees which have changed.
func (o *unrest) write() error {
	var users [restFiles]strings.Builder
	for _, n := range slices.Sorted(maps.Keys(o.people)) {
		p := o.people[n]
		fmt.Fprintf(&users[n%restFiles], `{"key": "u-%[1]d", "userId": "user%[1]d", "firstName": "First%[1]d", "lastName": "Last%[1]d", "email": "user%[1]d@example.com", "state": %[2]q, "attributes": {"title": %[3]q}}`+"\n",
			n, p.state, p.title)
	}
	var groups strings.Builder
	for g, members := range o.groups {
		list := []string{}
		for _, n := range slices.Sorted(maps.Keys(members)) {
			list = append(list, fmt.Sprintf(`"u-%d": {}`, n))
		}
		fmt.Fprintf(&groups, `{"key": "g-%[1]d", "displayName": "Group %[1]d", "members": {%[2]s}}`+"\n", g, strings.Join(list, ", "))
	}
	errs := []error{os.WriteFile(filepath.Join(o.dir, "groups", "all.jsonl"), []byte(groups.String()), 0o644)}
	for i := range users {
		errs = append(errs, os.WriteFile(filepath.Join(o.dir, "users", fmt.Sprintf("%d.jsonl", i)), []byte(users[i].String()), 0o644))
	}
	return errors.Join(errs...)
}
