package run_test

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// unlimited is the looseness of a gate that is off.
const unlimited = int(^uint(0) >> 1)

func looseness(limit int) int {
	if limit < 0 {
		return unlimited
	}
	return limit
}

// cause returns the commit that brought a write: the first of the newest commits that want it.
func (h *hostile) cause(r *observedRun, w write) int {
	first := r.commit
	for first > 1 {
		o := h.orgs[first-2]
		before := h.asKeyed(r, w, o)
		if !o.wants(before, r.at) || !h.orgs[r.commit-1].sameValue(w, o, before) {
			break
		}
		first--
	}
	return first
}

// sameValue reports whether an earlier organization wants the same name for the object of a write,
// or the same key for a user who is re-keyed. Other writes have no values.
func (o *org) sameValue(w write, earlier *org, before write) bool {
	switch {
	case w.verb != "renamed" && w.verb != "updated":
		return true
	case w.object == "group":
		return o.groups[w.key] == nil || earlier.groups[w.key].name == o.groups[w.key].name
	}
	u, was := o.users[w.key], earlier.users[before.key]
	if w.verb == "updated" && w.oldKey != "" && before.key != w.key {
		return false
	}
	return u == nil || was == nil || was.name == u.name || w.oldKey != "" && before.key == w.key
}

// asKeyed returns a write with the keys that an earlier organization has for its users.
func (h *hostile) asKeyed(r *observedRun, w write, o *org) write {
	keyed := func(key string) string {
		if key == "" || o.users[key] != nil { // without a key, it is an unmanaged user
			return key
		}
		for k := range o.users { // it renames the user to another key
			if o.previousKey(k) == key {
				return k
			}
		}
		for commit := r.commit; commit > 0; commit-- { // a later commit renames the user to this key
			if later := h.orgs[commit-1]; later.users[key] != nil && o.users[later.previousKey(key)] != nil {
				return later.previousKey(key)
			}
		}
		return key
	}
	if w.object == "user" {
		w.key = keyed(w.key)
	}
	w.memberKey = keyed(w.memberKey)
	return w
}

// byDate reports whether a write follows only from a date that was reached.
func (h *hostile) byDate(r *observedRun, w write) bool {
	return !h.orgs[r.commit-1].wants(w, time.Time{})
}

// isDrift reports whether the effect of a write was reached before, since the commit that brought
// it.
func (h *hostile) isDrift(r *observedRun, w write) bool {
	cause := h.cause(r, w)
	return slices.ContainsFunc(h.runs, func(earlier *observedRun) bool {
		if earlier.commit < cause {
			return false
		}
		u, isUser := userByID(earlier.after, w.id)
		g, isGroup := groupByID(earlier.after, w.id)
		switch w.verb {
		case "deactivated":
			return isUser && !u.Active
		case "activated":
			return isUser && u.Active
		case "lost":
			return isGroup && !slices.Contains(g.Members, w.member)
		case "gained":
			return isGroup && slices.Contains(g.Members, w.member)
		case "renamed", "updated":
			return isUser && u.ExternalID == w.key || isGroup && g.ExternalID == w.key
		}
		return false
	})
}

// inForce returns how loose the policy is that judges a write. A looser value judges only writes
// whose cause was merged after a report named it.
func (h *hostile) inForce(r *observedRun, w write, loose func(*org) int) int {
	now := loose(h.orgs[r.commit-1])
	if h.applied == 0 || h.tainted() {
		return now
	}
	applied := loose(h.orgs[h.applied-1])
	if now <= applied {
		return now
	}
	loosening := r.commit
	for loosening > h.applied+1 && loose(h.orgs[loosening-2]) > applied {
		loosening--
	}
	named := 0
	for _, earlier := range h.runs {
		if earlier.commit >= loosening && earlier.result != nil && earlier.result.Report != nil {
			named = earlier.commit
			break
		}
	}
	if named > 0 && (h.cause(r, w) > named || h.isDrift(r, w) || h.byDate(r, w)) {
		return now
	}
	return applied
}

// tainted reports whether a forger may have moved what roster knows of earlier runs. Without an own
// record of the branch, roster cannot notice it.
func (h *hostile) tainted() bool {
	return h.touched && (h.stateLost || h.otherRan)
}

