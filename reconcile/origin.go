package reconcile

import (
	"fmt"
)

// reasonSetter sets origin and reason of changes. A change is intended if the declarations changed
// since the last applied commit; otherwise it is drift.
type reasonSetter struct {
	desired, lastApplied *Desired // lastApplied is nil if nothing was applied yet
	linking              *Linking
	target               *Target
	ledger               *Ledger
	ends                 *endDates
}

func (r *reasonSetter) setReason(c *Change) {
	c.Origin, c.Reason = Intended, Reason{}
	if c.Kind.Action() == ActionRelease {
		c.Reason.Text = releaseReason(c.Kind)
		return
	}
	switch c.Kind.Info().Object {
	case ObjectMembership:
		r.member(c)
	case ObjectGroup:
		r.group(c)
	default:
		r.user(c)
	}
	if c.Reason.ReviewedEnd {
		c.Cause = Cause{Kind: CauseDate}
	}
}

// user sets the reason of a change of a user.
func (r *reasonSetter) user(c *Change) {
	want := r.desired.Users[c.Key]
	if want == nil {
		r.leaver(c)
		return
	}
	c.Reason.Position = want.At.String()
	action := c.Kind.Action()
	switch {
	case r.linking.Users[c.Key] == DeletedOutside:
		c.Origin, c.Reason.Text, c.Outside = Drift, "deleted outside", true
		return
	case r.linking.recreates(c):
		c.Origin, c.Reason.Text, c.Outside = Drift, "deleted and created again outside", true
		return
	case r.target.SwitchedOff[c.Key] && c.Kind == ActivateUser:
		c.Origin, c.Reason.Text, c.Outside = Drift, "deactivated outside", true
		return
	case action == ActionCreate:
		c.Reason.Text = "in scope"
	case action == ActionAdopt:
		c.Reason.Text = "exists in the directory, not managed yet"
	case action == ActionTemporaryRename:
		c.Reason.Text = "temporary rename to swap names"
	case r.linking.RenamedUsers[c.Key] != "":
		c.Reason.Text = renamedReason(r.linking.RenamedUsers[c.Key])
		return
	default:
		c.Reason.Text = "declared values"
		if !want.Active && c.Kind.TakesAccess() {
			c.Reason.Text = want.whyInactive()
			if want.Ended {
				c.Reason.ReviewedEnd = r.ends.user(c.Key)
			}
		}
	}
	if c.Kind == ActivateUser && r.leftScope(c.Key) { // roster deactivated the user
		c.Reason.Text = "back in scope"
		return
	}
	if r.lastApplied == nil || action == ActionAdopt || action == ActionTemporaryRename {
		return
	}
	before := r.lastApplied.Users[r.lastKey(c.Key)]
	if before == nil {
		return
	}
	if action == ActionCreate {
		if !before.Active { // not created until now
			return
		}
		c.Origin, c.Reason.Text = Drift, "deleted outside"
		return
	}
	for _, a := range c.Attributes {
		now, _ := want.Attributes.Get(a.Path)
		then, _ := before.Attributes.Get(a.Path)
		if now != then {
			return
		}
	}
	c.Origin, c.Reason.Text = Drift, "changed outside"
}

func renamedReason(old string) string { return fmt.Sprintf("key was %q", old) }

// lastKey returns the key of a user in the last applied state.
func (r *reasonSetter) lastKey(key string) string {
	return r.lastApplied.keyOf(r.desired.Users[key], key)
}

// lastGroup returns the key of a group in the last applied state.
func (r *reasonSetter) lastGroup(key string) string {
	g := r.desired.Groups[key]
	if r.lastApplied == nil || g == nil || r.lastApplied.Groups[key] != nil {
		return key
	}
	for _, old := range g.Previously {
		if r.lastApplied.Groups[old] != nil {
			return old
		}
	}
	return key
}

// keyOf returns the key that a user of a later state had in this one: an earlier key if the user
// was renamed since.
func (d *Desired) keyOf(later *DesiredUser, key string) string {
	if d != nil && later != nil && d.Users[key] == nil {
		for _, old := range later.Previously {
			if d.Users[old] != nil {
				return old
			}
		}
	}
	return key
}

// user returns a user of a later state as it was in this one; nil if it was not in this one.
func (d *Desired) user(later *DesiredUser, key string) *DesiredUser {
	if d == nil {
		return nil
	}
	return d.Users[d.keyOf(later, key)]
}

