package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// sender makes the call of a write whose first change has a certain kind. changes are the indexes
// of the changes of the write.
type sender func(a *applier, ctx context.Context, changes []int) (reconcile.CallReceipt, error)

// senders is the table of calls, by the kind of the first change of a write.
var senders = map[reconcile.Kind]sender{
	reconcile.AdoptUser:           (*applier).updateUser,
	reconcile.CreateUser:          (*applier).createUser,
	reconcile.ActivateUser:        (*applier).updateUser,
	reconcile.RenameUser:          (*applier).updateUser,
	reconcile.UpdateUser:          (*applier).updateUser,
	reconcile.TemporaryRenameUser: (*applier).updateUser,
	reconcile.DeactivateUser:      (*applier).updateUser,
	reconcile.DeleteUser:          (*applier).deleteUser,

	reconcile.AdoptGroup:           (*applier).updateGroup,
	reconcile.CreateGroup:          (*applier).createGroup,
	reconcile.RenameGroup:          (*applier).updateGroup,
	reconcile.UpdateGroup:          (*applier).updateGroup,
	reconcile.TemporaryRenameGroup: (*applier).updateGroup,
	reconcile.DeleteGroup:          (*applier).deleteGroup,

	reconcile.ReleaseUser:  (*applier).release,
	reconcile.ReleaseGroup: (*applier).release,

	reconcile.AddMember:    (*applier).updateGroup,
	reconcile.RemoveMember: (*applier).updateGroup,
}

// send makes the call of a write.
func (a *applier) send(ctx context.Context, w *write) (reconcile.CallReceipt, error) {
	kind := a.plan.Changes[w.changes[0]].Kind
	if send := senders[kind]; send != nil {
		return send(a, ctx, w.changes)
	}
	return reconcile.CallReceipt{}, fmt.Errorf("this version of roster cannot send changes of kind %q", kind)
}

// sendsRequest reports whether a write sends a request. Releases, and adoptions in the ledger only,
// send none.
func (a *applier) sendsRequest(w *write) bool {
	first := &a.plan.Changes[w.changes[0]]
	switch first.Kind.Action() {
	case reconcile.ActionRelease:
		return false
	case reconcile.ActionAdopt:
		return len(first.Attributes) > 0 || len(w.changes) > 1
	}
	return true
}

func (a *applier) createUser(ctx context.Context, changes []int) (reconcile.CallReceipt, error) {
	c := &a.plan.Changes[changes[0]]
	u, receipt, err := a.dir.CreateUser(ctx, reconcile.PatchAttributes(nil, c.Attributes))
	a.recordID(a.result.UserIDs, c.Key, u.ID, err)
	a.recordUser(c.Key, u, err)
	return receipt, err
}

func (a *applier) updateUser(ctx context.Context, changes []int) (reconcile.CallReceipt, error) {
	c := &a.plan.Changes[changes[0]]
	if len(c.Attributes) == 0 { // an adoption in the ledger only
		return reconcile.CallReceipt{}, nil
	}
	a.mu.Lock()
	have, written := a.result.Users[c.Key] // by a temporary rename in this run
	if !written {
		have = reconcile.RemoteUser{ID: c.ID, Attributes: a.plan.Linking.State.Users[c.Key].Attributes}
	}
	a.mu.Unlock()
	if first := externalIDFirst(c); first != nil {
		u, receipt, err := a.dir.UpdateUser(ctx, have, reconcile.PatchAttributes(have.Attributes, first))
		if err != nil {
			return receipt, err
		}
		a.recordUser(c.Key, u, nil)
		u, receipt, err = a.dir.UpdateUser(a.completed(ctx), u, reconcile.PatchAttributes(u.Attributes, c.Attributes))
		a.recordUser(c.Key, u, err)
		return receipt, halfSent(err)
	}
	u, receipt, err := a.dir.UpdateUser(ctx, have, reconcile.PatchAttributes(have.Attributes, c.Attributes))
	a.recordUser(c.Key, u, err)
	return receipt, err
}