// approved reports whether an approval may release a write, and notes its use.
func (h *hostile) approved(r *observedRun, w write) bool {
	var usable []approvalEntry
	for _, entry := range h.approvalsAt(r.commit) {
		last, used := h.used[entry]
		switch {
		case h.ended(r, entry), h.hasForge && !h.reviewed[entry.commit-1]:
		case used && last != r.number && !h.tainted():
		case h.cause(r, w) >= entry.commit && !h.isDrift(r, w) && !h.byDate(r, w):
		case slices.ContainsFunc(h.printed, func(p printedDigest) bool {
			return p.digest == entry.digest && p.commit < entry.commit && p.has(w)
		}):
			usable = append(usable, entry)
		}
	}
	if len(usable) == 1 { // of several, the checker does not know which one was used
		h.used[usable[0]] = r.number
	}
	return len(usable) > 0
}

// approvalsAt returns the approvals that a commit has, with the commits that added them.
func (h *hostile) approvalsAt(commit int) []approvalEntry {
	approvals := h.orgs[commit-1].approvals
	var out []approvalEntry
	for _, digest := range slices.Sorted(maps.Keys(approvals)) {
		added := commit
		for added > 1 && h.orgs[added-2].approvals[digest] == approvals[digest] {
			added--
		}
		out = append(out, approvalEntry{digest, added})
	}
	return out
}

// ended reports whether an approval is older than 24 hours: since a run saw it or, before any run
// did, since it was committed. The time in which no run could use it does not count.
func (h *hostile) ended(r *observedRun, entry approvalEntry) bool {
	age, seen := h.ages[entry]
	first, idle := age.first, age.idle
	if at := h.commitTimes[entry.commit-1]; !seen || at.Before(first) {
		first = at
	}
	if !age.idleSince.IsZero() {
		idle += r.at.Sub(age.idleSince)
	}
	return r.at.Sub(first) >= 24*time.Hour+idle && !h.tainted()
}

// noteApprovals notes which approvals a run saw, and since when no run could use them.
func (h *hostile) noteApprovals(r *observedRun) {
	o := h.orgs[r.commit-1]
	idle := r.interrupted || r.result == nil || r.result.Plan == nil || o.isPaused(r.at) || !o.enabled
	for _, entry := range h.approvalsAt(r.commit) {
		age, seen := h.ages[entry]
		if !seen {
			age.first = r.at
		}
		switch {
		case idle && age.idleSince.IsZero():
			age.idleSince = r.at
		case !idle && !age.idleSince.IsZero():
			age.idle, age.idleSince = age.idle+r.at.Sub(age.idleSince), time.Time{}
		}
		h.ages[entry] = age
	}
}

func (p printedDigest) has(w write) bool {
	return slices.ContainsFunc(w.refs(), func(ref reconcile.Ref) bool { return p.refs[ref] })
}

// checkReleases checks that gates held what they must hold, unless it was approved.
func (h *hostile) checkReleases(r *observedRun) {
	renamed := map[string]bool{}
	for _, w := range r.writes {
		if created(r.before, r.after, w.id) && w.verb != "created" {
			continue
		}
		for _, gate := range alwaysHeld {
			if gate.needsRecord && h.tainted() {
				continue
			}
			if gate.holds(h, r, w) && !h.approved(r, w) {
				h.violated(heldByGate(gate.name), "%s at commit-%d (cause: commit-%d)", w, r.commit, h.cause(r, w))
			}
		}
		if w.verb == "renamed" && !h.approved(r, w) {
			renamed[w.id] = true
			if n := h.inForce(r, w, func(o *org) int { return looseness(o.policy.signInNames) }); len(renamed) > n {
				h.violated(heldByGate("signInNames"), "%s at commit-%d: the limit is %d", w, r.commit, n)
			}
		}
	}
	h.checkRemovals(r)
	h.checkReviewed(r)
}

// checkRemovals checks the limit of the users who lose all access in a day.
func (h *hostile) checkRemovals(r *observedRun) {
	recent := 0
	for _, earlier := range h.runs {
		if r.at.Sub(earlier.at) < 24*time.Hour && !earlier.interrupted && !h.tainted() {
			recent += earlier.removals
		}
	}
	for _, w := range r.writes {
		if w.object != "user" || w.verb != "deactivated" && w.verb != "deleted" || h.byDate(r, w) ||
			w.verb == "deleted" && h.decided(w.id) || h.approved(r, w) {
			continue
		}
		limit := h.inForce(r, w, func(o *org) int { return looseness(o.policy.maxRemovals) })
		if limit == unlimited {
			continue
		}
		if r.removals++; r.removals+recent > limit {
			h.violated(heldByGate("maxRemovals"), "%s at commit-%d: it is removal %d of 24 hours, and the limit is %d",
				w, r.commit, r.removals+recent, limit)
		}
	}
}