// leaver sets the reason of a change of a user who left the scope.
func (r *reasonSetter) leaver(c *Change) {
	c.Reason.Text, c.Reason.LeftScope = "left the scope", true
	if c.Kind.Action() == ActionDelete && r.target.Leavers[c.Key] == Deleted {
		c.Reason.Text = "left the scope; deletion is due"
	}
	// A user whom no run deactivated yet may have joined and left since the last applied commit.
	if r.lastApplied != nil && r.lastApplied.Users[c.Key] == nil && c.Kind.Action() != ActionDelete &&
		r.leftScope(c.Key) {
		c.Origin, c.Reason.Text = Drift, "left the scope, changed outside since"
		return
	}
	c.Reason.ReviewedEnd = c.Kind.TakesAccess() && r.ends.leaver(c.Key)
}

// group sets the reason of a change of a group.
func (r *reasonSetter) group(c *Change) {
	want := r.desired.Groups[c.Key]
	if want == nil {
		c.Reason.Text = "no longer declared for this provisioner"
		return
	}
	c.Reason.Position = want.At.String()
	action := c.Kind.Action()
	switch {
	case r.linking.Groups[c.Key] == DeletedOutside:
		c.Origin, c.Reason.Text, c.Outside = Drift, "deleted outside", true
		return
	case r.linking.recreates(c):
		c.Origin, c.Reason.Text, c.Outside = Drift, "deleted and created again outside", true
		return
	case action == ActionCreate:
		c.Reason.Text = "declared"
	case action == ActionAdopt:
		c.Reason.Text = "exists in the directory, not managed yet"
	case action == ActionTemporaryRename:
		c.Reason.Text = "temporary rename to swap names"
	case r.linking.RenamedGroups[c.Key] != "":
		c.Reason.Text = renamedReason(r.linking.RenamedGroups[c.Key])
	default:
		c.Reason.Text = "declared values"
	}
	if r.lastApplied == nil || action == ActionAdopt || action == ActionTemporaryRename ||
		r.linking.RenamedGroups[c.Key] != "" {
		return
	}
	if before := r.lastApplied.Groups[c.Key]; before != nil && before.DisplayName == want.DisplayName {
		c.Origin, c.Reason.Text = Drift, "changed outside"
	}
}

// member sets the reason of a change of a membership.
func (r *reasonSetter) member(c *Change) {
	if c.Kind.Action() == ActionCreate {
		if m, ok := r.desired.Member(c.Key, c.Member); ok {
			c.Reason = Reason{Text: "declared member", Position: m.Pos.String(), Via: m.Via}
		}
		if r.wasActiveMember(c.Key, c.Member) {
			c.Origin, c.Reason.Text = Drift, "removed outside"
		}
		return
	}
	if g := r.desired.Groups[c.Key]; g != nil {
		c.Reason.Position = g.At.String()
	}
	switch {
	case isUnmanaged(c.Member):
		c.Origin, c.Reason.Text = Drift, "added outside; unmanaged user"
		c.MemberName = r.linking.UnmanagedUsers[c.Member]
	case r.target.Leavers[c.Member] != "":
		c.Reason.Text = "left the scope"
		if r.lastApplied != nil && r.lastApplied.Users[c.Member] == nil {
			c.Origin, c.Reason.Text = Drift, "added outside; left the scope"
		}
	case r.addedOutside(c.Key, c.Member):
		c.Origin, c.Reason.Text = Drift, "added outside"
	default:
		c.Reason.Text = "no longer a member"
		if m, ok := r.desired.Membership.Ended(c.Key, c.Member); ok {
			c.Reason.Text, c.Reason.Position = "member until "+m.Until.Text, m.Pos.String()
		}
	}
	if c.Origin == Intended {
		c.Reason.ReviewedEnd = r.ends.member(c.Key, c.Member)
	}
}

// addedOutside reports whether neither the last applied state has a membership nor the declarations
// have it as ended: a run may have added it since.
func (r *reasonSetter) addedOutside(group, user string) bool {
	_, ended := r.desired.Membership.Ended(group, user)
	return !ended && r.lastApplied != nil && !r.lastApplied.has(r.lastGroup(group), r.lastKey(user))
}

// wasActiveMember reports whether a user was an active member of a group in the last applied state,
// and roster has not removed the user since.
func (r *reasonSetter) wasActiveMember(group, user string) bool {
	if r.lastApplied == nil {
		return false
	}
	last := r.lastKey(user)
	if !r.lastApplied.has(r.lastGroup(group), last) {
		return false
	}
	u := r.lastApplied.Users[last]
	return u != nil && u.Active && !r.leftScope(user)
}

// leftScope reports whether a user left the scope in an earlier run.
func (r *reasonSetter) leftScope(key string) bool {
	return r.linking.ownedUser(r.ledger, key).LeftScopeAt != nil
}

func isUnmanaged(member string) bool {
	_, ok := UnmanagedID(member)
	return ok
}