// externalIDFirst returns the change of the externalId if an adoption also changes other
// attributes; nil otherwise. The externalId is written in a request of its own, before all others:
// it shows in the directory that the object is managed.
func externalIDFirst(c *reconcile.Change) []reconcile.AttributeChange {
	if c.Kind.Action() != reconcile.ActionAdopt {
		return nil
	}
	i := slices.IndexFunc(c.Attributes, func(a reconcile.AttributeChange) bool { return a.Path == "externalId" })
	if i < 0 || len(c.Attributes) == 1 && c.Kind.OfUser() {
		return nil
	}
	return c.Attributes[i : i+1]
}

func (a *applier) deleteUser(ctx context.Context, changes []int) (reconcile.CallReceipt, error) {
	return ignoreNotFound(a.dir.DeleteUser(ctx, a.plan.Changes[changes[0]].ID))
}

func (a *applier) deleteGroup(ctx context.Context, changes []int) (reconcile.CallReceipt, error) {
	return ignoreNotFound(a.dir.DeleteGroup(ctx, a.plan.Changes[changes[0]].ID))
}

// release makes no call: an object that is released only leaves the ledger.
func (a *applier) release(context.Context, []int) (reconcile.CallReceipt, error) {
	return reconcile.CallReceipt{}, nil
}

// createGroup creates a group with its first members.
func (a *applier) createGroup(ctx context.Context, changes []int) (reconcile.CallReceipt, error) {
	c := &a.plan.Changes[changes[0]]
	create := reconcile.NewGroupUpdate(c.Attributes)
	g, receipt, err := a.dir.CreateGroup(ctx, reconcile.NewGroup{
		ExternalID:  create.ExternalID,
		DisplayName: create.DisplayName,
		Members:     a.memberIDs(changes[1:]),
	})
	a.recordID(a.groupIDs, c.Key, g.ID, err)
	a.recordGroup(c.Key, g, err)
	return receipt, err
}

// updateGroup changes a group, memberships of the group, or both.
func (a *applier) updateGroup(ctx context.Context, changes []int) (reconcile.CallReceipt, error) {
	first, members := &a.plan.Changes[changes[0]], changes
	if !first.Kind.OfMembership() {
		members = changes[1:]
	}
	split := slices.IndexFunc(members, func(i int) bool {
		return a.plan.Changes[i].Kind.Action() == reconcile.ActionDelete
	})
	if split < 0 {
		split = len(members)
	}
	u := reconcile.NewGroupUpdate(first.Attributes)
	u.Add, u.Remove = a.memberIDs(members[:split]), a.memberIDs(members[split:])
	if u.DisplayName == "" && u.ExternalID == "" && len(members) == 0 { // an adoption in the ledger only
		return reconcile.CallReceipt{}, nil
	}
	a.mu.Lock()
	id := a.groupIDs[first.Key]
	a.mu.Unlock()
	if externalIDFirst(first) != nil && (u.DisplayName != "" || len(members) > 0) {
		receipt, err := a.dir.UpdateGroup(ctx, id, reconcile.GroupUpdate{ExternalID: u.ExternalID})
		if err != nil {
			return receipt, err
		}
		u.ExternalID = ""
		receipt, err = a.dir.UpdateGroup(a.completed(ctx), id, u)
		return receipt, halfSent(err)
	}
	return a.dir.UpdateGroup(ctx, id, u)
}

// recordID records the id of a created object.
func (a *applier) recordID(ids map[string]string, key, id string, err error) {
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		ids[key] = id
	}
}

// recordUser records a written user as the directory returned it.
func (a *applier) recordUser(key string, u reconcile.RemoteUser, err error) {
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.result.Users[key] = u
	}
}

// recordGroup records a created group as the directory returned it.
func (a *applier) recordGroup(key string, g reconcile.RemoteGroup, err error) {
	if err == nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.result.Groups[key] = g
	}
}

// memberIDs returns the directory's ids of the users of memberships.
func (a *applier) memberIDs(changes []int) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]string, len(changes))
	for n, i := range changes {
		out[n] = a.result.MemberID(a.plan.Changes[i].Member)
	}
	return out
}

// ignoreNotFound makes the deletion of an object that does not exist succeed.
func ignoreNotFound(r reconcile.CallReceipt, err error) (reconcile.CallReceipt, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	return r, err
}