// decided reports whether roster deactivated the user before, and did not activate them since: the
// deletion was decided then.
func (h *hostile) decided(id string) bool {
	for _, r := range slices.Backward(h.runs) {
		for _, old := range r.writes {
			if old.id == id && (old.verb == "deactivated" || old.verb == "activated") {
				return old.verb == "deactivated"
			}
		}
	}
	return false
}

// alwaysHeld are the gates that hold a single change.
var alwaysHeld = []struct {
	name        string
	needsRecord bool // roster decides it from what an attacker may have changed
	holds       func(h *hostile, r *observedRun, w write) bool
}{
	{"groupDeletes", false, func(h *hostile, r *observedRun, w write) bool {
		return w.object == "group" && w.verb == "deleted" && h.inForce(r, w, func(o *org) int {
			return map[bool]int{true: 1}[o.policy.groupDeletesOff]
		}) == 0
	}},
	{"memberRemovals", false, func(h *hostile, r *observedRun, w write) bool {
		return w.verb == "lost" && !h.byDate(r, w) && h.empties(r, w) && h.inForce(r, w, func(o *org) int {
			return map[bool]int{true: 1}[o.policy.memberRemovalsOff]
		}) == 0
	}},
	{"protected", false, func(h *hostile, r *observedRun, w write) bool {
		now := h.orgs[r.commit-1]
		return h.inForce(r, w, func(o *org) int {
			user := func(key string) bool { return o.protectsUser(key) || o.protectsUser(now.previousKey(key)) }
			named := w.object == "user" && user(w.key) || w.object == "group" && o.protectsGroup(w.key) ||
				w.verb == "lost" && user(w.memberKey) && !h.released[w.member]
			return map[bool]int{false: 1}[named]
		}) == 0 && w.verb != "created"
	}},
	{"signInNames of re-keyed users", false, func(h *hostile, r *observedRun, w write) bool {
		return w.oldKey != "" && w.verb == "renamed" && h.inForce(r, w, func(o *org) int {
			return looseness(o.policy.signInNames)
		}) != unlimited
	}},
	{"vanished", true, func(h *hostile, _ *observedRun, w write) bool {
		return w.verb == "created" && h.deleted[w.object+" "+w.key] != ""
	}},
	{"scopeFlip", true, func(h *hostile, r *observedRun, _ write) bool { return h.scopeFlips(r) }},
	{"emptySource", true, func(h *hostile, r *observedRun, _ write) bool { return h.losesSource(r) }},
	{"switchedOff", true, func(h *hostile, r *observedRun, w write) bool {
		since, off := h.off[w.id]
		if w.verb != "activated" || !off {
			return false
		}
		for commit := since; commit <= r.commit; commit++ {
			if !h.orgs[commit-1].active(w.key, r.at) {
				return false
			}
		}
		return true
	}},
}

// scopeFlips reports whether the scope changed from groups to all users, or back, since the commit
// that was applied last.
func (h *hostile) scopeFlips(r *observedRun) bool {
	return h.applied > 0 && (h.orgs[h.applied-1].selected() == nil) != (h.orgs[r.commit-1].selected() == nil)
}

// losesSource reports whether less than half of the managed users is in scope, without those whose
// access ended on a date and those whom roster deactivated before.
func (h *hostile) losesSource(r *observedRun) bool {
	if h.applied == 0 {
		return false
	}
	now, before := h.orgs[r.commit-1], h.orgs[h.applied-1]
	want, have := 0, 0
	for key := range now.users {
		if now.inScope(key, r.at) {
			want++
		}
	}
	for id, owned := range h.owned {
		if owned.kind == "user" && exists(r.before, id) && before.inScope(owned.key, r.at) && !h.decided(id) {
			have++
		}
	}
	return 2*want < have
}

// empties reports whether no declared member is left in the group of a write.
func (h *hostile) empties(r *observedRun, w write) bool {
	return len(h.orgs[r.commit-1].membersOf(w.key, r.at)) == 0 && exists(r.after, w.id)
}
