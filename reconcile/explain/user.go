package explain

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// user explains a user.
func (x *explainer) user() {
	u, want := x.Declarations.Users[x.Key], x.Desired.Users[x.Key]
	owned, managed := x.Ledger.Users[x.Key]
	if u != nil && !managed {
		owned, managed = earlierEntry(x.Ledger.Users, u.Previously)
	}
	if u == nil {
		x.fact("declared", "", schema.Pos{}, "not declared")
	} else {
		x.out.Name = u.Email
		x.fact("declared", "", u.Pos, "%s %s, userId %q, email %q", u.FirstName, u.LastName, u.UserID, u.Email)
		if len(u.Previously) > 0 {
			x.fact("declared", "", u.Pos, "earlier keys: %s", schema.QuoteList(u.Previously))
		}
		x.fact("state", "", u.Pos, "%s", x.condition(u))
		x.scope(u, want)
		x.memberships(u)
	}
	if want != nil {
		if name, _ := want.Attributes.Get("userName"); name != "" {
			x.out.Name = name
		}
		x.values(u, want)
	}
	x.ownership(owned, managed)
	switch {
	case x.contradiction() != "":
		x.answer("is not managed: the ledger and AWS contradict each other%s.", x.pending())
	case managed && want != nil && x.isOpen(reconcile.CreateUser):
		x.answer("is no longer in AWS: %s.", x.whyMissing(reconcile.CreateUser))
	case managed && want != nil && want.Active && x.isOpen(reconcile.ActivateUser):
		x.answer("is in AWS but inactive there%s.", x.pending())
	case managed && want != nil && want.Active:
		x.answer("is in AWS and may sign in%s%s.", x.groupList(), x.pending())
	case managed && want != nil:
		x.answer("is in AWS but must be inactive there: %s%s.", x.condition(u), x.pending())
	case managed && owned.LeftScopeAt != nil:
		x.answer("left the scope: inactive in AWS since %s%s.", owned.LeftScopeAt.Format(time.DateOnly),
			x.deletion(owned))
	case managed && u == nil:
		x.answer("is still in AWS, but is no longer declared: deprovisioning is pending (deprovision: %s)%s.",
			x.Provisioner.Deprovision.Mode, x.pending())
	case managed:
		x.answer(
			"is still in AWS, but in no group that provisioner %q selects: "+
				"deprovisioning is pending (deprovision: %s)%s.",
			x.Provisioner.Key,
			x.Provisioner.Deprovision.Mode,
			x.pending(),
		)
	case u == nil:
		x.answer("is not in AWS: not declared.")
	case want == nil:
		x.answer("is not in AWS: in none of the groups that provisioner %q selects.", x.Provisioner.Key)
	case !want.Active:
		x.answer("is not in AWS: %s; inactive users are never created.", x.condition(u))
	default:
		x.answer("is not in AWS yet: %s.", x.whyMissing(reconcile.CreateUser, reconcile.AdoptUser))
	}
}

// condition returns the state of a user with its dates.
func (x *explainer) condition(u *schema.User) string {
	text := "state " + string(u.State)
	if why := reconcile.InvalidReason(u, x.Now); why != "" {
		return text + ", " + why
	}
	if u.ValidUntil != nil {
		text += ", valid until " + u.ValidUntil.Text
	}
	return text
}

// scope adds the fact why the user is in scope or not.
func (x *explainer) scope(u *schema.User, want *reconcile.DesiredUser) {
	switch {
	case x.Desired.AllUsers:
		x.fact("scope", "", x.Provisioner.Pos,
			"in scope: provisioner %q selects no groups, so all users are in scope", x.Provisioner.Key)
	case want == nil:
		x.fact("scope", "", x.Provisioner.GroupsPos, "not in scope: to add the user, make %s a member of one of %s",
			u.Email, schema.QuoteList(x.Provisioner.Groups))
	default:
		x.fact("scope", "", x.Provisioner.GroupsPos, "in scope through %s", schema.QuoteList(x.selectedGroups()))
	}
}

// selectedGroups returns the groups of the user that the provisioner selects.
func (x *explainer) selectedGroups() []string {
	return slices.DeleteFunc(slices.Clone(x.Desired.Membership.GroupsOf(x.Key)), func(key string) bool {
		return !slices.Contains(x.Desired.Selected, key)
	})
}

func (x *explainer) groupList() string {
	groups := x.selectedGroups()
	if len(groups) == 0 {
		return ", in no group"
	}
	return ", in " + schema.QuoteList(groups)
}

// memberships adds a fact for each group of the user, and facts about selected groups that the user
// is not in.
func (x *explainer) memberships(u *schema.User) {
	selected := make(map[string]bool, len(x.Desired.Selected))
	for _, key := range x.Desired.Selected {
		selected[key] = true
	}
	absent := x.absentFrom(u, selected)
	for _, key := range slices.Sorted(maps.Keys(x.Declarations.Groups)) {
		if m, in := x.Desired.Member(key, u.Key); in {
			text := x.membershipPath(key, u.Key)
			if !selected[key] {
				text += "; this provisioner does not select the group"
			}
			if f := x.fact("member", key, m.Pos, "%s", text); m.Until != nil {
				f.Until = m.Until.Text
			}
		} else if absent.listed[key] {
			at, text := x.absence(x.Declarations.Groups[key], u)
			x.fact("not a member", key, at, "%s", text)
		}
	}
	if n := absent.total - len(absent.listed); n > 0 {
		x.fact("not a member", "", x.Provisioner.Pos, "%s that provisioner %q selects; roster explain user %s "+
			"--group GROUP says why the user is not in one of them", schema.Count(n, "more group"), x.Provisioner.Key,
			u.Key)
	}
}

