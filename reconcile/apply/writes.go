package apply

import (
	"context"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// pending returns the indexes of the changes without a result that match, in plan order.
func (a *applier) pending(match func(*reconcile.Change) bool) []int {
	var out []int
	for i := range a.plan.Changes {
		if a.result.Changes[i].Result == "" && match(&a.plan.Changes[i]) {
			out = append(out, i)
		}
	}
	return out
}

// userWrites returns the writes of users, without the deactivations and deletions that no change
// depends on. A deactivation goes before the removal of its memberships, a deletion before a change
// that takes the name.
func (a *applier) userWrites() []write {
	needed := map[int]bool{}
	for i := range a.plan.Changes {
		if a.plan.Changes[i].Released() {
			a.dependencies.Each(i, func(j int) { needed[j] = true })
		}
	}
	indexes := a.pending(func(c *reconcile.Change) bool { return c.Kind.OfUser() })
	return a.oneWriteEach(slices.DeleteFunc(indexes, func(i int) bool {
		kind := a.plan.Changes[i].Kind
		return (kind == reconcile.DeactivateUser || kind == reconcile.DeleteUser) && !needed[i]
	}))
}

func (a *applier) deactivations() []write {
	return a.oneWriteEach(a.pending(func(c *reconcile.Change) bool { return c.Kind == reconcile.DeactivateUser }))
}

func (a *applier) groupDeletions() []write {
	return a.oneWriteEach(a.pending(func(c *reconcile.Change) bool { return c.Kind == reconcile.DeleteGroup }))
}

func (a *applier) userDeletions() []write {
	return a.oneWriteEach(a.pending(func(c *reconcile.Change) bool { return c.Kind == reconcile.DeleteUser }))
}

// oneWriteEach returns one write for each change. A write needs the writes of the changes that its
// change depends on.
func (a *applier) oneWriteEach(indexes []int) []write {
	at := make(map[int]int, len(indexes)) // change -> write
	for n, i := range indexes {
		at[i] = n
	}
	writes := make([]write, 0, len(indexes))
	for _, i := range indexes {
		w := write{changes: []int{i}, do: a.call(i)}
		a.dependencies.Each(i, func(j int) {
			if n, here := at[j]; here {
				w.needs = append(w.needs, n)
			} else if a.result.Changes[j].Result != reconcile.ResultDone {
				w.needs = append(w.needs, notApplied)
			}
		})
		writes = append(writes, w)
	}
	return a.dropBlocked(writes)
}

// notApplied, among the needs of a write, is a change of an earlier stage that was not applied.
const notApplied = -1

// dropBlocked skips the changes of writes that need a change which was not applied, directly or
// through other writes. It returns the other writes.
func (a *applier) dropBlocked(writes []write) []write {
	blocked := make([]bool, len(writes))
	for changed := true; changed; {
		changed = false
		for n, w := range writes {
			if !blocked[n] && slices.ContainsFunc(w.needs, func(m int) bool { return m == notApplied || blocked[m] }) {
				blocked[n], changed = true, true
			}
		}
	}
	if !slices.Contains(blocked, true) {
		return writes
	}
	index := make([]int, len(writes)) // in out
	var out []write
	for n, w := range writes {
		if blocked[n] {
			for _, i := range w.changes {
				a.skip(i)
			}
			continue
		}
		index[n] = len(out)
		out = append(out, w)
	}
	for n := range out {
		for k, m := range out[n].needs {
			out[n].needs[k] = index[m]
		}
	}
	return out
}

// call returns the call that makes a change of a whole object.
func (a *applier) call(i int) func(context.Context) (reconcile.CallReceipt, error) {
	c := &a.plan.Changes[i]
	switch c.Kind {
	case reconcile.CreateUser:
		return func(ctx context.Context) (reconcile.CallReceipt, error) {
			u, receipt, err := a.dir.CreateUser(ctx, reconcile.PatchAttributes(nil, c.Attributes))
			a.recordID(a.result.UserIDs, c.Key, u.ID, err)
			a.recordUser(c.Key, u, err)
			return receipt, err
		}
	case reconcile.DeleteUser:
		return func(ctx context.Context) (reconcile.CallReceipt, error) {
			return ignoreNotFound(a.dir.DeleteUser(ctx, c.ID))
		}
	case reconcile.DeleteGroup:
		return func(ctx context.Context) (reconcile.CallReceipt, error) {
			return ignoreNotFound(a.dir.DeleteGroup(ctx, c.ID))
		}
	case reconcile.TemporaryRenameGroup, reconcile.RenameGroup, reconcile.UpdateGroup, reconcile.AdoptGroup:
		return func(ctx context.Context) (reconcile.CallReceipt, error) {
			return a.updateGroup(c.Key, c.Attributes, nil)(ctx)
		}
	case reconcile.AdoptUser:
		if len(c.Attributes) == 0 { // it already has the externalId: only the ledger changes
			return func(context.Context) (reconcile.CallReceipt, error) { return reconcile.CallReceipt{}, nil }
		}
	}
	return func(ctx context.Context) (reconcile.CallReceipt, error) { return a.updateUser(ctx, c) }
}

func (a *applier) updateUser(ctx context.Context, c *reconcile.Change) (reconcile.CallReceipt, error) {
	a.mu.Lock()
	have, written := a.result.Users[c.Key] // by a temporary rename in this run
	if !written {
		have = reconcile.RemoteUser{ID: c.ID, Attributes: a.plan.Linking.State.Users[c.Key].Attributes}
	}
	a.mu.Unlock()
	u, receipt, err := a.dir.UpdateUser(ctx, have, reconcile.PatchAttributes(have.Attributes, c.Attributes))
	a.recordUser(c.Key, u, err)
	return receipt, err
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

// groupWork is the pending changes of one group, by index.
type groupWork struct {
	object        int // the change of the group itself, or -1
	adds, removes []int
}

// groupWrites returns the writes that create, adopt and rename groups and add members. Groups that
// also lose members wait for the next stage: a user who moves between groups gains the new
// membership before losing the old one.
func (a *applier) groupWrites() []write { return a.memberWrites(false) }

func (a *applier) shrinkingGroupWrites() []write { return a.memberWrites(true) }

func (a *applier) memberWrites(shrinking bool) []write {
	var writes []write
	keys, work := a.groupWork()
	named := a.nameChanges()
	if !shrinking {
		writes = a.oneWriteEach(named)
	}
	before := map[string][]int{} // the writes that set the name of a group, by its key
	for n := range writes {
		c := &a.plan.Changes[writes[n].changes[0]]
		before[c.Key] = append(before[c.Key], n)
		if c.Kind == reconcile.CreateGroup { // it takes a name that another change frees, and adds its first members
			w := work[c.Key]
			first := w.adds[:min(len(w.adds), reconcile.MaxMembers)]
			writes[n].do, writes[n].changes = a.createGroup(w.object, first), append(writes[n].changes, first...)
			w.adds = w.adds[len(first):]
		}
	}
	for _, key := range keys {
		w := work[key]
		if (len(w.removes) > 0) != shrinking {
			continue
		}
		if w.object >= 0 && len(before[key]) > 0 {
			w.object = -1
		}
		writes = append(writes, a.packRequests(key, w, len(writes), before[key])...)
	}
	return writes
}

// groupWork returns the pending changes of each group. It skips memberships that depend on a change
// that was not applied.
func (a *applier) groupWork() ([]string, map[string]*groupWork) {
	work := map[string]*groupWork{}
	var keys []string
	ofGroup := func(c *reconcile.Change) bool { return !c.Kind.OfUser() && c.Kind != reconcile.DeleteGroup }
	for _, i := range a.pending(ofGroup) {
		c := &a.plan.Changes[i]
		w := work[c.Key]
		if w == nil {
			w = &groupWork{object: -1}
			work[c.Key] = w
			keys = append(keys, c.Key)
		}
		switch c.Kind {
		case reconcile.AddMember, reconcile.RemoveMember:
			if !a.membersReady(i) {
				a.skip(i)
				continue
			}
			if c.Kind == reconcile.AddMember {
				w.adds = append(w.adds, i)
			} else {
				w.removes = append(w.removes, i)
			}
		case reconcile.TemporaryRenameGroup: // a write of its own, see nameChanges
		default:
			w.object = i
		}
	}
	return keys, work
}

// membersReady reports whether the changes that a membership depends on were applied. The creation
// or adoption of its group may be pending: it is in the same stage.
func (a *applier) membersReady(i int) bool {
	ok := true
	a.dependencies.Each(i, func(j int) {
		if a.plan.Changes[j].Kind.OfUser() && a.result.Changes[j].Result != reconcile.ResultDone {
			ok = false
		}
		if !a.plan.Changes[j].Kind.OfUser() && a.result.Changes[j].Result != reconcile.ResultDone &&
			a.result.Changes[j].Result != "" {
			ok = false
		}
	})
	return ok
}

// nameChanges returns the changes of groups that depend on the names of one another. Each is a
// write of its own, before any members.
func (a *applier) nameChanges() []int {
	chosen := map[int]bool{}
	pending := a.pending(func(c *reconcile.Change) bool { return !c.Kind.OfUser() && c.Member == "" })
	for _, i := range pending {
		if len(a.plan.Changes[i].DependsOn) > 0 {
			chosen[i] = true
			a.dependencies.Each(i, func(j int) { chosen[j] = true })
		}
	}
	return slices.DeleteFunc(pending, func(i int) bool { return !chosen[i] })
}

// packRequests packs the changes of one group into the fewest requests: additions first, at most
// MaxMembers in each, the group's own change in the first. base is the index of the first request
// among the writes of the stage; before are the writes that must succeed first.
func (a *applier) packRequests(key string, w *groupWork, base int, before []int) []write {
	members := append(slices.Clone(w.adds), w.removes...)
	var out []write
	add := func(indexes []int, do func(context.Context) (reconcile.CallReceipt, error)) {
		next := write{changes: indexes, do: do, needs: before}
		if n := len(out); n > 0 { // writes to one object are serial
			next.follows = []int{base + n - 1}
			if w.object >= 0 {
				next.needs = append(slices.Clone(before), base)
			}
		}
		out = append(out, next)
	}
	if w.object >= 0 && a.plan.Changes[w.object].Kind == reconcile.CreateGroup {
		first := w.adds[:min(len(w.adds), reconcile.MaxMembers)]
		add(append([]int{w.object}, first...), a.createGroup(w.object, first))
		members = members[len(first):]
	} else if w.object >= 0 {
		first := members[:min(len(members), reconcile.MaxMembers)]
		add(append([]int{w.object}, first...), a.updateGroup(key, a.plan.Changes[w.object].Attributes, first))
		members = members[len(first):]
	}
	for chunk := range slices.Chunk(members, reconcile.MaxMembers) {
		add(chunk, a.updateGroup(key, nil, chunk))
	}
	return out
}

func (a *applier) createGroup(object int, adds []int) func(context.Context) (reconcile.CallReceipt, error) {
	c := &a.plan.Changes[object]
	return func(ctx context.Context) (reconcile.CallReceipt, error) {
		create := reconcile.NewGroupUpdate(c.Attributes)
		g, receipt, err := a.dir.CreateGroup(
			ctx,
			reconcile.NewGroup{
				ExternalID:  create.ExternalID,
				DisplayName: create.DisplayName,
				Members:     a.memberIDs(adds),
			},
		)
		a.recordID(a.groupIDs, c.Key, g.ID, err)
		return receipt, err
	}
}

func (a *applier) updateGroup(
	key string,
	attributes []reconcile.AttributeChange,
	members []int,
) func(context.Context) (reconcile.CallReceipt, error) {
	return func(ctx context.Context) (reconcile.CallReceipt, error) {
		u := reconcile.NewGroupUpdate(attributes)
		split := slices.IndexFunc(members, func(i int) bool { return a.plan.Changes[i].Kind == reconcile.RemoveMember })
		if split < 0 {
			split = len(members)
		}
		u.Add, u.Remove = a.memberIDs(members[:split]), a.memberIDs(members[split:])
		a.mu.Lock()
		id := a.groupIDs[key]
		a.mu.Unlock()
		if u.DisplayName == "" && u.ExternalID == "" &&
			len(u.Add)+len(u.Remove) == 0 { // an adoption in the ledger only
			return reconcile.CallReceipt{}, nil
		}
		return a.dir.UpdateGroup(ctx, id, u)
	}
}

func (a *applier) memberIDs(indexes []int) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]string, len(indexes))
	for n, i := range indexes {
		out[n] = a.result.MemberID(a.plan.Changes[i].Member)
	}
	return out
}
