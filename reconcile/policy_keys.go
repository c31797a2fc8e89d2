package reconcile

import (
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// withKeysOf returns the policy with the keys that its groups have in a later one: an assertion
// follows a group whose key `previously` renames.
func (p *Policy) withKeysOf(later *Policy) *Policy {
	if p.Declarations == nil || len(p.Assertions) == 0 {
		return p
	}
	groups := later.newGroupKeys()
	if len(groups) == 0 {
		return p
	}
	out := *p
	out.Assertions = maps.Clone(p.Assertions)
	for key, a := range out.Assertions {
		out.Assertions[key] = withGroups(a, groups)
	}
	return &out
}

// newUserKeys returns the new key of each earlier key of a user.
func (p *Policy) newUserKeys() map[string]string {
	if p.Declarations == nil {
		return nil
	}
	return newKeys(p.Declarations.Users, func(u *schema.User) []string { return u.Previously })
}

// newGroupKeys returns the new key of each earlier key of a group.
func (p *Policy) newGroupKeys() map[string]string {
	if p.Declarations == nil {
		return nil
	}
	return newKeys(p.Declarations.Groups, func(g *schema.Group) []string { return g.Previously })
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
