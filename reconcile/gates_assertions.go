package reconcile

import (
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// holdViolations holds the intended changes that bring or keep a violation of an assertion. Drift
// and ends on reviewed dates pass: the clock makes no commit wrong.
func holdViolations(in *gateInput, _ limit) map[int]string {
	mayViolate := func(c *Change) bool { return c.Origin == Intended && !c.Reason.ReviewedEnd }
	if in.declarations == nil || in.count(mayViolate) == 0 {
		return nil
	}
	out := map[int]string{}
	for _, key := range slices.Sorted(maps.Keys(in.assertions)) {
		a := in.assertions[key]
		v, violates := in.violation(a)
		if v.Text == "" {
			continue
		}
		for i := range in.changes {
			if c := &in.changes[i]; out[i] == "" && mayViolate(c) && violates(c) {
				out[i] = violationReason(key, v)
			}
		}
	}
	return out
}

// violation checks an assertion on the declarations. It also returns a function that reports
// whether a change violates it.
func (in *gateInput) violation(a *schema.Assertion) (v Violation, violates func(*Change) bool) {
	v = declaredAccess{
		d: in.declarations, membership: in.desired.Membership, desired: []*Desired{in.desired}, now: in.now,
	}.check(a)
	switch {
	case a.Disjoint != nil:
		violators := v.keys()
		return v, func(c *Change) bool {
			return c.Kind == AddMember && slices.Contains(a.Disjoint, c.Key) && violators[c.Member] ||
				c.Kind == ActivateUser && violators[c.Key]
		}
	case a.AtLeast != nil:
		return in.tooFew(a.AtLeast, v)
	case a.Only != nil:
		violators, matches := v.keys(), compiled(a.Only.Pattern)
		if a.Only.Attribute == "active" {
			maps.DeleteFunc(violators, func(key string, _ bool) bool { return in.endedByDate(key) })
		}
		return v, func(c *Change) bool {
			switch {
			case c.Kind.OfMembership():
				return c.Kind == AddMember && violators[c.Member]
			case !c.Kind.OfUser() || !violators[c.Key]:
				return false
			}
			return !c.Kind.TakesAccess() || slices.ContainsFunc(c.Attributes, func(x AttributeChange) bool {
				return x.Path == a.Only.Attribute && matches(x.New)
			})
		}
	}
	return v, nil
}

// endedByDate reports whether a date has made a user inactive.
func (in *gateInput) endedByDate(key string) bool {
	u := in.declarations.Users[key]
	return u != nil && InvalidReason(u, in.now) != ""
}

// keys returns the keys of the users in a violation.
func (v Violation) keys() map[string]bool {
	out := map[string]bool{}
	for _, w := range v.Users {
		out[w.Key] = true
	}
	return out
}

// tooFew checks the minimum of a group that the directory has: as declared, and after the plan. The
// scope of the provisioner may deactivate users who are active as declared. What takes an active
// member from the group violates the minimum.
func (in *gateInput) tooFew(a *schema.AtLeast, declared Violation) (v Violation, violates func(*Change) bool) {
	have := in.linking.State.Groups[a.Group]
	if have == nil {
		return Violation{}, nil
	}
	if v = declared; v.Text == "" {
		v = atLeast(a, in.activeAfter(a.Group))
	}
	active := map[string]bool{}
	for _, member := range have.Members {
		u := in.linking.State.Users[member]
		active[member] = u != nil && u.Active()
	}
	return v, func(c *Change) bool {
		switch {
		case c.Kind.OfUser():
			return c.Kind.TakesAccess() && active[c.Key]
		case c.Key != a.Group:
			return false
		}
		return c.Kind == DeleteGroup || c.Kind == RemoveMember && active[c.Member]
	}
}

// activeAfter returns the members of a group who are active in the directory after the plan.
func (in *gateInput) activeAfter(group string) []Violator {
	var out []Violator
	if g := in.target.State.Groups[group]; g != nil {
		for _, member := range g.Members {
			if u := in.target.State.Users[member]; u != nil && u.Active() {
				out = append(out, Violator{Key: member, Name: u.Name()})
			}
		}
	}
	return out
}
