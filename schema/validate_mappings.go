package schema

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// mappings maps everybody who may come into the scope of a provisioner, whatever the date, and checks what comes out.
func (v *validator) mappings() {
	v.examples()
	v.appAccess()
	for _, key := range keysOf(v.d.Provisioners) {
		p := v.d.Provisioners[key]
		if m := v.d.Mappings[p.Mapping]; m != nil && m.program != nil && !v.mapsAllUsers(p, m) {
			v.reportMappingProblems()
			return
		}
	}
}

// mapsWell reports whether a provisioner's mapping can map everybody in its scope, to names that are unique.
func (v *validator) mapsAllUsers(p *Provisioner, m *Mapping) bool {
	mu := v.cache.previous.mapped[p.Key]
	delete(v.cache.previous.mapped, p.Key)
	ok := false
	if mu == nil || m.ReadsGroups() {
		mu = newMappedUsers(v, m)
		mu.provisioner = p
		ok = mu.mapScope(p)
	} else {
		mu.validator, mu.mapping, mu.provisioner = v, m, p
		ok = mu.update(p, v.cache.previous.diff)
	}
	if mu.membership = nil; ok && mu.userNames.duplicates == 0 && mu.emails.duplicates == 0 {
		mu.validator, mu.mapping, mu.provisioner = nil, nil, nil
		v.cache.previous.mapped[p.Key] = mu
		if !m.ReadsGroups() {
			m.checked = append(m.checked, mu.users)
		}
		return true
	}
	return false
}

// coverage is who was mapped for a provisioner: everybody in its scope, and perhaps others who once were.
type mappedUsers struct {
	validator   *validator
	mapping     *Mapping
	provisioner *Provisioner
	membership  *Membership            // if the mapping reads it
	users       map[string]*mappedUser // once the mapping knows it, it stays as it is
	groups      map[string]*Group      // the groups that people are in scope by
	userNames   counter
	emails      counter
}

// mappedUser is somebody with what the mapping says.
type mappedUser struct {
	*User
	Mapped
}

func newMappedUsers(v *validator, m *Mapping) *mappedUsers {
	n := len(v.d.Users)
	mu := &mappedUsers{validator: v, mapping: m, users: make(map[string]*mappedUser, n), groups: map[string]*Group{}, userNames: newCounter(n), emails: newCounter(n)}
	if m.ReadsGroups() {
		mu.membership = v.d.undatedMembership()
	}
	return mu
}

// begin covers everybody in scope. It reports false if somebody cannot be mapped.
func (mu *mappedUsers) mapScope(p *Provisioner) bool {
	if p.AllUsers {
		return mu.mapAll(maps.Values(mu.validator.d.Users))
	}
	for _, key := range p.Groups {
		if !mu.mapGroup(key) {
			return false
		}
	}
	return true
}

// follow covers those who came since the last Load: in the place of somebody who was covered, or by a group.
func (mu *mappedUsers) update(p *Provisioner, d *userDiff) bool {
	mu.users = maps.Clone(mu.users) // mappings of earlier Loads know the other
	was := map[string]bool{}
	for _, u := range d.removed {
		if have := mu.users[u.Key]; have != nil && have.User == u {
			mu.count(namesOf(have.Mapped), -1)
			delete(mu.users, u.Key)
			was[u.Key] = true
		}
	}
	var rules []*Rule
	var changed []string
	for key, g := range mu.groups {
		if mu.validator.d.Groups[key] != g {
			delete(mu.groups, key)
			changed = append(changed, key)
		} else if g.Where != nil {
			rules = append(rules, g.Where)
		}
	}
	for _, u := range d.added {
		in := p.AllUsers || was[u.Key] || slices.ContainsFunc(rules, func(r *Rule) bool { return r.Matches(u) })
		if in && !mu.mapUser(u) {
			return false
		}
	}
	for _, key := range changed {
		if !mu.mapGroup(key) {
			return false
		}
	}
	return true
}

// group covers the people of a group, whatever the date.
func (mu *mappedUsers) mapGroup(key string) bool {
	g := mu.validator.d.Groups[key]
	if g == nil || mu.groups[key] != nil {
		return true
	}
	mu.groups[key] = g
	for i := range g.Members {
		if u := mu.validator.d.Users[g.Members[i].User]; u != nil && !mu.mapUser(u) {
			return false
		}
	}
	if g.Where != nil {
		for _, u := range mu.validator.d.Users {
			if g.Where.Matches(u) && !mu.mapUser(u) {
				return false
			}
		}
	}
	for nested := range g.Include {
		if !mu.mapGroup(nested) {
			return false
		}
	}
	return true
}

func (mu *mappedUsers) mapAll(users iter.Seq[*User]) bool {
	for u := range users {
		if !mu.mapUser(u) {
			return false
		}
	}
	return true
}

