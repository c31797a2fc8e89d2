package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// ReviewedMerge is one merge as it was approved: the declarations before it, and those that merging
// the approved head gives.
type ReviewedMerge struct {
	Name         string // for example "pull request 7"
	Base, Merged *schema.Declarations
	// NotReviewedReason is why the merge does not count as reviewed: it was not approved, or the
	// approved head cannot be read. Then Base and Merged are nil.
	NotReviewedReason string
}

// Reviewed holds the effects that may be applied without an approval where a review is required.
type Reviewed struct {
	allowed map[effect]bool
	// Missing says which parts of the history were not reviewed.
	Missing []string
}

// ReviewHistory is the reviews of all merges since the last applied commit.
type ReviewHistory struct {
	// Applied are the declarations of the last applied commit; nil if nothing was applied or the
	// commit cannot be read.
	Applied *schema.Declarations
	Merges  []ReviewedMerge
	Missing []string // why the reviews of a part of the history are not known
}

// Reviewed returns the reviewed effects for a plan with the same input. What the last applied
// commit would change as well needs no review: it is drift, or follows from a date.
func (h *ReviewHistory) Reviewed(in PlanInput) *Reviewed {
	if h == nil {
		return nil
	}
	out := &Reviewed{allowed: map[effect]bool{}, Missing: slices.Clone(h.Missing)}
	if h.Applied != nil {
		out.allow(in, h.Applied, nil)
	}
	for _, m := range h.Merges {
		if m.NotReviewedReason != "" {
			out.Missing = append(out.Missing, m.Name+": "+m.NotReviewedReason)
			continue
		}
		out.allow(in, m.Merged, effectsOf(in, m.Base))
	}
	return out
}

// ReviewRequired reports whether declarations require a review of a provisioner's changes.
func ReviewRequired(d *schema.Declarations, provisioner string) bool {
	return d != nil && d.Provisioners[provisioner] != nil && d.Provisioners[provisioner].Review.Required
}

// allow adds the effects of a plan for declarations, except those in without.
func (r *Reviewed) allow(in PlanInput, d *schema.Declarations, without map[effect]bool) {
	for e := range effectsOf(in, d) {
		if !without[e] {
			r.allowed[e] = true
		}
	}
}

// effectsOf returns the normalized effects of a plan for other declarations, on the same observed
// directory.
func effectsOf(in PlanInput, d *schema.Declarations) map[effect]bool {
	p := d.Provisioners[in.Provisioner.Key]
	if p == nil {
		return nil
	}
	desired, err := Desire(d, p, in.Now)
	if err != nil {
		return nil // declarations that cannot be mapped change nothing
	}
	in.Provisioner, in.Desired, in.Reviewed, in.Approvals, in.HeldReports = p, desired, nil, nil, nil
	return normalizedEffects(NewPlan(in).Changes)
}

// holdUnreviewed holds intended changes that have effects which were not reviewed, and names them.
func holdUnreviewed(in *gateInput, _ limit) map[int]string {
	if in.reviewed == nil {
		return nil
	}
	out := map[int]string{}
	for i := range in.changes {
		c := &in.changes[i]
		if c.Origin != Intended {
			continue
		}
		if reason := in.reviewed.notCovered(c); reason != "" {
			out[i] = reason
			if len(in.reviewed.Missing) > 0 {
				out[i] += " (" + strings.Join(in.reviewed.Missing[:min(3, len(in.reviewed.Missing))], "; ") + ")"
			}
		}
	}
	return out
}

// notCovered returns which effects of a change were not reviewed; "" if all were.
func (r *Reviewed) notCovered(c *Change) string {
	effects := c.normalizedEffects()
	unreviewed := slices.DeleteFunc(slices.Clone(effects), func(e effect) bool { return r.allowed[e] })
	switch {
	case len(unreviewed) == 0:
		return ""
	case len(unreviewed) == len(effects):
		return "not approved"
	}
	var paths []string
	for _, e := range unreviewed {
		if e.attribute != "" {
			paths = append(paths, e.attribute)
		}
	}
	return fmt.Sprintf("the approved changes do not include %s", strings.Join(paths, ", "))
}
