package reconcile

import (
	"fmt"
)

// reasons says for each change who asked for it: Git, since what was last applied, or something outside.
type reasons struct {
	desired, lastApplied *Desired // last is nil when nothing was ever applied
	linking              *Linking
	target               *Target
	ledger               *Ledger
}

func (r *reasons) setReason(c *Change) {
	c.Origin, c.Reason = Intended, Reason{}
	switch c.Kind {
	case AddMember, RemoveMember:
		r.member(c)
	case CreateGroup, RenameGroup, UpdateGroup, AdoptGroup, DeleteGroup, TemporaryRenameGroup:
		r.group(c)
	default:
		r.user(c)
	}
}

func (r *reasons) user(c *Change) {
	want := r.desired.Users[c.Key]
	if want == nil {
		r.leaver(c)
		return
	}
	c.Reason.Position = want.At.String()
	switch {
	case r.linking.Users[c.Key] == Deleted:
		c.Origin, c.Reason.Text = Drift, "deleted outside"
		return
	case c.Kind == CreateUser:
		c.Reason.Text = "in scope"
	case c.Kind == AdoptUser:
		c.Reason.Text = "in the directory, not ours yet"
	case c.Kind == TemporaryRenameUser:
		c.Reason.Text = "makes way: names change places"
	default:
		c.Reason.Text = "declared values"
		if !want.Active && c.Kind == DeactivateUser {
			c.Reason.Text = "declared inactive"
		}
	}
	if c.Kind == ActivateUser && r.ledger.Users[c.Key].LeftScopeAt != nil { // it was us who deactivated them, whether or not that commit was completed
		c.Reason.Text = "back in scope"
		return
	}
	if r.lastApplied == nil || c.Kind == AdoptUser || c.Kind == TemporaryRenameUser {
		return
	}
	before := r.lastApplied.Users[c.Key]
	if before == nil {
		return
	}
	if c.Kind == CreateUser {
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

func (r *reasons) leaver(c *Change) {
	c.Reason.Text, c.Reason.LeftScope = "left the scope", true
	if c.Kind == DeleteUser && r.target.Leavers[c.Key] == DeletedNow {
		c.Reason.Text = "left the scope; deletion is due"
	}
	if r.lastApplied != nil && r.lastApplied.Users[c.Key] == nil && c.Kind != DeleteUser {
		c.Origin, c.Reason.Text = Drift, "left the scope, changed outside since"
	}
}

func (r *reasons) group(c *Change) {
	want := r.desired.Groups[c.Key]
	if want == nil {
		c.Reason.Text = "no longer declared for this provisioner"
		return
	}
	c.Reason.Position = want.At.String()
	switch {
	case r.linking.Groups[c.Key] == Deleted:
		c.Origin, c.Reason.Text = Drift, "deleted outside"
		return
	case c.Kind == CreateGroup:
		c.Reason.Text = "declared"
	case c.Kind == AdoptGroup:
		c.Reason.Text = "in the directory, not ours yet"
	case c.Kind == TemporaryRenameGroup:
		c.Reason.Text = "makes way: names change places"
	case r.linking.Moved[c.Key] != "":
		c.Reason.Text = fmt.Sprintf("key was %q", r.linking.Moved[c.Key])
	default:
		c.Reason.Text = "declared values"
	}
	if r.lastApplied == nil || c.Kind == AdoptGroup || c.Kind == TemporaryRenameGroup || r.linking.Moved[c.Key] != "" {
		return
	}
	if before := r.lastApplied.Groups[c.Key]; before != nil && before.DisplayName == want.DisplayName {
		c.Origin, c.Reason.Text = Drift, "changed outside"
	}
}

func (r *reasons) member(c *Change) {
	if c.Kind == AddMember {
		if m, ok := r.desired.Member(c.Key, c.Member); ok {
			c.Reason = Reason{Text: "declared member", Position: m.Pos.String(), Via: m.Via}
		}
		left := r.ledger.Users[c.Member].LeftScopeAt != nil // then it was us who removed them, whether or not that commit was completed
		if r.lastApplied != nil && r.lastApplied.has(c.Key, c.Member) && r.lastApplied.Users[c.Member] != nil && r.lastApplied.Users[c.Member].Active && !left {
			c.Origin, c.Reason.Text = Drift, "removed outside"
		}
		return
	}
	if g := r.desired.Groups[c.Key]; g != nil {
		c.Reason.Position = g.At.String()
	}
	switch {
	case c.Member[0] == '#':
		c.Origin, c.Reason.Text = Drift, "added outside; not one of ours"
		c.MemberName = r.linking.UnmanagedUsers[c.Member]
	case r.target.Leavers[c.Member] != "":
		c.Reason.Text = "left the scope"
		if r.lastApplied != nil && r.lastApplied.Users[c.Member] == nil {
			c.Origin, c.Reason.Text = Drift, "added outside; left the scope"
		}
	case r.lastApplied != nil && !r.lastApplied.has(c.Key, c.Member):
		c.Origin, c.Reason.Text = Drift, "added outside"
	default:
		c.Reason.Text = "no longer a member"
	}
}
