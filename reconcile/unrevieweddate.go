package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// maxUnreviewedEnds is the number of end dates on which the effects of declarations are computed.
// Declarations with more of them that were not reviewed count as not reviewed.
const maxUnreviewedEnds = 20

// UnreviewedDate is a declared date that causes changes which were not reviewed. Until they are
// reviewed or approved, the commit must not become the last applied one: what the last applied
// commit declares for a date needs no review on that date.
type UnreviewedDate struct {
	Text    string // which dates
	Changes int    // that they cause; 0 if they were not counted
}

// String returns a notice.
func (d UnreviewedDate) String() string {
	if d.Changes == 0 {
		return fmt.Sprintf("%s were declared without a review; the changes that they cause will be held%s", d.Text,
			unreviewedAdvice)
	}
	return fmt.Sprintf("%s will cause %s that were not reviewed and will be held%s", d.Text,
		CountChanges(d.Changes), unreviewedAdvice)
}

const unreviewedAdvice = "; to have them reviewed, revert them and declare them in a pull request"

// unreviewedDate returns a date of the declarations that causes changes which were not reviewed;
// nil if there is none.
func (h *ReviewHistory) unreviewedDate(in PlanInput) *UnreviewedDate {
	ends := h.newEnds(in)
	if len(ends) > maxUnreviewedEnds {
		return &UnreviewedDate{Text: fmt.Sprintf("%d end dates", len(ends))}
	}
	begun := h.begun(in.Now)
	if begun == h && len(ends) == 0 {
		return nil
	}
	now := effectsOf(in, h.Declared) // the gate holds these
	if begun != h {
		if n := begun.unreviewedAt(in, now); n > 0 {
			return &UnreviewedDate{Text: "dates in validFrom", Changes: n}
		}
	}
	for _, end := range ends {
		later := in
		later.Now = end
		if n := h.begun(end).unreviewedAt(later, now); n > 0 {
			return &UnreviewedDate{Text: "the end on " + end.Format(time.RFC3339), Changes: n}
		}
	}
	return nil
}

// unreviewedAt counts the changes with effects that were not reviewed, without the effects in
// others.
func (h *ReviewHistory) unreviewedAt(in PlanInput, others map[effect]bool) int {
	allowed, _ := h.allowedEffects(in)
	maps.Copy(allowed, h.appliedEffects(in))
	changes := map[Ref]bool{}
	for e := range effectsOf(in, h.Declared) {
		if allowed[e] || others[e] {
			continue
		}
		ref := Ref{Kind: e.kind, Key: e.key}
		if e.attribute == "members" {
			ref.Member = e.value
		}
		changes[ref] = true
	}
	return len(changes)
}

// begun returns the history as if the validity of all users had begun, or h if it has.
func (h *ReviewHistory) begun(now time.Time) *ReviewHistory {
	declared := begunUsers(h.Declared, now)
	if declared == h.Declared {
		return h
	}
	out := *h
	out.Declared, out.Applied = declared, begunUsers(h.Applied, now)
	out.Merges = slices.Clone(h.Merges)
	for i := range out.Merges {
		m := &out.Merges[i]
		m.Base, m.Merged = begunUsers(m.Base, now), begunUsers(m.Merged, now)
	}
	return &out
}

// begunUsers returns declarations in which the validity of all users has begun.
func begunUsers(d *schema.Declarations, now time.Time) *schema.Declarations {
	if d == nil {
		return nil
	}
	begun := map[string]*schema.User{}
	for key, u := range d.Users {
		if u.ValidFrom != nil && !u.ValidFrom.Begun(now) {
			copied := *u
			copied.ValidFrom = nil
			begun[key] = &copied
		}
	}
	if len(begun) == 0 {
		return d
	}
	out := *d
	out.Users = maps.Clone(d.Users)
	maps.Copy(out.Users, begun)
	return &out
}

// newEnds returns the end dates after now that are neither in the last applied declarations nor in
// reviewed ones, sorted.
func (h *ReviewHistory) newEnds(in PlanInput) []time.Time {
	known := []*schema.Declarations{h.Applied}
	for _, pull := range pulls(h.Merges) {
		if h.insufficient(pull) == "" {
			for _, m := range pull {
				known = append(known, m.Merged)
			}
		}
	}
	var out []time.Time
	add := func(end *schema.Date, endIn func(*schema.Declarations) *schema.Date) {
		if end == nil || end.Over(in.Now) {
			return
		}
		if !slices.ContainsFunc(known, func(d *schema.Declarations) bool {
			if d == nil {
				return false
			}
			have := endIn(d)
			return have != nil && have.End.Equal(end.End)
		}) {
			out = append(out, end.End)
		}
	}
	for key, u := range h.Declared.Users {
		add(u.ValidUntil, func(d *schema.Declarations) *schema.Date { return validUntil(d, key) })
	}
	for key, g := range h.Declared.Groups {
		for i := range g.Members {
			m := &g.Members[i]
			add(m.Until, func(d *schema.Declarations) *schema.Date { return memberUntil(d, key, m.User) })
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return slices.CompactFunc(out, time.Time.Equal)
}

// validUntil returns the declared end of a user's validity; nil if there is none.
func validUntil(d *schema.Declarations, user string) *schema.Date {
	if u := d.Users[user]; u != nil {
		return u.ValidUntil
	}
	return nil
}

// memberUntil returns the declared end of a membership; nil if there is none.
func memberUntil(d *schema.Declarations, group, user string) *schema.Date {
	if g := d.Groups[group]; g != nil {
		if m := g.Member(user); m != nil {
			return m.Until
		}
	}
	return nil
}

// missingParts names up to three parts of the history that were not reviewed.
func (r *Reviewed) missingParts() string {
	if len(r.Missing) == 0 {
		return ""
	}
	var parts []string
	for _, m := range r.Missing[:min(3, len(r.Missing))] {
		parts = append(parts, m.String())
	}
	return " (" + strings.Join(parts, "; ") + ")"
}
