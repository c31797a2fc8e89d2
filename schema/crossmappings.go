package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mappings maps everybody who may come into the scope of a provisioner, whatever the date, and checks what comes out.
func (c *crosser) mappings() {
	c.examples()
	for _, key := range keysOf(c.d.Provisioners) {
		p := c.d.Provisioners[key]
		if m := c.d.Mappings[p.Mapping]; m != nil && m.program != nil && !c.mapsWell(p, m) {
			c.explainMappings()
			return
		}
	}
}

// mapsWell reports whether a provisioner's mapping can map everybody in its scope, to names that are unique.
func (c *crosser) mapsWell(p *Provisioner, m *Mapping) bool {
	known := c.cache.past.mapped[m.Key]
	if known == nil {
		known = make(map[*User]names, len(c.d.Users))
		c.cache.past.mapped[m.Key] = known
	}
	groups := func(string) []string { return nil }
	if m.ReadsGroups() {
		clear(known)
		groups = c.d.everMembers().GroupsOf
	}
	scope := c.scope(p)
	userNames, emails := make(map[string]struct{}, len(scope)), make(map[string]struct{}, len(scope))
	mails := 0
	for key, u := range scope {
		have, ok := known[u]
		if !ok {
			out, err := m.Map(u, groups(key))
			if err != nil {
				return false
			}
			have.userName, _ = out.Attributes.Get("userName")
			have.email, _ = out.Attributes.Get("emails.value")
			known[u] = have
		}
		userNames[fold(have.userName)] = struct{}{}
		if have.email != "" {
			emails[fold(have.email)] = struct{}{}
			mails++
		}
	}
	return len(userNames) == len(scope) && len(emails) == mails
}

// scope returns the users who may ever be in a provisioner's scope.
func (c *crosser) scope(p *Provisioner) map[string]*User {
	if p.AllUsers {
		return c.d.Users
	}
	r := &reach{d: c.d, users: make(map[string]*User, len(c.d.Users)), groups: map[string]bool{}}
	for _, group := range p.Groups {
		r.group(group)
	}
	return r.users
}

// reach collects the people of groups, whatever the date.
type reach struct {
	d      *Declarations
	users  map[string]*User
	groups map[string]bool
}

func (r *reach) group(key string) {
	g := r.d.Groups[key]
	if g == nil || r.groups[key] || len(r.users) == len(r.d.Users) {
		return
	}
	r.groups[key] = true
	for i := range g.Members {
		if u := r.d.Users[g.Members[i].User]; u != nil {
			r.users[u.Key] = u
		}
	}
	if g.Where != nil {
		for key, u := range r.d.Users {
			if g.Where.Matches(u) {
				r.users[key] = u
			}
		}
	}
	for nested := range g.Include {
		r.group(nested)
	}
}

// explainMappings reports what is wrong with mapped users, in the order of their keys.
func (c *crosser) explainMappings() {
	ever := c.d.everMembers()
	mapped := map[string]map[string]names{} // by mapping and user
	counts := map[string]map[string]int{}   // of problems, by mapping and code
	for _, key := range keysOf(c.d.Provisioners) {
		p := c.d.Provisioners[key]
		m := c.d.Mappings[p.Mapping]
		if m == nil || m.program == nil {
			continue
		}
		if mapped[m.Key] == nil {
			mapped[m.Key] = make(map[string]names, len(c.d.Users))
			counts[m.Key] = map[string]int{}
		}
		userNames := &unique{c: c, code: dupUserName, message: "provisioner " + quote(key) + " maps user %s (%s) to the same userName"}
		emails := &unique{c: c, code: dupMapEmail, message: "provisioner " + quote(key) + " maps user %s (%s) to the same e-mail address"}
		for _, user := range slices.Sorted(maps.Keys(c.scope(p))) {
			u := c.d.Users[user]
			out, done := mapped[m.Key][user]
			if !done {
				attributes, err := m.Map(u, ever.GroupsOf(user))
				if err != nil {
					c.mapProblems(err, counts[m.Key])
				}
				out.userName, _ = attributes.Attributes.Get("userName")
				out.email, _ = attributes.Attributes.Get("emails.value")
				mapped[m.Key][user] = out
			}
			path := func() string { return join("users", user) }
			userNames.claim(out.userName, user, u.Pos, path)
			emails.claim(out.email, user, u.Pos, path)
		}
	}
	for _, key := range keysOf(counts) {
		c.mapCounts(c.d.Mappings[key], counts[key])
	}
	c.dropRepeats()
}

// names are what must be unique of a mapped user.
type names struct{ userName, email string }

// mostMapped is how many problems of one kind a mapping may have before the rest is counted: one wrong expression may be wrong for everybody.
const mostMapped = 100

// mapProblems reports what Map found.
func (c *crosser) mapProblems(err error, counts map[string]int) {
	problems, ok := err.(Problems)
	if !ok {
		return
	}
	for _, p := range problems {
		if counts[p.Code]++; counts[p.Code] <= mostMapped {
			c.report(p)
		}
	}
}

// mapCounts reports how many problems were left out.
func (c *crosser) mapCounts(m *Mapping, counts map[string]int) {
	for _, id := range keysOf(counts) {
		if n := counts[id] - mostMapped; n > 0 {
			c.report(Problem{Pos: m.Pos, Code: id, Path: join("mappings", m.Key), Message: fmt.Sprintf("%d more problems of this kind are not shown", n)})
		}
	}
}

// dropRepeats leaves out duplicates of mapped values where the declared values are duplicates already.
func (c *crosser) dropRepeats() {
	said := map[Pos]bool{}
	for _, p := range c.problems {
		if p.Code == dupEmail.id || p.Code == dupUserID.id {
			said[p.Pos] = true
			said[Pos{File: p.Path[:strings.LastIndexByte(p.Path, '.')]}] = true
		}
	}
	c.problems = slices.DeleteFunc(c.problems, func(p Problem) bool {
		return (p.Code == dupUserName.id || p.Code == dupMapEmail.id) && said[Pos{File: p.Path}]
	})
}
