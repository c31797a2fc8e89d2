package reconcile

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// approvalLife is how long an approval counts from when roster first saw it, whatever it says itself: the directory moves on.
const approvalLife = 24 * time.Hour

// Approved is an approval that released something.
type Approved struct {
	Digest   string `json:"digest"`
	Reason   string `json:"reason"`
	Position string `json:"position"`         // file:line:column of the declaration
	Author   string `json:"author,omitempty"` // who committed that line, where history tells
}

// approve releases what live approvals name: the set that their held report printed, or any part of it; without that report only the set
// whose digest they are.
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

// live reports whether an approval still counts, and says why not or until when if that is not what it says itself.
func (p *Plan) counts(a *schema.Approval, in PlanInput) bool {
	if a.Expires == nil || a.Expires.Over(in.Now) {
		return false
	}
	seen := in.Now
	if s := in.Status; s != nil {
		if spent, ok := s.UsedApprovals[a.Key]; ok {
			p.AddNotice("the approval at %s was used up at %s; what is held now needs one of its own", a.Pos, spent.Format(time.RFC3339))
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
		p.AddNotice("the approval at %s is over: it counts for 24 hours from when it was first seen, %s", a.Pos, seen.Format(time.RFC3339))
		return false
	default:
		p.AddNotice("the approval at %s says %s, but counts only until %s, 24 hours from when it was first seen", a.Pos, a.Expires.Text, end.Format(time.RFC3339))
	}
	return true
}

// release lets go of the held changes that an approval covers, and holds again what still stands on something held.
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
	any := false
	for _, i := range released {
		c := &p.Changes[i]
		if len(c.Held) > 0 { // it stands on something that the approval does not cover: its own reasons count again
			c.Held, c.Approval = append(before[i], c.Held...), ""
			continue
		}
		any = true
		p.Overruled = append(p.Overruled, before[i]...)
	}
	return any
}

// Approvable reports whether a word in Git is enough: what adopt forbids and names that others keep need another declaration.
func (c *Change) Approvable() bool {
	return !slices.ContainsFunc(c.Held, func(h Hold) bool { return h.NotApprovable })
}

// heldEffects is the set that a held report printed the digest of.
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

// effect is what a change does, without reasons, lines, commits and times: the same effect on the same object is the same effect.
type effect struct {
	kind                      Kind
	key, id, attribute, value string
}

// effects lists what a change does: one for each attribute, or one for the whole.
func (c *Change) effects() []effect {
	e := effect{kind: c.Kind, key: c.Key, id: c.ID}
	switch {
	case c.Member != "":
		e.attribute, e.value = "members", c.Member
	case len(c.Attributes) > 0:
		out := make([]effect, len(c.Attributes))
		for i, a := range c.Attributes {
			e.attribute, e.value = a.Path, a.New
			out[i] = e
		}
		return out
	}
	return []effect{e}
}

// heldDigest is the digest of what gates hold, or "".
func (p *Plan) heldDigest() string {
	held := func(c *Change) bool { return len(c.Held) > 0 && c.Waiting == "" }
	if !slices.ContainsFunc(p.Changes, func(c Change) bool { return held(&c) }) {
		return ""
	}
	return digest(p.Identity, p.Changes, held)
}

// digest is SHA-256 over the sorted set of (provisioner identity, kind, key, AWS id, attribute, new value) of the selected changes.
func digest(identity string, changes []Change, selected func(*Change) bool) string {
	order := make([]int, 0, len(changes))
	for i := range changes {
		if selected(&changes[i]) {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(i, j int) int { return changes[i].Ref().Compare(changes[j].Ref()) })
	h := sha256.New()
	line := make([]byte, 0, 256)
	for _, i := range order {
		for _, e := range changes[i].effects() {
			line = line[:0]
			for _, field := range [...]string{identity, string(e.kind), e.key, e.id, e.attribute, e.value} {
				line = append(append(line, field...), 0)
			}
			_, _ = h.Write(line)
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// seen dates the approvals of the declarations by when they were first seen.
func seen(before map[string]time.Time, declared map[string]*schema.Approval, now time.Time) map[string]time.Time {
	var out map[string]time.Time
	for key := range declared {
		if out == nil {
			out = map[string]time.Time{}
		}
		if out[key] = now; !before[key].IsZero() {
			out[key] = before[key]
		}
	}
	return out
}
