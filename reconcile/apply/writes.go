package apply

import (
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

// stageWrites returns the writes of a stage.
func (a *applier) stageWrites(stage reconcile.Stage) []write {
	switch stage {
	case reconcile.StageUsers:
		return a.userWrites()
	case reconcile.StageGroups, reconcile.StageShrinkingGroups:
		return a.groupWrites(stage)
	}
	return a.oneWriteEach(a.pending(func(c *reconcile.Change) bool { return c.Kind.Info().Stage == stage }))
}

// userWrites returns the writes of users, with those of later stages that another change depends
// on. A deactivation goes before the removal of its memberships, a deletion before a change that
// takes the name.
func (a *applier) userWrites() []write {
	needed := map[int]bool{}
	for i := range a.plan.Changes {
		if a.plan.Changes[i].Released() {
			a.dependencies.Each(i, func(j int) { needed[j] = true })
		}
	}
	indexes := a.pending(func(c *reconcile.Change) bool { return c.Kind.OfUser() })
	return a.oneWriteEach(slices.DeleteFunc(indexes, func(i int) bool {
		return a.plan.Changes[i].Kind.Info().Stage != reconcile.StageUsers && !needed[i]
	}))
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
		w := write{changes: []int{i}}
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

// groupWork is the pending changes of one group, by index.
type groupWork struct {
	object        int // the change of the group itself, or -1
	adds, removes []int
}

// groupWrites returns the writes that create, adopt and change groups and their memberships: in
// StageGroups those of groups that lose no members, otherwise those of the other groups. Changes
// that depend on names are in StageGroups, see nameChanges.
func (a *applier) groupWrites(stage reconcile.Stage) []write {
	shrinking := stage == reconcile.StageShrinkingGroups
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
		if c.Kind.Action() == reconcile.ActionCreate { // the first members are part of the creation
			w := work[c.Key]
			first := w.adds[:min(len(w.adds), reconcile.MaxMembers)]
			writes[n].changes = append(writes[n].changes, first...)
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
		writes = append(writes, a.packRequests(w, len(writes), before[key])...)
	}
	return writes
}

// groupWork returns the pending changes of each group. It skips memberships that depend on a change
// that was not applied.
func (a *applier) groupWork() ([]string, map[string]*groupWork) {
	ready := a.allReady()
	work := map[string]*groupWork{}
	var keys []string
	ofStage := func(c *reconcile.Change) bool {
		stage := c.Kind.Info().Stage
		return stage == reconcile.StageGroups || stage == reconcile.StageShrinkingGroups
	}
	for _, i := range a.pending(ofStage) {
		c := &a.plan.Changes[i]
		w := work[c.Key]
		if w == nil {
			w = &groupWork{object: -1}
			work[c.Key] = w
			keys = append(keys, c.Key)
		}
		switch action := c.Kind.Action(); {
		case c.Kind.OfMembership() && !ready && !a.membersReady(i):
			a.skip(i)
		case c.Kind.OfMembership() && action == reconcile.ActionDelete:
			w.removes = append(w.removes, i)
		case c.Kind.OfMembership():
			w.adds = append(w.adds, i)
		case action == reconcile.ActionTemporaryRename: // a write of its own, see nameChanges
		default:
			w.object = i
		}
	}
	return keys, work
}

// allReady reports whether no membership needs membersReady: each change of a user was applied, and
// each change of a group was applied or is pending. A first synchronization has a million
// memberships.
func (a *applier) allReady() bool {
	for i := range a.plan.Changes {
		c, result := &a.plan.Changes[i], a.result.Changes[i].Result
		if c.Member == "" && result != reconcile.ResultDone && (c.Kind.OfUser() || result != "") {
			return false
		}
	}
	return true
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
		if len(a.plan.Changes[i].DependsOn()) > 0 {
			chosen[i] = true
			a.dependencies.Each(i, func(j int) { chosen[j] = true })
		}
	}
	return slices.DeleteFunc(pending, func(i int) bool { return !chosen[i] })
}

// packRequests packs the changes of one group into the fewest requests: additions first, at most
// MaxMembers in each, the group's own change in the first. base is the index of the first request
// among the writes of the stage; before are the writes that must succeed first.
func (a *applier) packRequests(w *groupWork, base int, before []int) []write {
	members := append(slices.Clone(w.adds), w.removes...)
	var out []write
	add := func(indexes []int) {
		next := write{changes: indexes, needs: before}
		if n := len(out); n > 0 { // writes to one object are serial
			next.follows = []int{base + n - 1}
			if w.object >= 0 {
				next.needs = append(slices.Clone(before), base)
			}
		}
		out = append(out, next)
	}
	if w.object >= 0 {
		first := members[:min(len(members), reconcile.MaxMembers)]
		if a.plan.Changes[w.object].Kind.Action() == reconcile.ActionCreate { // a new group has no members to lose
			first = w.adds[:min(len(w.adds), reconcile.MaxMembers)]
		}
		add(append([]int{w.object}, first...))
		members = members[len(first):]
	}
	for chunk := range slices.Chunk(members, reconcile.MaxMembers) {
		add(chunk)
	}
	return out
}
