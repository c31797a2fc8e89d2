package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// approvalLife is how long an approval counts after roster first saw it, whatever expiry it
// declares, because the directory changes meanwhile.
const approvalLife = 24 * time.Hour

// Approved is an approval that released changes.
type Approved struct {
	Digest   string `json:"digest"`
	Reason   string `json:"reason"`
	Position string `json:"position"`         // file:line:column of the declaration
	Author   string `json:"author,omitempty"` // author of that line's last commit, if known
}

// approve releases the held changes that valid approvals cover. An approval covers the set of
// changes that a report printed with its digest, and every subset. Without that report it covers
// only the set that has its digest now.
func (p *Plan) approve(in PlanInput) {
	if p.heldDigest() == "" {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(in.Approvals)) {
		a := in.Approvals[key]
		if !p.counts(a, in) {
			continue
		}
		exact := key == p.heldDigest()
		covers := func(*Change) bool { return exact }
		if printed := in.HeldReports[key]; printed != nil {
			named := heldEffects(printed)
			covers = func(c *Change) bool {
				return exact || !slices.ContainsFunc(in.Redactor.effects(c), func(e effect) bool { return !named[e] })
			}
		}
		if p.release(key, covers) {
			p.Approvals = append(p.Approvals, Approved{Digest: key, Reason: a.Reason, Position: a.Pos.String()})
			p.AddNotice("approved: %s (%s)", a.Reason, a.Pos)
		}
	}
}

// releaseAudit records the approval that releases gate audit.
func (p *Plan) releaseAudit(in PlanInput) {
	a := in.AuditRelease
	if a == nil || !in.Trust.Broken() {
		return
	}
	p.Approvals = append(p.Approvals, *a)
	p.AddNotice("the broken audit branch is released: %s (%s)", a.Reason, a.Position)
}

// counts reports whether an approval counts. It adds a notice if this differs from the declared
// expiry.
func (p *Plan) counts(a *schema.Approval, in PlanInput) bool {
	if a.Expires == nil || a.Expires.Over(in.Now) {
		return false
	}
	seen := in.Now
	if s := in.Status; s != nil {
		if used, ok := s.UsedApprovals[a.Key]; ok {
			p.AddNotice("the approval at %s was used at %s; the changes that are held now need another approval", a.Pos,
				used.Format(time.RFC3339))
			return false
		}
		if first, ok := s.ApprovalFirstSeen[a.Key]; ok {
			seen = first
		}
	}
	end := seen.Add(approvalLife)
	switch {
	case !a.Expires.End.After(end):
	case !in.Now.Before(end):
		p.AddNotice("the approval at %s has expired: it counts for 24 hours after it was first seen at %s", a.Pos,
			seen.Format(time.RFC3339))
		return false
	default:
		p.AddNotice("the approval at %s expires at %s, but counts only until %s, 24 hours after it was first seen",
			a.Pos, a.Expires.Text, end.Format(time.RFC3339))
	}
	return true
}

// release releases the held changes that an approval covers, except those that depend on a change
// which stays held. It reports whether it released any.
func (p *Plan) release(key string, covers func(*Change) bool) bool {
	var released []int
	for i := range p.Changes {
		if c := &p.Changes[i]; len(c.Held) > 0 && c.Approvable() && covers(c) {
			released = append(released, i)
		}
	}
	before := map[int][]Hold{}
	for _, i := range released {
		c := &p.Changes[i]
		before[i], c.Held, c.Approval = c.Held, nil, key
	}
	holdDependents(p.Changes)
	releasedAny := false
	for _, i := range released {
		c := &p.Changes[i]
		if len(c.Held) > 0 { // it depends on a change that the approval does not cover
			c.Held, c.Approval = append(before[i], c.Held...), ""
			continue
		}
		releasedAny = true
		p.ReleasedHolds = append(p.ReleasedHolds, before[i]...)
	}
	return releasedAny
}

// Approvable reports whether an approval can release the change. Otherwise the declarations must
// change.
func (c *Change) Approvable() bool {
	return !slices.ContainsFunc(c.Held, func(h Hold) bool { return h.NotApprovable })
}

// heldEffects returns the effects of the changes that a report has as held.
func heldEffects(r *Report) map[effect]bool {
	out := map[effect]bool{}
	for i := range r.Changes {
		if d := &r.Changes[i]; d.Result == ResultHeld {
			for _, e := range d.effects() {
				out[e] = true
			}
		}
	}
	return out
}
