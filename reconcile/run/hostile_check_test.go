package run_test

import (
	"fmt"
	"slices"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// rule is what a history can violate.
type rule string

// The rules.
const (
	ruleOwnership rule = "ownership: roster writes only to objects that it owns"
	ruleWanted    rule = "every write is what the declarations want"
	ruleRead      rule = "reads: nothing loses access without a read"
	ruleMode      rule = "modes: a paused provisioner sends nothing"
	ruleTrust     rule = "trust: nothing is sent while the audit branch is broken"
	ruleConverge  rule = "convergence: repeated runs converge"
)

// heldByGate is the rule that only an approval of a printed digest, by a later commit, releases
// what a gate holds.
func heldByGate(gate string) rule {
	return rule("gate " + gate + ": only a later approval releases what it holds")
}

func (h *hostile) violated(r rule, format string, args ...any) {
	h.Fatalf("violation of %s: %s", r, fmt.Sprintf(format, args...))
}

// checkRun checks the writes of a run, then updates the record.
func (h *hostile) checkRun(r *observedRun) {
	h.otherRan = h.otherRan || h.touched && r.machine != h.recordedBy
	h.noticeOutside(r)
	if len(h.reads.Unread) > 0 {
		h.violated(ruleRead, "%v", h.reads.Unread)
	}
	if r.broken != "" && len(r.writes) > 0 && !h.orgs[r.commit-1].releasesAudit() {
		h.violated(ruleTrust, "%s, but %s", r.broken, r.writes[0])
	}
	h.adoptAllowed(r)
	h.followKeys(r)
	o := h.orgs[r.commit-1]
	for _, w := range r.writes {
		h.checkOwned(r, w)
		if !o.wants(w, r.at) && !(w.verb == "lost" && h.disowned[w.member]) {
			h.violated(ruleWanted, "%s at commit-%d", w, r.commit)
		}
		if o.isPaused(r.at) || !o.enabled && !w.takesAccess() {
			h.violated(ruleMode, "%s at commit-%d", w, r.commit)
		}
	}
	h.checkReleases(r)
	h.remember(r)
}

// followKeys gives the objects of re-keyed users their new key, in the record and in the writes.
func (h *hostile) followKeys(r *observedRun) {
	o := h.orgs[r.commit-1]
	taken := map[string]bool{}
	for _, owned := range h.owned {
		taken[owned.kind+" "+owned.key] = true
	}
	for id, owned := range h.owned {
		if owned.kind != "user" || o.users[owned.key] != nil {
			continue
		}
		for key := range o.users {
			if o.previousKey(key) != owned.key || taken["user "+key] {
				continue
			}
			for i := range r.writes {
				if w := &r.writes[i]; w.id == id {
					w.key, w.oldKey = key, owned.key
				} else if w.member == id {
					w.memberKey = key
				}
			}
			if externalID(r.after, id) == key {
				h.owned[id] = ownedObject{"user", key}
			}
		}
	}
}

// checkOwned checks that roster owns the object of a write, and the user who becomes a member.
func (h *hostile) checkOwned(r *observedRun, w write) {
	if w.verb == "created" {
		if w.key == "" {
			h.violated(ruleOwnership, "%s has no externalId", w)
		}
		return
	}
	isOwned := func(id string) bool { return h.owned[id].key != "" || created(r.before, r.after, id) }
	if !isOwned(w.id) {
		h.violated(ruleOwnership, "%s, which is unmanaged: %s became %s", w, describe(r.before, w.id),
			describe(r.after, w.id))
	}
	if w.verb == "gained" && !isOwned(w.member) {
		h.violated(ruleOwnership, "%s: the user is unmanaged: %s", w, describe(r.before, w.member))
	}
	if now := externalID(r.after, w.id); w.verb == "updated" && now != w.key {
		h.violated(ruleOwnership, "%s got the externalId %q", w, now)
	}
}

func describe(st awssim.State, id string) string {
	if u, ok := userByID(st, id); ok {
		return show(u)
	}
	if g, ok := groupByID(st, id); ok {
		return show(g)
	}
	return "nothing"
}

// adoptAllowed adds the objects to the record that the run was allowed to adopt: unmanaged ones,
// and those whose key was released because it is no longer declared.
func (h *hostile) adoptAllowed(r *observedRun) {
	o := h.orgs[r.commit-1]
	released := o.releasesAudit() // what earlier runs knew may be lost
	for _, u := range r.before.Users {
		for key, declared := range o.users {
			if old := h.owned[u.ID].key; (old == "" || released || !o.inScope(old, r.at)) && o.inScope(key, r.at) &&
				externalID(r.after, u.ID) == key &&
				h.mayAdopt(r, "user", key, u.ExternalID, u.UserName == declared.name+"@example.com") {
				h.adopt(r, u.ID, ownedObject{"user", key})
			}
		}
	}
	for _, g := range r.before.Groups {
		for key, declared := range o.groups {
			if old := h.owned[g.ID].key; (old == "" || released || !o.pushes(old)) && o.pushes(key) &&
				externalID(r.after, g.ID) == key &&
				h.mayAdopt(r, "group", key, g.ExternalID, g.DisplayName == declared.name) {
				h.adopt(r, g.ID, ownedObject{"group", key})
			}
		}
	}
}

// adopt records an object under its key, also in the writes of the run.
func (h *hostile) adopt(r *observedRun, id string, o ownedObject) {
	h.owned[id] = o
	for i := range r.writes {
		if w := &r.writes[i]; w.id == id {
			w.key = o.key
		} else if w.member == id {
			w.memberKey = o.key
		}
	}
}

// mayAdopt reports whether the declarations allow to adopt an object with an externalId.
func (h *hostile) mayAdopt(r *observedRun, kind, key, externalID string, sameName bool) bool {
	adoption := write{object: kind, verb: "updated", key: key}
	if h.approved(r, adoption) {
		return true
	}
	need := 1 // match
	switch {
	case externalID == key:
	case sameName && externalID == "":
	case sameName:
		need = 2
	default:
		return false
	}
	return h.inForce(r, adoption, adoptLooseness) >= need
}

func adoptLooseness(o *org) int {
	return slices.Index([]string{"never", "match", "take-over"}, o.adopt)
}
