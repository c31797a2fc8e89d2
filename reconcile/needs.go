package reconcile

import (
	"slices"
)

// needs is what a plan stands on that its run has not seen with its own eyes.
type needs struct {
	wishes []wish
	pairs  []membership
	// counts says of how many members of a group the run has to be certain, by group id: so many that no gate would decide otherwise.
	counts map[string]int
}

// membership is one user in one group, by ids.
type membership struct{ group, user string }

// needsOf lists what the released changes of a plan rest on: each object that they touch, each name that they take, each membership that
// they give or take, and that a group which loses members keeps some. What is held or waits is not sent, and may rest on memory.
func (v *sight) needsOf(p *Plan, in PlanInput) needs {
	n := needs{counts: map[string]int{}}
	removed := map[string]int{} // by group id
	for i := range p.Changes {
		c := &p.Changes[i]
		switch {
		case !c.Released():
		case c.Member != "":
			n.membership(v, p, c, removed)
		case c.Kind.OfUser():
			n.object(v, c, seeUser, seeUserKey, seeUserName, "userName")
			if c.Kind == DeleteUser {
				n.deletion(v, c, removed)
			}
		default:
			n.object(v, c, seeGroup, seeGroupKey, seeGroupName, "displayName")
			if c.Kind == AdoptGroup {
				n.wish(v, wish{seeMembers, c.ID})
			}
		}
	}
	for key, g := range p.Linking.State.Groups {
		if k := removed[g.ID]; k > 0 {
			n.count(v, in, g, key, k)
		}
	}
	slices.SortFunc(n.wishes, wish.compare)
	n.wishes = slices.Compact(n.wishes)
	return n
}

func (n *needs) none() bool { return len(n.wishes)+len(n.pairs)+len(n.counts) == 0 }

func (n *needs) wish(v *sight, w wish) {
	if !v.has(w) {
		n.wishes = append(n.wishes, w)
	}
}

// object wants to see an object, or that there is none, and who has the name that it takes.
func (n *needs) object(v *sight, c *Change, byID, byKey, byName wishKind, name string) {
	if c.ID != "" {
		n.wish(v, wish{byID, c.ID})
	} else {
		n.wish(v, wish{byKey, c.Key})
	}
	for _, a := range c.Attributes {
		if a.Path == name && a.New != "" && c.Kind != SetAsideUser && c.Kind != SetAsideGroup {
			n.wish(v, wish{byName, a.New})
		}
	}
}

func (n *needs) membership(v *sight, p *Plan, c *Change, removed map[string]int) {
	user := idOf(p, c.Member)
	if c.ID == "" { // a new group
		return
	}
	if c.Kind == AddMember {
		n.wish(v, wish{seeGroup, c.ID})
	} else {
		removed[c.ID]++
		if v.user(user) == nil { // came since the users were listed
			n.wish(v, wish{seeUser, user})
		}
	}
	if user != "" && !v.hasPair(c.ID, user) {
		n.pairs = append(n.pairs, membership{c.ID, user})
	}
}

// deletion takes memberships along that no change names.
func (n *needs) deletion(v *sight, c *Change, removed map[string]int) {
	n.wish(v, wish{seeGroupsOf, c.ID})
	for group, members := range v.Observed.Members {
		if _, in := slices.BinarySearch(members, c.ID); in {
			removed[group]++
		}
	}
}

// count wants to know that a group has enough members for gate memberRemovals to let so many go, and one more: what is remembered of its
// size decides nothing.
func (n *needs) count(v *sight, in PlanInput, g *Group, key string, removed int) {
	if v.has(wish{seeMembers, g.ID}) {
		return
	}
	enough := in.EnoughMembers(key, removed, len(v.Observed.Members[g.ID]))
	if enough > v.atLeast[g.ID] {
		n.counts[g.ID] = enough
	}
}

// idOf returns the id behind a member reference; empty for somebody whom this plan creates.
func idOf(p *Plan, member string) string {
	if id, ok := UnmanagedID(member); ok {
		return id
	}
	if u := p.Linking.State.Users[member]; u != nil {
		return u.ID
	}
	return ""
}
