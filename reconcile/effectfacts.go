package reconcile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// EffectFacts are what the sentences about changes depend on, beside the changes.
type EffectFacts struct {
	// NamedGroups are the groups that change, or whose members change, and which sentences name, by
	// key. All other groups and their members are counted.
	NamedGroups map[string]GroupReason `json:"namedGroups,omitempty"`
	// People are the names of the people whom sentences name, by key. All others are called by
	// their sign-in names.
	People map[string]string `json:"people,omitempty"`
	// Members are the numbers of members that the groups have which are deleted, by key. Groups
	// without members are not among them.
	Members map[string]int `json:"members,omitempty"`
}

// GroupReason is why sentences name a group.
type GroupReason string

// The reasons to name a group, the gravest first.
const (
	GroupProtected GroupReason = "protected" // by the policy, or as a group of Control Tower
	GroupAsserted  GroupReason = "asserted"  // an assertion is about its members
	GroupSmall     GroupReason = "small"     // it has at most smallGroup members
)

// severity returns the place of a reason in the order of gravity; that of no reason is the last.
func (r GroupReason) severity() int {
	order := []GroupReason{GroupProtected, GroupAsserted, GroupSmall}
	if i := slices.Index(order, r); i >= 0 {
		return i
	}
	return len(order)
}

// smallGroup is the number of members up to which a group is named: each of them has much of what
// the group gives. maxNamedGroups is the number of groups that are named; the others are counted.
const (
	smallGroup     = 10
	maxNamedGroups = 100
)

// membership returns the kind of effect of a membership: in a protected group, in another group
// that is named, or in a group that is counted.
func (f *EffectFacts) membership(c *Change, guarded, named, counted EffectKind) EffectKind {
	if f == nil {
		return counted
	}
	switch f.NamedGroups[c.Key] {
	case GroupProtected:
		return guarded
	case "":
		return counted
	}
	return named
}

// person returns the name of a user in sentences.
func (f *EffectFacts) person(key, signInName string) string { return cmp.Or(f.People[key], signInName) }

// newEffectFacts returns the facts of changes; nil if there are none.
func newEffectFacts(changes []Change, in *PlanInput, linking *Linking) *EffectFacts {
	f := &EffectFacts{NamedGroups: namedGroups(changes, in, linking), People: map[string]string{},
		Members: deletedMembers(changes, linking)}
	for _, e := range Effects(Planned(changes), f) {
		if e.Kind.Info().Unit != ObjectUser || len(e.names) > maxNames {
			continue
		}
		for key := range e.names {
			if name := personName(key, in.Desired, linking); name != "" {
				f.People[key] = name
			}
		}
	}
	if len(f.NamedGroups)+len(f.People)+len(f.Members) == 0 {
		return nil
	}
	return f
}

// deletedMembers returns the numbers of members of the groups that changes delete, by key.
func deletedMembers(changes []Change, linking *Linking) map[string]int {
	out := map[string]int{}
	for i := range changes {
		c := &changes[i]
		if g := linking.State.Groups[c.Key]; c.Kind == DeleteGroup && g != nil && len(g.Members) > 0 {
			out[c.Key] = len(g.Members)
		}
	}
	return out
}

// namedGroups returns the groups that change, or whose members change, and which are protected, in
// assertions, or small. If there are many, the gravest reasons and then the smallest are named.
func namedGroups(changes []Change, in *PlanInput, linking *Linking) map[string]GroupReason {
	type candidate struct {
		key    string
		reason GroupReason
		size   int
	}
	found := map[string]*candidate{}
	protected, asserted := in.protectedGroups(), in.assertedGroups()
	for i := range changes {
		c := &changes[i]
		if c.Kind.OfUser() || found[c.Key] != nil {
			continue
		}
		g := &candidate{key: c.Key, size: groupSize(c.Key, in.Desired, linking)}
		among := func(keys map[string]bool) bool {
			group := in.Desired.Groups[c.Key]
			return keys[c.Key] || group != nil && slices.ContainsFunc(group.Previously,
				func(key string) bool { return keys[key] })
		}
		switch {
		case slices.Contains(controlTower, c.Name), among(protected):
			g.reason = GroupProtected
		case among(asserted):
			g.reason = GroupAsserted
		case g.size <= smallGroup:
			g.reason = GroupSmall
		}
		found[c.Key] = g
	}
	list := slices.Collect(maps.Values(found))
	list = slices.DeleteFunc(list, func(g *candidate) bool { return g.reason == "" })
	slices.SortFunc(list, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(a.reason.severity(), b.reason.severity()), cmp.Compare(a.size, b.size),
			cmp.Compare(a.key, b.key))
	})
	out := map[string]GroupReason{}
	for _, g := range list[:min(len(list), maxNamedGroups)] {
		out[g.key] = g.reason
	}
	return out
}

// groupSize returns the number of members that a group has or should have, whichever is less: a
// rule that selects everybody for a group of two is about a small group.
func groupSize(key string, desired *Desired, linking *Linking) int {
	want, have := desired.Groups[key], linking.State.Groups[key]
	switch {
	case want == nil && have == nil:
		return 0
	case want == nil:
		return len(have.Members)
	case have == nil:
		return len(want.Members)
	}
	return min(len(want.Members), len(have.Members))
}

// protectedGroups returns the groups that any provisioner of the declarations protects, or the
// policy in force. A group that one provisioner protects is as grave in another.
func (in *PlanInput) protectedGroups() map[string]bool {
	out := map[string]bool{}
	add := func(p *schema.Provisioner) {
		for key := range p.Protect.Groups {
			out[key] = true
		}
	}
	add(in.Provisioner)
	for _, policy := range []*Policy{in.Policy, in.AppliedPolicy} {
		if policy == nil {
			continue
		}
		add(policy.Provisioner)
		if policy.Declarations != nil {
			for _, p := range policy.Declarations.Provisioners {
				add(p)
			}
		}
	}
	return out
}

// assertedGroups returns the groups whose members assertions are about.
func (in *PlanInput) assertedGroups() map[string]bool {
	out := map[string]bool{}
	for _, policy := range []*Policy{in.Policy, in.AppliedPolicy} {
		if policy == nil {
			continue
		}
		for _, a := range policy.Assertions {
			for _, key := range a.Disjoint {
				out[key] = true
			}
			if a.AtLeast != nil {
				out[a.AtLeast.Group] = true
			}
		}
	}
	return out
}

// personName returns the first and last name of a user as desired, or as in the directory; "" if
// there are none.
func personName(key string, desired *Desired, linking *Linking) string {
	var attributes Attributes
	if u := linking.State.Users[key]; u != nil {
		attributes = u.Attributes
	}
	if u := desired.Users[key]; u != nil {
		attributes = u.Attributes
	}
	return fullName(attributes)
}

// Facts returns redacted facts: no names of people if a part of them, or the sign-in name, is
// redacted.
func (r *Redactor) Facts(f *EffectFacts) *EffectFacts {
	if f == nil || !r.hidesNames() {
		return f
	}
	return &EffectFacts{NamedGroups: f.NamedGroups, Members: f.Members}
}

// hidesNames reports whether a part of the names of people, or the sign-in name, is redacted.
func (r *Redactor) hidesNames() bool {
	return r != nil && (r.paths["userName"] || r.paths["name.givenName"] || r.paths["name.familyName"])
}
