package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// Reviewer knows what people approved. A forge is one.
type Reviewer interface {
	// Approved lists what the merges between two commits of the branch, from excluded and to included, come to when each is made of
	// what was approved. It may be called concurrently. An error holds what would need the answer; it fails no run.
	Approved(ctx context.Context, from, to string) ([]ReviewedMerge, error)
}

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

// reviewed works out what was approved. It is nil where no review is required: neither now, nor by what was last applied, so that a
// commit cannot lift the rule for itself.
func (s *session) reviewed(ctx context.Context, in PlanInput) (*Reviewed, error) {
	var before *schema.Declarations
	if s.past.Status != nil && s.past.Status.LastApplied != nil {
		decls, err := s.Source.Declarations(ctx, s.past.Status.LastApplied.Commit)
		if ctx.Err() != nil {
			return nil, err
		}
		if err == nil {
			before = decls
		}
	}
	if !reviews(s.req.Declarations, in.Provisioner.Key) && !reviews(before, in.Provisioner.Key) {
		return nil, nil
	}
	out := &Reviewed{allowed: map[effect]bool{}}
	if before == nil {
		out.Missing = []string{"nothing was applied before, so there is nothing that a reviewed change could be compared with"}
		return out, nil
	}
	// What the last applied commit would change as well is drift, or a date that has come: no merge brought it.
	out.allow(in, before, nil)
	if s.past.Status.LastApplied.Commit == s.req.Commit.ID {
		return out, nil
	}
	if s.Review == nil {
		out.Missing = []string{"no forge is configured that could say what was approved"}
		return out, nil
	}
	merges, err := s.Review.Approved(ctx, s.past.Status.LastApplied.Commit, s.req.Commit.ID)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		out.Missing = []string{"the forge cannot say what was approved: " + err.Error()}
		return out, nil
	}
	for _, m := range merges {
		if m.Why != "" {
			out.Missing = append(out.Missing, m.Name+": "+m.Why)
			continue
		}
		out.allow(in, m.Merged, planned(in, m.Base))
	}
	return out, nil
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
	in.Provisioner, in.Want, in.Reviewed, in.Approvals, in.HeldReports = p, want, nil, nil, nil
	return aimsOf(NewPlan(in).Changes)
}

func reviews(d *schema.Declarations, key string) bool {
	return d != nil && d.Provisioners[key] != nil && d.Provisioners[key].Review == "required"
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
	aims := c.aims()
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
