package explain

import (
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// group explains a group.
func (x *explainer) group() {
	x.observe(reconcile.CreateGroup, reconcile.AdoptGroup, reconcile.DeleteGroup, reconcile.ReleaseGroup)
	facts := x.Declared.Group
	if facts == nil {
		x.formerFacts()
	} else {
		x.groupFacts(facts)
	}
	wanted := facts != nil && pushes(x.Provisioner, x.Key)
	stated := 0
	a := &x.out.InAWS
	_, managed := x.owned()
	switch {
	case a.Presence == Managed && !wanted && x.Provisioner.PushGroups:
		x.differ("still in AWS", x.Key, "", reconcile.DeleteGroup)
		stated = 1
	case a.Presence == Unmanaged && wanted:
		x.differ("roster does not manage the group", x.Key, "", reconcile.AdoptGroup)
		if x.open(x.Key, "", reconcile.AdoptGroup) == nil {
			x.out.Differences[0].Why = "adopt is \"never\"; adopt: \"match\" in the provisioner would take the " +
				"group over"
		}
		stated = 1
	case (a.Presence == Absent || a.Presence == Unknown) && wanted:
		x.differ("not in AWS yet", x.Key, "", reconcile.CreateGroup, reconcile.AdoptGroup)
		stated = 1
	case managed && wanted:
		x.memberDifferences()
	}
	x.answer(x.groupAnswer(facts, wanted, managed), stated)
}

// groupFacts adds the facts of the declarations.
func (x *explainer) groupFacts(facts *GroupFacts) {
	g := facts.Group
	x.out.Name = g.DisplayName
	x.fact("declared", "", g.Pos, "displayName %q", g.DisplayName)
	if len(g.Previously) > 0 {
		x.fact("declared", "", g.Pos, "earlier keys: %s", schema.QuoteList(g.Previously))
	}
	x.selection()
	members := map[string]bool{}
	for _, m := range facts.Members {
		members[m.User] = true
		if f := x.fact("member", m.User, m.Pos, "%s%s", m.Path, x.scopeNote(m)); m.Until != nil {
			f.Until = m.Until.Text
		}
	}
	for i := range g.Members {
		if m := &g.Members[i]; !members[m.User] && m.Until != nil {
			x.fact("not a member", m.User, m.Pos, "the membership ended on %s", m.Until.Text)
		}
	}
}

// memberDifferences adds the memberships that the last run did not change.
func (x *explainer) memberDifferences() {
	seen := map[string]bool{}
	for _, r := range x.Recent {
		for i := range r.Report.Changes {
			d := &r.Report.Changes[i]
			if d.Key != x.Key || seen[d.Member] || d.Kind.OfUser() {
				continue
			}
			seen[d.Member] = true
			switch {
			case d.Result == reconcile.ResultDone:
			case d.Kind == reconcile.AddMember:
				x.differ(fmt.Sprintf("without %s", d.MemberName), x.Key, d.Member, d.Kind)
			case d.Kind == reconcile.RemoveMember:
				x.differ(fmt.Sprintf("still with %s", d.MemberName), x.Key, d.Member, d.Kind)
			case !d.Kind.OfMembership():
				x.differ(string(d.Kind)+" is open", x.Key, "", d.Kind)
			}
		}
	}
}

// groupAnswer returns the answer about a group, without the differences of memberships.
func (x *explainer) groupAnswer(facts *GroupFacts, wanted, managed bool) string {
	why := ""
	if len(x.out.Differences) > 0 {
		why = x.out.Differences[0].Why
	}
	switch a := &x.out.InAWS; {
	case a.Presence == Contradicted:
		return x.contradictedAnswer("group", "is in AWS")
	case a.Presence == Unconfirmed:
		return fmt.Sprintf("may be in AWS: run %s sent it and got no response; the next runs look it up",
			x.Ledger.Unconfirmed[x.ref()].Run)
	case a.Presence == Unmanaged && wanted:
		return "is in AWS; roster does not manage the group: " + why
	case a.Presence == Unmanaged:
		return "is in AWS; roster does not manage the group: " + x.whyNotPushed(facts)
	case a.Presence == Managed && wanted:
		return fmt.Sprintf("is in AWS, with %s declared", schema.Count(len(facts.Members), "member"))
	case a.Presence == Managed && !x.Provisioner.PushGroups:
		return fmt.Sprintf("is in AWS and not changed there: provisioner %q does not push groups", x.Provisioner.Key)
	case a.Presence == Managed:
		return fmt.Sprintf("is still in AWS, although %s: %s", x.whyNotPushed(facts), why)
	case managed && wanted:
		return "is no longer in AWS: " + why
	case wanted && a.Presence == Unknown:
		return "is not known to be in AWS: " + why
	case wanted:
		return "is not in AWS yet: " + why
	case a.Presence == Unknown:
		return "is not managed by roster: " + x.whyNotPushed(facts) + x.mayBeUnmanaged()
	}
	return "is not in AWS: " + x.whyNotPushed(facts)
}

// whyNotPushed returns why the declarations do not want the group in AWS.
func (x *explainer) whyNotPushed(facts *GroupFacts) string {
	switch {
	case facts == nil:
		return x.whyNotDeclared()
	case !x.Provisioner.PushGroups:
		return fmt.Sprintf("provisioner %q does not push groups", x.Provisioner.Key)
	}
	return fmt.Sprintf("provisioner %q does not select it", x.Provisioner.Key)
}

// selection adds the fact why the group is pushed or not.
func (x *explainer) selection() {
	p := x.Provisioner
	switch {
	case !p.PushGroups:
		x.fact("scope", "", p.Pos, "not pushed: pushGroups is false")
	case p.AllUsers:
		x.fact("scope", "", p.Pos, "pushed: provisioner %q selects no groups, so it pushes all groups", p.Key)
	case selects(p, x.Key):
		x.fact("scope", "", p.GroupsPos, "pushed: provisioner %q selects it", p.Key)
	default:
		x.fact("scope", "", p.GroupsPos, "not pushed: provisioner %q selects %s", p.Key, schema.QuoteList(p.Groups))
	}
}

// scopeNote returns why a member is not able to use the group in AWS; "" if the member is.
func (x *explainer) scopeNote(m MemberFacts) string {
	_, managed := x.Ledger.Users[m.User]
	switch {
	case !selects(x.Provisioner, x.Key) && !managed:
		return "; in scope of this provisioner only through another group"
	case m.Inactive != "" && managed:
		return "; may not sign in: " + m.Inactive
	case m.Inactive != "":
		return "; not in AWS: " + m.Inactive
	}
	return ""
}
