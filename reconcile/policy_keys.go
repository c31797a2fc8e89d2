package reconcile

import (
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// withKeysOf returns the policy with the keys that its users and groups have in a later one: a rule
// follows a user or group whose key `previously` renames.
func (p *Policy) withKeysOf(later *Policy) *Policy {
	if p.Declarations == nil || later.Declarations == nil {
		return p
	}
	users := newKeys(later.Declarations.Users, func(u *schema.User) []string { return u.Previously })
	groups := newKeys(later.Declarations.Groups, func(g *schema.Group) []string { return g.Previously })
	if len(users)+len(groups) == 0 {
		return p
	}
	provisioner := *p.Provisioner
	provisioner.Protect = schema.Protect{
		Users:  withNewKeysOf(users, provisioner.Protect.Users),
		Groups: withNewKeysOf(groups, provisioner.Protect.Groups),
	}
	out := *p
	out.Provisioner, out.Assertions = &provisioner, maps.Clone(p.Assertions)
	for key, a := range out.Assertions {
		out.Assertions[key] = withGroups(a, groups)
	}
	return &out
}

// newKeys returns the new key of each earlier key. Load has checked that one declaration at most
// claims an earlier key, and that nothing is still declared with it.
func newKeys[D any](declared map[string]D, previously func(D) []string) map[string]string {
	out := map[string]string{}
	for key, d := range declared {
		for _, old := range previously(d) {
			out[old] = key
		}
	}
	return out
}

func withNewKeysOf(renamed map[string]string, protected map[string]schema.Pos) map[string]schema.Pos {
	out := map[string]schema.Pos{}
	for key, pos := range protected {
		out[newKey(renamed, key)] = pos
	}
	return out
}

func newKey(renamed map[string]string, key string) string {
	if renamed[key] != "" {
		return renamed[key]
	}
	return key
}

// withGroups returns an assertion with the new keys of its groups.
func withGroups(a *schema.Assertion, renamed map[string]string) *schema.Assertion {
	out := *a
	if a.AtLeast != nil {
		out.AtLeast = &schema.AtLeast{Group: newKey(renamed, a.AtLeast.Group), Active: a.AtLeast.Active}
	}
	if a.Disjoint != nil {
		out.Disjoint = slices.Clone(a.Disjoint)
		for i, group := range out.Disjoint {
			out.Disjoint[i] = newKey(renamed, group)
		}
	}
	return &out
}
