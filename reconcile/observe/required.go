package observe

import (
	"github.com/seed-d64a251c/roster/reconcile"
	"slices"
)

// needs is what a plan stands on that its run has not seen with its own eyes.
type requiredLookups struct {
	lookups []lookup
	pairs   []membership
	// counts says of how many members of a group the run has to be certain, by group id: so many that no gate would decide otherwise.
	counts map[string]int
}

// membership is one user in one group, by ids.
type membership struct{ group, user string }

// needsOf lists what the released changes of a plan rest on: each object that they touch, each name that they take, each membership that
// they give or take, and that a group which loses members keeps some. What is held or waits is not sent, and may rest on memory.
func (v *View) requiredLookups(p *reconcile.Plan, in reconcile.PlanInput) requiredLookups {
	n := requiredLookups{counts: map[string]int{}}
	removed := map[string]int{} // by group id
	for i := range p.Changes {
		c := &p.Changes[i]
		switch {
		case !c.Released():
		case c.Member != "":
			n.membership(v, p, c, removed)
		case c.Kind.OfUser():
			n.object(v, c, lookupUser, lookupUserKey, lookupUserName, "userName")
			if c.Kind == reconcile.DeleteUser {
				n.deletion(v, c, removed)
			}
		default:
			n.object(v, c, lookupGroup, lookupGroupKey, lookupGroupName, "displayName")
			if c.Kind == reconcile.AdoptGroup {
				n.add(v, lookup{lookupMembers, c.ID})
			}
		}
	}
	for key, g := range p.Linking.State.Groups {
		if k := removed[g.ID]; k > 0 {
			n.count(v, in, g, key, k)
		}
	}
	slices.SortFunc(n.lookups, lookup.compare)
	n.lookups = slices.Compact(n.lookups)
	return n
}

func (n *requiredLookups) empty() bool { return len(n.lookups)+len(n.pairs)+len(n.counts) == 0 }

func (n *requiredLookups) add(v *View, w lookup) {
	if !v.has(w) {
		n.lookups = append(n.lookups, w)
	}
}

// object wants to see an object, or that there is none, and who has the name that it takes.
func (n *requiredLookups) object(v *View, c *reconcile.Change, byID, byKey, byName lookupKind, name string) {
	if c.ID != "" {
		n.add(v, lookup{byID, c.ID})
	} else {
		n.add(v, lookup{byKey, c.Key})
	}
	for _, a := range c.Attributes {
		if a.Path == name && a.New != "" && c.Kind != reconcile.TemporaryRenameUser && c.Kind != reconcile.TemporaryRenameGroup {
			n.add(v, lookup{byName, a.New})
		}
	}
}

func (n *requiredLookups) membership(v *View, p *reconcile.Plan, c *reconcile.Change, removed map[string]int) {
	user := idOf(p, c.Member)
	if c.ID == "" { // a new group
		return
	}
	if c.Kind == reconcile.AddMember {
		n.add(v, lookup{lookupGroup, c.ID})
	} else {
		removed[c.ID]++
		if v.user(user) == nil { // came since the users were listed
			n.add(v, lookup{lookupUser, user})
		}
	}
	if user != "" && !v.hasPair(c.ID, user) {
		n.pairs = append(n.pairs, membership{c.ID, user})
	}
}

// deletion takes memberships along that no change names.
func (n *requiredLookups) deletion(v *View, c *reconcile.Change, removed map[string]int) {
	n.add(v, lookup{lookupGroupsOf, c.ID})
	for group, members := range v.Observed.Members {
		if _, in := slices.BinarySearch(members, c.ID); in {
			removed[group]++
		}
	}
}

// count wants to know that a group has enough members for gate memberRemovals to let so many go, and one more: what is remembered of its
// size decides nothing.
func (n *requiredLookups) count(v *View, in reconcile.PlanInput, g *reconcile.Group, key string, removed int) {
	if v.has(lookup{lookupMembers, g.ID}) {
		return
	}
	enough := in.EnoughMembers(key, removed, len(v.Observed.Members[g.ID]))
	if enough > v.atLeast[g.ID] {
		n.counts[g.ID] = enough
	}
}

// idOf returns the id behind a member reference; empty for somebody whom this plan creates.
func idOf(p *reconcile.Plan, member string) string {
	if id, ok := reconcile.UnmanagedID(member); ok {
		return id
	}
	if u := p.Linking.State.Users[member]; u != nil {
		return u.ID
	}
	return ""
}
