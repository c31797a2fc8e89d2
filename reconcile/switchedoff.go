package reconcile

import "cmp"

// findSwitchedOff finds the users whom the target activates although they were deactivated outside
// roster: roster owns them, has not deactivated them, and never saw them inactive while they were
// declared so. Their activation becomes a change of its own, so that gate switchedOff does not hold
// their other changes.
func (t *Target) findSwitchedOff(l *Linking, in PlanInput) {
	for key, have := range l.State.Users {
		want := t.State.Users[key]
		if want == nil || want == have || have.Active() || !want.Active() || have.NotOwned || t.Leavers[key] != "" {
			continue
		}
		if in.deactivated(l, key) {
			continue
		}
		t.SwitchedOff[key] = true
		have.ActivateApart = true
	}
}

// deactivated reports whether roster deactivated a user, as the ledger says. For an entry that is
// not proved, the last applied declarations must agree: the user was inactive or out of scope.
func (in PlanInput) deactivated(l *Linking, key string) bool {
	owned := l.ownedUser(in.Ledger, key)
	if owned.LeftScopeAt == nil && owned.InactiveSince == nil {
		return false
	}
	if !in.Unproved.Users[cmp.Or(l.RenamedUsers[key], key)] {
		return true
	}
	before := in.LastApplied.user(in.Desired.Users[key], key)
	return in.LastApplied != nil && (before == nil || !before.Active)
}

// holdSwitchedOff holds the activation of users who were deactivated outside roster.
func holdSwitchedOff(in *gateInput, _ limit) map[int]string {
	return in.where(in.switchedOff, switchedOffReason())
}

func (in *gateInput) switchedOff(c *Change) bool {
	return c.Kind == ActivateUser && in.target.SwitchedOff[c.Key]
}

// splitActivation splits the activation of a user from the other changes of the user. The other
// changes come first.
func splitActivation(c Change) []Change {
	rest, activation := c, c
	rest.Attributes, activation.Attributes = nil, nil
	for _, a := range c.Attributes {
		if a.Path == "active" {
			activation.Attributes = append(activation.Attributes, a)
		} else {
			rest.Attributes = append(rest.Attributes, a)
		}
	}
	if len(rest.Attributes) == 0 {
		return []Change{c}
	}
	rest.Kind = userKind(rest.Attributes)
	activation.dependOn(rest.Ref())
	return []Change{rest, activation}
}