// cover maps somebody. It reports false if the mapping cannot, or if they could not sign in by what it makes.
func (mu *mappedUsers) mapUser(u *User) bool {
	if _, ok := mu.users[u.Key]; ok {
		return true
	}
	var groups []string
	if mu.membership != nil {
		groups = mu.membership.GroupsOf(u.Key)
	}
	out, err := mu.mapping.Map(u, groups)
	if err != nil {
		return false
	}
	n := namesOf(out)
	if _, wrong := mu.validator.nameIDProblem(mu.provisioner, u, n.userName); wrong {
		return false
	}
	mu.users[u.Key] = &mappedUser{u, out}
	mu.count(n, 1)
	return true
}

func (mu *mappedUsers) count(n names, by int32) {
	mu.userNames.add(n.userName, by)
	mu.emails.add(n.email, by)
}

// explainMappings reports what is wrong with mapped users, in the order of their keys.
func (v *validator) reportMappingProblems() {
	ever := v.d.undatedMembership()
	mapped := map[string]map[string]names{} // by mapping and user
	counts := map[string]map[string]int{}   // of problems, by mapping and code
	for _, key := range keysOf(v.d.Provisioners) {
		p := v.d.Provisioners[key]
		m := v.d.Mappings[p.Mapping]
		if m == nil || m.program == nil {
			continue
		}
		if mapped[m.Key] == nil {
			mapped[m.Key] = make(map[string]names, len(v.d.Users))
			counts[m.Key] = map[string]int{}
		}
		userNames := &duplicateFinder{v: v, code: dupUserName, message: "provisioner " + quote(key) + " maps user %s (%s) to the same userName"}
		emails := &duplicateFinder{v: v, code: dupMapEmail, message: "provisioner " + quote(key) + " maps user %s (%s) to the same e-mail address"}
		for _, user := range v.usersInScope(p, ever) {
			u := v.d.Users[user]
			out, done := mapped[m.Key][user]
			if !done {
				all, err := m.Map(u, ever.GroupsOf(user))
				if err != nil {
					v.reportMapProblems(err, counts[m.Key])
				}
				out = namesOf(all)
				out.valid = err == nil
				mapped[m.Key][user] = out
			}
			if problem, wrong := v.nameIDProblem(p, u, out.userName); wrong && out.valid {
				v.reportMapProblems(Problems{problem}, counts[m.Key])
			}
			path := func() string { return joinPath("users", user) }
			userNames.add(out.userName, user, u.Pos, path)
			emails.add(out.email, user, u.Pos, path)
		}
	}
	for _, key := range keysOf(counts) {
		v.reportOmitted(v.d.Mappings[key], counts[key])
	}
	v.dropDuplicateReports()
}

// names are what must be unique of a mapped user; sound if AWS takes all that was mapped.
type names struct {
	userName, email string
	valid           bool
}

func namesOf(m Mapped) (n names) {
	n.userName, _ = m.Attributes.Get("userName")
	n.email, _ = m.Attributes.Get("emails.value")
	return n
}

// mostMapped is how many problems of one kind a mapping may have before the rest is counted: one wrong expression may be wrong for everybody.
const maxReported = 100

// mapProblems reports what Map found.
func (v *validator) reportMapProblems(err error, counts map[string]int) {
	problems, ok := err.(Problems)
	if !ok {
		return
	}
	for _, p := range problems {
		if counts[p.Code]++; counts[p.Code] <= maxReported {
			v.report(p)
		}
	}
}

// mapCounts reports how many problems were left out.
func (v *validator) reportOmitted(m *Mapping, counts map[string]int) {
	for _, id := range keysOf(counts) {
		if n := counts[id] - maxReported; n > 0 {
			v.report(Problem{Pos: m.Pos, Code: id, Path: joinPath("mappings", m.Key), Message: fmt.Sprintf("%d more problems of this kind are not shown", n)})
		}
	}
}

// dropRepeats leaves out duplicates of mapped values where the declared values are duplicates already.
func (v *validator) dropDuplicateReports() {
	said := map[Pos]bool{}
	for _, p := range v.problems {
		if p.Code == dupEmail.id || p.Code == dupUserID.id {
			said[p.Pos] = true
			said[Pos{File: p.Path[:strings.LastIndexByte(p.Path, '.')]}] = true
		}
	}
	v.problems = slices.DeleteFunc(v.problems, func(p Problem) bool {
		return (p.Code == dupUserName.id || p.Code == dupMapEmail.id) && said[Pos{File: p.Path}]
	})
}

// scope returns the users who may ever be in a provisioner's scope, sorted.
func (v *validator) usersInScope(p *Provisioner, ever *Membership) []string {
	if p.AllUsers {
		return keysOf(v.d.Users)
	}
	in := map[string]bool{}
	for _, group := range p.Groups {
		for _, e := range ever.Group(group) {
			in[e.User] = v.d.Users[e.User] != nil
		}
	}
	maps.DeleteFunc(in, func(_ string, there bool) bool { return !there })
	return keysOf(in)
}
