package reconcile

import (
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// declarations returns declarations that give the desired state of the fixture.
func (p *planFixture) declarations(assertions map[string]*schema.Assertion) *schema.Declarations {
	d := &schema.Declarations{
		Users: map[string]*schema.User{}, Groups: map[string]*schema.Group{}, Assertions: assertions,
	}
	for key, u := range p.in.Desired.Users {
		d.Users[key] = &schema.User{Key: key, State: schema.Active, ValidUntil: u.Until, Previously: u.Previously}
		if !u.Active && !u.Ended {
			d.Users[key].State = schema.Inactive
		}
	}
	for key, g := range p.in.Desired.Groups {
		group := &schema.Group{Key: key, DisplayName: g.DisplayName, Previously: g.Previously}
		for _, member := range g.Members {
			group.Members = append(group.Members, schema.GroupMember{User: member})
		}
		d.Groups[key] = group
	}
	return d
}

// assert declares assertions, and those of the policy in force.
func (p *planFixture) assert(before, now map[string]*schema.Assertion) {
	d := p.declarations(now)
	p.in.Desired.Membership = d.Membership(p.in.Now)
	p.in.Commit = CommitRef{ID: "c0ffee0123"}
	p.in.Policy = PolicyOf(d, p.in.Provisioner)
	p.in.AppliedPolicy = &Policy{
		Provisioner: p.in.Provisioner, Assertions: before, Declarations: &schema.Declarations{},
	}
}

// setInactive declares the users numbered from..to inactive.
func (p *planFixture) setInactive(from, to int) {
	p.set(from, to, "active", "false")
	for i := from; i <= to; i++ {
		p.in.Desired.Users[userNumber(i).Key].Active = false
	}
}

// endMemberships gives the users numbered from..to memberships that have ended, as the last applied
// commit had granted them.
func (p *planFixture) endMemberships(group string, from, to int) {
	end := p.in.Now.Add(-time.Hour)
	g := p.in.Policy.Declarations.Groups[group]
	for i := from; i <= to; i++ {
		g.Members = append(g.Members, schema.GroupMember{
			User: userNumber(i).Key, Until: &schema.Date{Text: "2026-11-24", Start: end, End: end},
		})
	}
	p.in.Desired.Membership = p.in.Policy.Declarations.Membership(p.in.Now)
	p.in.LastApplied.Membership = p.in.Policy.Declarations.Membership(end.AddDate(0, 0, -2))
}

func asserts(key string, a *schema.Assertion) map[string]*schema.Assertion {
	return map[string]*schema.Assertion{key: a}
}

// The assertions of the rows. Groups g and k have the users 1, 2, 3 and 4, 5.
var (
	sod  = asserts("sod", &schema.Assertion{Disjoint: []string{"g", "k"}})
	two  = asserts("two", &schema.Assertion{AtLeast: &schema.AtLeast{Group: "g", Active: 2}})
	one  = asserts("two", &schema.Assertion{AtLeast: &schema.AtLeast{Group: "g", Active: 1}})
	only = asserts("only", &schema.Assertion{Only: &schema.Only{Attribute: "title", Pattern: "^Admin",
		Where: &schema.Rule{Fields: map[string][]any{"department": {"Platform"}}}}})
)

// asserted changes a plan after its groups are in sync, and then declares assertions.
func asserted(before, now map[string]*schema.Assertion, change func(p *planFixture)) func(*planFixture) {
	return func(p *planFixture) {
		p.start(9, groupOf("g", "Group", 1, 3), groupOf("k", "Kin", 4, 5))
		change(p)
		p.assert(before, now)
	}
}

func assertionRows() []gateRow {
	return slices.Concat(disjointRows(), atLeastRows(), onlyRows())
}

func disjointRows() []gateRow {
	third := func(p *planFixture) { p.setGroup(groupOf("k", "Kin", 3, 5)) }
	joins := []string{"add-member k u0003"}
	return []gateRow{
		{name: "a removed assertion forbids the new membership", plan: asserted(sod, nil, third), holds: joins},
		{name: "a declared assertion forbids the new membership", plan: asserted(sod, sod, third), holds: joins},
		{name: "no assertion was ever declared", plan: asserted(nil, nil, third), passes: joins},
		{name: "another user of the group gets a membership", holds: joins, passes: []string{"add-member k u0006"},
			plan: asserted(sod, nil, func(p *planFixture) { p.setGroup(groupOf("k", "Kin", 3, 6)) })},
		{name: "a user moves from one group to the other",
			passes: []string{"add-member k u0003", "remove-member g u0003"},
			plan: asserted(sod, nil, func(p *planFixture) {
				p.setGroup(groupOf("g", "Group", 1, 2))
				third(p)
			})},
		{name: "the second group is renamed by the same commit",
			holds: []string{"add-member l u0003"}, passes: []string{"update-group l"},
			plan: asserted(sod, nil, func(p *planFixture) {
				renamed := groupOf("l", "Kin", 3, 5)
				renamed.Previously = []string{"k"}
				delete(p.in.Desired.Groups, "k")
				p.setGroup(renamed)
			})},
		{name: "a user in both groups becomes active again", holds: []string{"activate-user u0003"},
			plan: asserted(sod, nil, func(p *planFixture) {
				third(p)
				p.in.Observed.Members["id-k"] = append(p.in.Observed.Members["id-k"], "id-u0003")
				p.inactiveBefore(3)
			})},
		{name: "a membership that was removed outside comes back", passes: joins,
			plan: asserted(sod, nil, func(p *planFixture) {
				third(p)
				p.in.LastApplied.Groups["k"] = groupOf("k", "Kin", 3, 5)
			})},
	}
}

func atLeastRows() []gateRow {
	leaves := func(from, to int) func(*planFixture) {
		return func(p *planFixture) { p.setGroup(groupOf("g", "Group", from, to)) }
	}
	two3 := []string{"remove-member g u0002", "remove-member g u0003"}
	return []gateRow{
		{name: "a removed minimum is not reached", plan: asserted(two, nil, leaves(1, 1)), holds: two3},
		{name: "a lowered minimum is not reached", plan: asserted(two, one, leaves(1, 1)), holds: two3},
		{name: "the declared minimum is not reached", plan: asserted(two, two, leaves(1, 1)), holds: two3},
		{name: "the minimum is reached", plan: asserted(two, nil, leaves(1, 2)),
			passes: []string{"remove-member g u0003"}},
		{name: "members become inactive", holds: []string{"deactivate-user u0001", "deactivate-user u0002"},
			passes: []string{"deactivate-user u0004"},
			plan: asserted(two, nil, func(p *planFixture) {
				p.setInactive(1, 2)
				p.setInactive(4, 4)
			})},
		{name: "members leave the scope",
			holds: []string{"deactivate-user u0001", "remove-member g u0001", "deactivate-user u0002",
				"remove-member g u0002"},
			plan: asserted(two, nil, func(p *planFixture) { p.removeUsers(1, 2) })},
		{name: "an inactive member leaves a group that is too small", holds: []string{"remove-member g u0002"},
			passes: []string{"remove-member g u0003"},
			plan: asserted(two, nil, func(p *planFixture) {
				leaves(1, 1)(p)
				p.setInactive(3, 3)
				p.inactiveBefore(3)
			})},
		{name: "the group is deleted", holds: []string{"delete-group g"},
			plan: asserted(two, nil, func(p *planFixture) { delete(p.in.Desired.Groups, "g") })},
		{name: "the group is deselected, and declared as before", holds: []string{"delete-group g"},
			plan: func(p *planFixture) {
				asserted(two, two, func(*planFixture) {})(p)
				delete(p.in.Desired.Groups, "g")
			}},
		{name: "members are removed from another group", passes: []string{"remove-member k u0005"},
			plan: asserted(two, nil, func(p *planFixture) { p.setGroup(groupOf("k", "Kin", 4, 4)) })},
		{name: "the directory does not have the group",
			passes: []string{"deactivate-user u0009"},
			plan: asserted(asserts("far", &schema.Assertion{AtLeast: &schema.AtLeast{Group: "far", Active: 1}}), nil,
				func(p *planFixture) { p.setInactive(9, 9) })},
		{name: "the memberships end on a reviewed date", passes: two3,
			plan: func(p *planFixture) {
				asserted(two, nil, leaves(1, 1))(p)
				p.endMemberships("g", 2, 3)
			}},
	}
}

func onlyRows() []gateRow {
	title := func(p *planFixture) { p.set(1, 1, "title", "Admin") }
	return []gateRow{
		{name: "a user gets a value that is not permitted", plan: asserted(only, nil, title),
			holds: []string{"update-user u0001"}},
		{name: "a declared assertion forbids the value", plan: asserted(only, only, title),
			holds: []string{"update-user u0001"}},
		{name: "a user with a forbidden value gets a membership", holds: []string{"add-member k u0001"},
			plan: func(p *planFixture) {
				p.start(9, groupOf("g", "Group", 1, 3), groupOf("k", "Kin", 4, 5))
				title(p)
				p.sync()
				group := groupOf("k", "Kin", 4, 5)
				group.Members = append([]string{"u0001"}, group.Members...)
				p.setGroup(group)
				p.assert(only, nil)
			}},
		{name: "a user with a forbidden value loses a membership", passes: []string{"remove-member g u0003"},
			plan: func(p *planFixture) {
				p.start(9, groupOf("g", "Group", 1, 3))
				p.set(3, 3, "title", "Admin")
				p.sync()
				p.setGroup(groupOf("g", "Group", 1, 2))
				p.assert(only, nil)
			}},
		{name: "a user with a forbidden value is deactivated", passes: []string{"deactivate-user u0001"},
			plan: func(p *planFixture) {
				p.set(1, 1, "title", "Admin")
				p.sync()
				p.setInactive(1, 1)
				p.assert(only, nil)
			}},
		{name: "a deactivation also sets a forbidden value", holds: []string{"deactivate-user u0001"},
			plan: asserted(only, nil, func(p *planFixture) {
				title(p)
				p.setInactive(1, 1)
			})},
	}
}
