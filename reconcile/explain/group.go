package explain

import (
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// group explains a group.
func (x *explainer) group() {
	g, want := x.Declarations.Groups[x.Key], x.Desired.Groups[x.Key]
	owned, managed := x.Ledger.Groups[x.Key]
	if g != nil && !managed {
		owned, managed = earlierEntry(x.Ledger.Groups, g.Previously)
	}
	if g == nil {
		x.fact("declared", "", schema.Pos{}, "not declared")
	} else {
		x.out.Name = g.DisplayName
		x.fact("declared", "", g.Pos, "displayName %q", g.DisplayName)
		if len(g.Previously) > 0 {
			x.fact("declared", "", g.Pos, "earlier keys: %s", schema.QuoteList(g.Previously))
		}
		x.selection(want)
		for _, m := range x.Desired.Membership.Group(x.Key) {
			path, note := x.membershipPath(x.Key, m.User), x.scopeNote(m.User)
			if f := x.fact("member", m.User, m.Pos, "%s%s", path, note); m.Until != nil {
				f.Until = m.Until.Text
			}
		}
		for i := range g.Members {
			m := &g.Members[i]
			if _, in := x.Desired.Member(x.Key, m.User); !in && m.Until != nil {
				x.fact("not a member", m.User, m.Pos, "the membership ended on %s", m.Until.Text)
			}
		}
	}
	x.ownership(owned, managed)
	n := schema.Count(len(x.Desired.Membership.Group(x.Key)), "member")
	switch {
	case x.contradiction() != "":
		x.answer("is not managed: the ledger and AWS contradict each other%s.", x.pending())
	case managed && want != nil && x.isOpen(reconcile.CreateGroup):
		x.answer("is no longer in AWS: %s.", x.whyMissing(reconcile.CreateGroup))
	case managed && want != nil:
		x.answer("is in AWS, with %s declared.", n)
	case managed && !x.Provisioner.PushGroups:
		x.answer("is in AWS and not changed there: provisioner %q does not push groups.", x.Provisioner.Key)
	case managed:
		x.answer("is still in AWS, but provisioner %q no longer selects it: it will be deleted after approval.",
			x.Provisioner.Key)
	case g == nil:
		x.answer("is not in AWS: not declared.")
	case !x.Provisioner.PushGroups:
		x.answer("is not in AWS: provisioner %q does not push groups.", x.Provisioner.Key)
	case want == nil:
		x.answer("is not in AWS: provisioner %q does not select it.", x.Provisioner.Key)
	default:
		x.answer("is not in AWS yet: %s.", x.whyMissing(reconcile.CreateGroup, reconcile.AdoptGroup))
	}
}

// selection adds the fact why the group is pushed or not.
func (x *explainer) selection(want *reconcile.DesiredGroup) {
	switch {
	case want != nil && x.Desired.AllUsers:
		x.fact("scope", "", x.Provisioner.Pos, "pushed: provisioner %q selects no groups, so it pushes all groups",
			x.Provisioner.Key)
	case want != nil:
		x.fact("scope", "", x.Provisioner.GroupsPos, "pushed: provisioner %q selects it", x.Provisioner.Key)
	case !x.Provisioner.PushGroups:
		x.fact("scope", "", x.Provisioner.Pos, "not pushed: pushGroups is false")
	default:
		x.fact("scope", "", x.Provisioner.GroupsPos, "not pushed: provisioner %q selects %s", x.Provisioner.Key,
			schema.QuoteList(x.Provisioner.Groups))
	}
}

// scopeNote returns why a member is not in the group in AWS; "" if the member is.
func (x *explainer) scopeNote(user string) string {
	want := x.Desired.Users[user]
	_, managed := x.Ledger.Users[user]
	switch {
	case want == nil:
		return "; not in scope of this provisioner"
	case !want.Active && managed:
		return "; inactive: " + x.condition(x.Declarations.Users[user])
	case !want.Active:
		return "; not in AWS: " + x.condition(x.Declarations.Users[user])
	}
	return ""
}
