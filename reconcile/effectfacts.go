package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// EffectFacts are what the sentences about changes depend on, beside the changes.
type EffectFacts struct {
	// NamedGroups are the groups whose members change and which sentences name, by key. Members of
	// all other groups are counted.
	NamedGroups map[string]GroupReason `json:"namedGroups,omitempty"`
	// People are the names of the people whom sentences name, by key. All others are called by
	// their sign-in names.
	People map[string]string `json:"people,omitempty"`
}

// GroupReason is why sentences name a group.
type GroupReason string

// The reasons to name a group, the gravest first.
const (
	GroupProtected GroupReason = "protected" // by the policy, or as a group of Control Tower
	GroupSmall     GroupReason = "small"     // it has at most smallGroup members
)

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

// Merge returns the facts of two plans, for one sentence about both.
func (f *EffectFacts) Merge(other *EffectFacts) *EffectFacts {
	out := &EffectFacts{NamedGroups: map[string]GroupReason{}, People: map[string]string{}}
	for _, facts := range []*EffectFacts{f, other} {
		if facts == nil {
			continue
		}
		for key, reason := range facts.NamedGroups {
			if out.NamedGroups[key] != GroupProtected {
				out.NamedGroups[key] = reason
			}
		}
		maps.Copy(out.People, facts.People)
	}
	return out
}

// newEffectFacts returns the facts of changes; nil if there are none.
func newEffectFacts(changes []Change, in *PlanInput, linking *Linking) *EffectFacts {
	f := &EffectFacts{NamedGroups: namedGroups(changes, in, linking), People: map[string]string{}}
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
	if len(f.NamedGroups)+len(f.People) == 0 {
		return nil
	}
	return f
}

// namedGroups returns the groups whose members change and which are protected or small. If there
// are many, the protected ones and then the smallest are named.
func namedGroups(changes []Change, in *PlanInput, linking *Linking) map[string]GroupReason {
	type candidate struct {
		key    string
		reason GroupReason
		size   int
	}
	found := map[string]*candidate{}
	for i := range changes {
		c := &changes[i]
		if !c.Kind.OfMembership() || found[c.Key] != nil {
			continue
		}
		g := &candidate{key: c.Key, size: groupSize(c.Key, in.Desired, linking)}
		switch {
		case in.protectsGroup(c):
			g.reason = GroupProtected
		case g.size <= smallGroup:
			g.reason = GroupSmall
		}
		found[c.Key] = g
	}
	list := slices.Collect(maps.Values(found))
	list = slices.DeleteFunc(list, func(g *candidate) bool { return g.reason == "" })
	slices.SortFunc(list, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(a.reason, b.reason), cmp.Compare(a.size, b.size), cmp.Compare(a.key, b.key))
	})
	out := map[string]GroupReason{}
	for _, g := range list[:min(len(list), maxNamedGroups)] {
		out[g.key] = g.reason
	}
	return out
}

// groupSize returns the number of members that a group has or should have, whichever is more.
func groupSize(key string, desired *Desired, linking *Linking) int {
	n := 0
	if g := desired.Groups[key]; g != nil {
		n = len(g.Members)
	}
	if g := linking.State.Groups[key]; g != nil {
		n = max(n, len(g.Members))
	}
	return n
}

// protectsGroup reports whether the declared policy or the policy in force protects the group of a
// membership, or whether it is one of Control Tower.
func (in *PlanInput) protectsGroup(c *Change) bool {
	if slices.Contains(controlTower, c.Name) {
		return true
	}
	keys := []string{c.Key}
	if g := in.Desired.Groups[c.Key]; g != nil {
		keys = append(keys, g.Previously...)
	}
	policies := []*schema.Provisioner{in.Provisioner}
	if in.AppliedPolicy != nil {
		policies = append(policies, in.AppliedPolicy.Provisioner)
	}
	for _, p := range policies {
		for _, key := range keys {
			if _, ok := p.Protect.Groups[key]; ok {
				return true
			}
		}
	}
	return false
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
	first, _ := attributes.Get("name.givenName")
	last, _ := attributes.Get("name.familyName")
	return strings.TrimSpace(first + " " + last)
}

// Facts returns redacted facts: no names of people if a part of them, or the sign-in name, is
// redacted.
func (r *Redactor) Facts(f *EffectFacts) *EffectFacts {
	if r == nil || f == nil || !r.paths["userName"] && !r.paths["name.givenName"] && !r.paths["name.familyName"] {
		return f
	}
	return &EffectFacts{NamedGroups: f.NamedGroups}
}