// maxAbsent is the number of groups that an explanation lists because the user is not in them.
const maxAbsent = 100

// absentGroups are the groups that a user is not in.
type absentGroups struct {
	listed map[string]bool // that the explanation lists
	total  int
}

// absentFrom returns the selected groups that the user is not in: all of them, or if there are more
// than an explanation lists, those in which the membership ended, and then others by key. If the
// caller asked for a group, it returns only this group.
func (x *explainer) absentFrom(u *schema.User, selected map[string]bool) absentGroups {
	out := absentGroups{listed: map[string]bool{}}
	if x.Group != "" {
		if _, in := x.Desired.Member(x.Group, u.Key); !in {
			out.listed[x.Group], out.total = true, 1
		}
		return out
	}
	var others []string
	for key := range selected {
		g := x.Declarations.Groups[key]
		if _, in := x.Desired.Member(key, u.Key); in || g == nil {
			continue
		}
		out.total++
		if g.Member(u.Key) != nil && len(out.listed) < maxAbsent {
			out.listed[key] = true
		} else {
			others = append(others, key)
		}
	}
	slices.Sort(others)
	for _, key := range others[:min(len(others), maxAbsent-len(out.listed))] {
		out.listed[key] = true
	}
	return out
}

// membershipPath returns the path from a group to the declaration that makes a user a member.
func (x *explainer) membershipPath(group, user string) string {
	m, _ := x.Desired.Member(group, user)
	text := ""
	switch nested, included := strings.CutPrefix(m.Via, "include "); {
	case included:
		nested = strings.Trim(nested, `"`)
		text = fmt.Sprintf("includes %q, there: %s", nested, x.membershipPath(nested, user))
		if inner, _ := x.Desired.Member(nested, user); inner.Pos.File != "" {
			text += " (" + inner.Pos.String() + ")"
		}
		return text
	case m.Via == "where":
		text = "the where rule selects " + x.rule(x.Declarations.Groups[group].Where, nil)
	default:
		text = "declared member"
	}
	if m.Reason != "" {
		text += fmt.Sprintf(" (%s)", m.Reason)
	}
	return text
}

// absence returns why a user is not in a group, and the position of the reason.
func (x *explainer) absence(g *schema.Group, u *schema.User) (schema.Pos, string) {
	if m := g.Member(u.Key); m != nil && m.Until != nil {
		return m.Pos, fmt.Sprintf("the membership ended on %s", m.Until.Text)
	}
	for _, nested := range slices.Sorted(maps.Keys(g.Include)) {
		if m := x.Declarations.Groups[nested].Member(u.Key); m != nil && m.Until != nil {
			return m.Pos, fmt.Sprintf("the membership in the included %q ended on %s", nested, m.Until.Text)
		}
	}
	if g.Where != nil {
		return g.Where.Pos, fmt.Sprintf("not a declared member, and the rule does not match: %s", x.rule(g.Where, u))
	}
	return g.Pos, fmt.Sprintf("not a member; to add the user, declare: groups: %q: members: %q: {}", g.Key, u.Key)
}

// rule returns the conditions of a rule; for a user, those that the user does not meet.
func (x *explainer) rule(r *schema.Rule, u *schema.User) string {
	fields := slices.Sorted(maps.Keys(r.Fields))
	if u != nil {
		fields = r.Mismatches(u)
	}
	var out []string
	for _, name := range fields {
		var values []string
		for _, v := range r.Fields[name] {
			values = append(values, fmt.Sprintf("%#v", v))
		}
		text := fmt.Sprintf("%s %s", name, strings.Join(values, " or "))
		if u != nil {
			have := "nothing"
			if v := u.Field(name); v != nil {
				have = fmt.Sprintf("%#v", v)
			}
			if t := x.Declarations.AttributeTypes[name]; t != nil && t.Redact {
				have = "(redacted)"
			}
			text = fmt.Sprintf("requires %s, has %s", text, have)
		}
		out = append(out, text)
	}
	return strings.Join(out, " and ")
}

// values adds a fact for each mapped value, at the position of its expression. It hides values that
// equal a redacted attribute of the user.
func (x *explainer) values(u *schema.User, want *reconcile.DesiredUser) {
	mapping := x.Declarations.Mappings[x.Provisioner.Mapping]
	hidden := map[string]bool{}
	for name, v := range u.Attributes {
		if t := x.Declarations.AttributeTypes[name]; t != nil && t.Redact {
			hidden[fmt.Sprint(v)] = true
		}
	}
	for _, a := range want.Attributes {
		text := fmt.Sprintf("%q", a.Value)
		switch {
		case a.Value == "":
			text = "must be absent (ifEmpty: clear)"
		case hidden[a.Value]:
			text = "(redacted)"
		}
		x.fact("value", a.Path, mapping.AttributePos(a.Path), "%s", text)
	}
}
