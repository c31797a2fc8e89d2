package schema

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// mappings maps everybody who may come into the scope of a provisioner, whatever the date, and checks what comes out.
func (c *crosser) mappings() {
	c.examples()
	c.access()
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
	v := c.cache.past.mapped[p.Key]
	delete(c.cache.past.mapped, p.Key)
	fine := false
	if v == nil || m.ReadsGroups() {
		v = newCoverage(c, m)
		v.p = p
		fine = v.begin(p)
	} else {
		v.c, v.m, v.p = c, m, p
		fine = v.follow(p, c.cache.past.delta)
	}
	if v.groups = nil; fine && v.names.repeated == 0 && v.mails.repeated == 0 {
		v.c, v.m, v.p = nil, nil, nil
		c.cache.past.mapped[p.Key] = v
		if !m.ReadsGroups() {
			m.covered = append(m.covered, v.users)
		}
		return true
	}
	return false
}

// coverage is who was mapped for a provisioner: everybody in its scope, and perhaps others who once were.
type coverage struct {
	c       *crosser
	m       *Mapping
	p       *Provisioner
	groups  *Membership            // if the mapping reads it
	users   map[string]*mappedUser // once the mapping knows it, it stays as it is
	reached map[string]*Group      // the groups that people are in scope by
	names   tally
	mails   tally
}

// mappedUser is somebody with what the mapping says.
type mappedUser struct {
	*User
	Mapped
}

func newCoverage(c *crosser, m *Mapping) *coverage {
	n := len(c.d.Users)
	v := &coverage{c: c, m: m, users: make(map[string]*mappedUser, n), reached: map[string]*Group{}, names: newTally(n), mails: newTally(n)}
	if m.ReadsGroups() {
		v.groups = c.d.everMembers()
	}
	return v
}

// begin covers everybody in scope. It reports false if somebody cannot be mapped.
func (v *coverage) begin(p *Provisioner) bool {
	if p.AllUsers {
		return v.coverAll(maps.Values(v.c.d.Users))
	}
	for _, key := range p.Groups {
		if !v.group(key) {
			return false
		}
	}
	return true
}

// follow covers those who came since the last Load: in the place of somebody who was covered, or by a group.
func (v *coverage) follow(p *Provisioner, d *delta) bool {
	v.users = maps.Clone(v.users) // mappings of earlier Loads know the other
	was := map[string]bool{}
	for _, u := range d.gone {
		if have := v.users[u.Key]; have != nil && have.User == u {
			v.count(namesOf(have.Mapped), -1)
			delete(v.users, u.Key)
			was[u.Key] = true
		}
	}
	var rules []*Rule
	var changed []string
	for key, g := range v.reached {
		if v.c.d.Groups[key] != g {
			delete(v.reached, key)
			changed = append(changed, key)
		} else if g.Where != nil {
			rules = append(rules, g.Where)
		}
	}
	for _, u := range d.came {
		in := p.AllUsers || was[u.Key] || slices.ContainsFunc(rules, func(r *Rule) bool { return r.Matches(u) })
		if in && !v.cover(u) {
			return false
		}
	}
	for _, key := range changed {
		if !v.group(key) {
			return false
		}
	}
	return true
}

// group covers the people of a group, whatever the date.
func (v *coverage) group(key string) bool {
	g := v.c.d.Groups[key]
	if g == nil || v.reached[key] != nil {
		return true
	}
	v.reached[key] = g
	for i := range g.Members {
		if u := v.c.d.Users[g.Members[i].User]; u != nil && !v.cover(u) {
			return false
		}
	}
	if g.Where != nil {
		for _, u := range v.c.d.Users {
			if g.Where.Matches(u) && !v.cover(u) {
				return false
			}
		}
	}
	for nested := range g.Include {
		if !v.group(nested) {
			return false
		}
	}
	return true
}

func (v *coverage) coverAll(users iter.Seq[*User]) bool {
	for u := range users {
		if !v.cover(u) {
			return false
		}
	}
	return true
}

// cover maps somebody. It reports false if the mapping cannot, or if they could not sign in by what it makes.
func (v *coverage) cover(u *User) bool {
	if _, ok := v.users[u.Key]; ok {
		return true
	}
	var groups []string
	if v.groups != nil {
		groups = v.groups.GroupsOf(u.Key)
	}
	out, err := v.m.Map(u, groups)
	if err != nil {
		return false
	}
	n := namesOf(out)
	if _, wrong := v.c.nameID(v.p, u, n.userName); wrong {
		return false
	}
	v.users[u.Key] = &mappedUser{u, out}
	v.count(n, 1)
	return true
}

func (v *coverage) count(n names, by int32) {
	v.names.count(n.userName, by)
	v.mails.count(n.email, by)
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
		for _, user := range c.scope(p, ever) {
			u := c.d.Users[user]
			out, done := mapped[m.Key][user]
			if !done {
				all, err := m.Map(u, ever.GroupsOf(user))
				if err != nil {
					c.mapProblems(err, counts[m.Key])
				}
				out = namesOf(all)
				out.sound = err == nil
				mapped[m.Key][user] = out
			}
			if problem, wrong := c.nameID(p, u, out.userName); wrong && out.sound {
				c.mapProblems(Problems{problem}, counts[m.Key])
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

// names are what must be unique of a mapped user; sound if AWS takes all that was mapped.
type names struct {
	userName, email string
	sound           bool
}

func namesOf(m Mapped) (n names) {
	n.userName, _ = m.Attributes.Get("userName")
	n.email, _ = m.Attributes.Get("emails.value")
	return n
}

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

// scope returns the users who may ever be in a provisioner's scope, sorted.
func (c *crosser) scope(p *Provisioner, ever *Membership) []string {
	if p.AllUsers {
		return keysOf(c.d.Users)
	}
	in := map[string]bool{}
	for _, group := range p.Groups {
		for _, e := range ever.Group(group) {
			in[e.User] = c.d.Users[e.User] != nil
		}
	}
	maps.DeleteFunc(in, func(_ string, there bool) bool { return !there })
	return keysOf(in)
}
