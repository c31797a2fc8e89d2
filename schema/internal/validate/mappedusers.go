package validate

import (
	"iter"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// mappedUsers are the users that were mapped for a provisioner: all in its scope, and possibly
// users that once were.
type mappedUsers struct {
	validator   *validator
	mapping     *mapping.Mapping
	provisioner *declaration.Provisioner
	// membership is nil unless the mapping reads groups.
	membership *declaration.Membership
	// users is immutable once a Mapping refers to it.
	users map[string]*mapping.MappedUser
	// groups are the groups that bring users into scope.
	groups    map[string]*declaration.Group
	userNames tree.Counter
	emails    tree.Counter
}

func newMappedUsers(v *validator, m *mapping.Mapping) *mappedUsers {
	n := len(v.Users)
	mu := &mappedUsers{
		validator: v, mapping: m, users: make(map[string]*mapping.MappedUser, n),
		groups:    map[string]*declaration.Group{},
		userNames: tree.NewCounter(n), emails: tree.NewCounter(n),
	}
	if m.ReadsGroups() {
		mu.membership = v.UndatedMembership()
	}
	return mu
}

// mapScope maps all users in scope. It returns false if a user cannot be mapped.
func (mu *mappedUsers) mapScope(p *declaration.Provisioner) bool {
	if p.AllUsers {
		return mu.mapAll(maps.Values(mu.validator.Users))
	}
	for _, key := range p.Groups {
		if !mu.mapGroup(key) {
			return false
		}
	}
	return true
}

// update maps the users that were added since the previous Load. They either replace a mapped user
// or come into scope through a group.
func (mu *mappedUsers) update(p *declaration.Provisioner, d *Earlier) bool {
	mu.users = maps.Clone(mu.users) // mappings of earlier Loads refer to the original
	was := map[string]bool{}
	for _, u := range d.RemovedUsers {
		if have := mu.users[u.Key]; have != nil && have.User == u {
			mu.count(namesOf(have.Mapped), -1)
			delete(mu.users, u.Key)
			was[u.Key] = true
		}
	}
	var rules []*declaration.Rule
	var changed []string
	for key, g := range mu.groups {
		if mu.validator.Groups[key] != g {
			delete(mu.groups, key)
			changed = append(changed, key)
		} else if g.Where != nil {
			rules = append(rules, g.Where)
		}
	}
	for _, u := range d.AddedUsers {
		in := p.AllUsers || was[u.Key] ||
			slices.ContainsFunc(rules, func(r *declaration.Rule) bool { return r.Matches(u) })
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

// mapGroup maps the members of a group on any date.
func (mu *mappedUsers) mapGroup(key string) bool {
	g := mu.validator.Groups[key]
	if g == nil || mu.groups[key] != nil {
		return true
	}
	mu.groups[key] = g
	for i := range g.Members {
		if u := mu.validator.Users[g.Members[i].User]; u != nil && !mu.mapUser(u) {
			return false
		}
	}
	if g.Where != nil {
		for _, u := range mu.validator.Users {
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

func (mu *mappedUsers) mapAll(users iter.Seq[*declaration.User]) bool {
	for u := range users {
		if !mu.mapUser(u) {
			return false
		}
	}
	return true
}

// mapUser maps a user. It returns false if the mapping fails or the user could not sign in with the
// result.
func (mu *mappedUsers) mapUser(u *declaration.User) bool {
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
	if _, found := mu.validator.nameIDProblem(mu.provisioner, u, n.userName); found {
		return false
	}
	mu.users[u.Key] = &mapping.MappedUser{User: u, Mapped: out}
	mu.count(n, 1)
	return true
}

func (mu *mappedUsers) count(n names, by int32) {
	mu.userNames.Add(n.userName, by)
	mu.emails.Add(n.email, by)
}
