package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// ReviewedMerge is one merge as it was approved: the declarations before it, and those that merging the approved head gives.
type ReviewedMerge struct {
	Name         string // for people: "pull request 7"
	Base, Merged *schema.Declarations
	// Why says that nothing of it counts: nobody approved it, or what was approved cannot be read. Base and Merged are nil then.
	Why string
}

// Reviewed is what may be applied without another word where review is required.
type Reviewed struct {
	allowed map[effect]bool
	// Missing says which parts of the history nobody approved.
	Missing []string
}

// ReviewHistory is what is known of the reviews of all that was merged since the last applied commit.
type ReviewHistory struct {
	Applied *schema.Declarations // of the last applied commit; nil when nothing was applied, or it cannot be read
	Merges  []ReviewedMerge
	Missing []string // why reviews of a part of the history are not known
}

// Reviewed returns what was reviewed, for a plan of the same input. What the last applied commit would change as well is drift, or a
// date that has come: no merge brought it.
func (h *ReviewHistory) Reviewed(in PlanInput) *Reviewed {
	if h == nil {
		return nil
	}
	out := &Reviewed{allowed: map[effect]bool{}, Missing: slices.Clone(h.Missing)}
	if h.Applied != nil {
		out.allow(in, h.Applied, nil)
	}
	for _, m := range h.Merges {
		if m.Why != "" {
			out.Missing = append(out.Missing, m.Name+": "+m.Why)
			continue
		}
		out.allow(in, m.Merged, planned(in, m.Base))
	}
	return out
}

// ReviewRequired reports whether declarations require a review of a provisioner's changes.
func ReviewRequired(d *schema.Declarations, provisioner string) bool {
	return d != nil && d.Provisioners[provisioner] != nil && d.Provisioners[provisioner].Review == "required"
}

// allow adds what a plan for the declarations would change and is not among without.
func (r *Reviewed) allow(in PlanInput, d *schema.Declarations, without map[effect]bool) {
	for e := range planned(in, d) {
		if !without[e] {
			r.allowed[e] = true
		}
	}
}

// planned returns the aims of a plan for other declarations, on the same look at the directory.
func planned(in PlanInput, d *schema.Declarations) map[effect]bool {
	p := d.Provisioners[in.Provisioner.Key]
	if p == nil {
		return nil
	}
	want, err := Desire(d, p, in.Now)
	if err != nil {
		return nil // what cannot be mapped brings nothing about
	}
	in.Provisioner, in.Desired, in.Reviewed, in.Approvals, in.HeldReports = p, want, nil, nil, nil
	return normalizedEffects(NewPlan(in).Changes)
}

// holdUnreviewed holds intended changes that go beyond what was approved, and names what is more.
func holdUnreviewed(in *gateInput, _ *schema.Limit) map[int]string {
	if in.reviewed == nil {
		return nil
	}
	out := map[int]string{}
	for i := range in.changes {
		c := &in.changes[i]
		if c.Origin != Intended {
			continue
		}
		if more := in.reviewed.beyond(c); more != "" {
			out[i] = more
			if len(in.reviewed.Missing) > 0 {
				out[i] += " (" + strings.Join(in.reviewed.Missing[:min(3, len(in.reviewed.Missing))], "; ") + ")"
			}
		}
	}
	return out
}

// beyond says what of a change was not approved, or "".
func (r *Reviewed) beyond(c *Change) string {
	aims := c.normalizedEffects()
	more := slices.DeleteFunc(slices.Clone(aims), func(e effect) bool { return r.allowed[e] })
	switch {
	case len(more) == 0:
		return ""
	case len(more) == len(aims):
		return "nobody approved this"
	}
	var paths []string
	for _, e := range more {
		if e.attribute != "" {
			paths = append(paths, e.attribute)
		}
	}
	return fmt.Sprintf("what was approved does not have %s", strings.Join(paths, ", "))
}
