package validate

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// mappings maps all users that can be in the scope of a provisioner on any date, and checks the
// results.
func (v *validator) mappings() {
	v.examples()
	v.appAccess()
	for _, key := range slices.Sorted(maps.Keys(v.Provisioners)) {
		p := v.Provisioners[key]
		if m := v.Mappings[p.Mapping]; m != nil && m.Valid() && !v.mapsAllUsers(p, m) {
			v.reportMappingProblems()
			return
		}
	}
}

// mapsAllUsers reports whether a mapping is valid for all users in the scope of a provisioner, with
// unique names.
func (v *validator) mapsAllUsers(p *declaration.Provisioner, m *mapping.Mapping) bool {
	mu := v.state.mapped[p.Key]
	delete(v.state.mapped, p.Key)
	ok := false
	if mu == nil || m.ReadsGroups() {
		mu = newMappedUsers(v, m)
		mu.provisioner = p
		ok = mu.mapScope(p)
	} else {
		mu.validator, mu.mapping, mu.provisioner = v, m, p
		ok = mu.update(p, v.Earlier)
	}
	if mu.membership = nil; ok && mu.userNames.Duplicates == 0 && mu.emails.Duplicates == 0 {
		mu.validator, mu.mapping, mu.provisioner = nil, nil, nil
		v.state.mapped[p.Key] = mu
		if !m.ReadsGroups() {
			m.KeepMapped(mu.users)
		}
		return true
	}
	return false
}

// reportMappingProblems reports the problems of mapped users in the order of their keys.
func (v *validator) reportMappingProblems() {
	undated := v.UndatedMembership()
	mapped := map[string]map[string]names{} // by mapping and user
	failures := map[string]*mapFailures{}   // by mapping
	for _, key := range slices.Sorted(maps.Keys(v.Provisioners)) {
		p := v.Provisioners[key]
		m := v.Mappings[p.Mapping]
		if m == nil || !m.Valid() {
			continue
		}
		if mapped[m.Key] == nil {
			mapped[m.Key] = make(map[string]names, len(v.Users))
			failures[m.Key] = &mapFailures{mapping: m, codes: map[string]int{}, kinds: map[failure]*failed{}}
		}
		message := "provisioner " + tree.Quote(key) + " maps user %s (%s) to the same "
		userNames := &duplicateFinder{v: v, code: tree.DupUserName, message: message + "userName"}
		emails := &duplicateFinder{v: v, code: tree.DupMapEmail, message: message + "email address"}
		for _, user := range v.usersInScope(p, undated) {
			u := v.Users[user]
			out, done := mapped[m.Key][user]
			if !done {
				all, err := m.Map(u, undated.GroupsOf(user))
				failures[m.Key].add(user, err)
				out = namesOf(all)
				out.valid = err == nil
				mapped[m.Key][user] = out
			}
			if problem, found := v.nameIDProblem(p, u, out.userName); found && out.valid {
				failures[m.Key].add(user, tree.Problems{problem})
			}
			path := func() string { return tree.JoinPath("users", user) }
			userNames.add(out.userName, user, u.Pos, path)
			emails.add(out.email, user, u.Pos, path)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(failures)) {
		failures[key].report(v, len(mapped[key]))
	}
	v.dropDuplicateReports()
}

// names are the values of a mapped user that must be unique. valid is set if AWS accepts all values
// of the user.
type names struct {
	userName, email string
	valid           bool
}

func namesOf(m mapping.Mapped) (n names) {
	n.userName, _ = m.Attributes.Get("userName")
	n.email, _ = m.Attributes.Get("emails.value")
	return n
}

// dropDuplicateReports removes reports of duplicate mapped values if the declared values are
// reported as duplicates.
func (v *validator) dropDuplicateReports() {
	reported := map[string]bool{} // paths of users
	for _, p := range v.Problems {
		if p.Code == tree.DupEmail.ID || p.Code == tree.DupUserID.ID {
			reported[p.Path[:strings.LastIndexByte(p.Path, '.')]] = true
		}
	}
	v.Problems = slices.DeleteFunc(v.Problems, func(p tree.Problem) bool {
		return (p.Code == tree.DupUserName.ID || p.Code == tree.DupMapEmail.ID) && reported[p.Path]
	})
}

// usersInScope returns the users that can be in a provisioner's scope on any date, sorted.
func (v *validator) usersInScope(p *declaration.Provisioner, undated *declaration.Membership) []string {
	if p.AllUsers {
		return slices.Sorted(maps.Keys(v.Users))
	}
	in := map[string]bool{}
	for _, group := range p.Groups {
		for _, e := range undated.Group(group) {
			in[e.User] = v.Users[e.User] != nil
		}
	}
	maps.DeleteFunc(in, func(_ string, declared bool) bool { return !declared })
	return slices.Sorted(maps.Keys(in))
}
