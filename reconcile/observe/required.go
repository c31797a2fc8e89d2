package observe

import (
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// requiredLookups is what a plan depends on and its run has not read yet.
type requiredLookups struct {
	lookups     []lookup
	memberships []membership
	// minMembers is how many members of a group the run must read, by group id. With so many
	// members no gate decides otherwise, however many more the group has.
	minMembers map[string]int
}

// membership is one user in one group, by ids.
type membership struct{ group, user string }

// requiredLookups returns what the released changes of a plan depend on: each object that they
// change, each name that they take, each membership that they add or remove, and that a group which
// loses members keeps some. Changes that are held or wait are not sent; they may depend on the
// cache.
func (v *View) requiredLookups(p *reconcile.Plan, in reconcile.PlanInput) requiredLookups {
	n := requiredLookups{minMembers: map[string]int{}}
	removed := map[string]int{} // number of members, by group id
	for i := range p.Changes {
		c := &p.Changes[i]
		switch {
		case !c.Released(), v.answerProves(c, in):
		case c.Member != "":
			n.addMembership(v, p, c, removed)
		case c.Kind.OfUser():
			n.addObject(v, c, lookupUser, lookupUserKey, lookupUserName, "userName")
			if c.Kind.Action() == reconcile.ActionDelete {
				n.addDeletion(v, c, removed)
			}
		default:
			n.addObject(v, c, lookupGroup, lookupGroupKey, lookupGroupName, "displayName")
			if c.Kind.Action() == reconcile.ActionAdopt {
				n.add(v, lookup{lookupMembers, c.ID})
			}
		}
	}
	for key, g := range p.Linking.State.Groups {
		if k := removed[g.ID]; k > 0 {
			n.addMinMembers(v, in, g, key, k)
		}
	}
	slices.SortFunc(n.lookups, lookup.compare)
	n.lookups = slices.Compact(n.lookups)
	return n
}

func (n *requiredLookups) empty() bool {
	return len(n.lookups)+len(n.memberships)+len(n.minMembers) == 0
}

// add adds a lookup unless its answer was read in this run.
func (n *requiredLookups) add(v *View, l lookup) {
	if !v.isFresh(l) {
		n.lookups = append(n.lookups, l)
	}
}

// addObject adds the lookup of a change's object, and of the object that has the name which the
// change takes.
func (n *requiredLookups) addObject(v *View, c *reconcile.Change, byID, byKey, byName lookupKind, name string) {
	if c.ID != "" {
		n.add(v, lookup{byID, c.ID})
	} else {
		n.add(v, lookup{byKey, c.Key})
	}
	for _, a := range c.Attributes {
		if a.Path == name && a.New != "" && c.Kind.Action() != reconcile.ActionTemporaryRename {
			n.add(v, lookup{byName, a.New})
		}
	}
}

// addMembership adds what an add-member or remove-member depends on, and counts removals.
func (n *requiredLookups) addMembership(v *View, p *reconcile.Plan, c *reconcile.Change, removed map[string]int) {
	user := memberID(p, c.Member)
	if c.ID == "" { // a new group
		return
	}
	if c.Kind.Action() == reconcile.ActionCreate {
		n.add(v, lookup{lookupGroup, c.ID})
	} else {
		removed[c.ID]++
		if v.user(user) == nil { // created after the users were listed
			n.add(v, lookup{lookupUser, user})
		}
	}
	if user != "" && !v.membershipIsFresh(c.ID, user) {
		n.memberships = append(n.memberships, membership{c.ID, user})
	}
}

// addDeletion adds the groups of a user to be deleted: the deletion removes memberships that no
// change names.
func (n *requiredLookups) addDeletion(v *View, c *reconcile.Change, removed map[string]int) {
	n.add(v, lookup{lookupGroupsOf, c.ID})
	for group, members := range v.Observed.Members {
		if _, in := slices.BinarySearch(members, c.ID); in {
			removed[group]++
		}
	}
}

// addMinMembers requires a count of the members of a group that loses members: as many as gate
// memberRemovals needs to release the removals, and one more than are removed. The cached size must
// not decide this.
func (n *requiredLookups) addMinMembers(v *View, in reconcile.PlanInput, g *reconcile.Group, key string, removed int) {
	if v.isFresh(lookup{lookupMembers, g.ID}) {
		return
	}
	enough := in.EnoughMembers(key, removed, len(v.Observed.Members[g.ID]))
	if enough > v.minMembers[g.ID] {
		n.minMembers[g.ID] = enough
	}
}

// memberID returns the directory's id of a member; empty for a user that the plan creates.
func memberID(p *reconcile.Plan, member string) string {
	if id, ok := reconcile.UnmanagedID(member); ok {
		return id
	}
	if u := p.Linking.State.Users[member]; u != nil {
		return u.ID
	}
	return ""
}
