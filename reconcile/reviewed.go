package reconcile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// ReviewedMerge is one merge of an approved head: the declarations before it, and those that
// merging the head gives. A pull request whose reviewers approved different heads has one for each
// head, all with the same name.
type ReviewedMerge struct {
	Name string // for example "pull request 7"
	// Commits are the commits of the branch that the merge brought, the newest first.
	Commits      []string
	Base, Merged *schema.Declarations
	// Review has the accounts that approved this head as its Approvers.
	Review CommitReview
	// NotReviewedReason is why the merge does not count as reviewed: it was not approved, or the
	// approved head cannot be read. Then Base and Merged are nil.
	NotReviewedReason string
}

// Reviewed holds the effects that may be applied without an approval where a review is required.
type Reviewed struct {
	allowed map[effect]bool
	// applied are the effects of the last applied commit, which are drift or follow from a date.
	applied map[effect]bool
	// loosened are the rules that reviewed merges loosen, by field and value.
	loosened map[[2]string]bool
	// Missing says which parts of the history were not reviewed, or not completely.
	Missing []MissingReview
	// merges are the names of merges, by the commits that they brought.
	merges map[string]string
	// AnyOrigin means that drift needs a review too, because the last applied commit may be forged.
	AnyOrigin bool
	// Date is a declared date that causes changes which were not reviewed; nil if there is none.
	Date *UnreviewedDate
}

// MissingReview is a part of the history that was not reviewed, or not completely.
type MissingReview struct {
	Merge  string // the name of the merge; empty if the reason is about the history as a whole
	Reason string
}

func (m MissingReview) String() string {
	if m.Merge == "" {
		return m.Reason
	}
	return m.Merge + ": " + m.Reason
}

// ReviewHistory is the reviews of all merges since the last applied commit.
type ReviewHistory struct {
	// Rules are the rules that a review must satisfy, all of them: the declared rule and those of
	// Remembered. Without a rule, one approval is required.
	Rules []schema.Review
	// Remembered are the rules that were in force after the last applied commit.
	Remembered []schema.Review
	// Applied are the declarations of the last applied commit; nil if nothing was applied or the
	// commit cannot be read.
	Applied *schema.Declarations
	// AnyOrigin is that of Reviewed.
	AnyOrigin bool
	// Declared are the declarations that the plan is for; nil if no forge tells what was reviewed
	// of them.
	Declared *schema.Declarations
	Merges   []ReviewedMerge // the newest first
	// PolicyMerges are the merges since the commit whose policy is in force, up to the last applied
	// commit. They allow no changes, but they loosen rules.
	PolicyMerges []ReviewedMerge
	Missing      []string // why the reviews of a part of the history are not known
}

// Reviewed returns the reviewed effects for a plan with the same input. What the last applied
// commit would change as well needs no review: it is drift, or follows from a date.
func (h *ReviewHistory) Reviewed(in PlanInput) *Reviewed {
	if h == nil {
		return nil
	}
	out := &Reviewed{loosened: h.loosened(in.Provisioner.Identity()), AnyOrigin: h.AnyOrigin}
	out.applied = h.appliedEffects(in)
	out.allowed, out.Missing = h.allowedEffects(in)
	out.merges = map[string]string{}
	for _, m := range h.Merges {
		for _, commit := range m.Commits {
			out.merges[commit] = m.Name
		}
	}
	if h.Declared != nil {
		out.Date = h.unreviewedDate(in)
	}
	return out
}

// appliedEffects returns what the last applied commit would change.
func (h *ReviewHistory) appliedEffects(in PlanInput) map[effect]bool {
	if h.Applied == nil || ProvisionerOf(h.Applied, in.Provisioner.Identity()) == nil {
		return nil
	}
	return effectsOf(in, h.Applied)
}

// allowedEffects returns the effects that were reviewed, and which parts of the history were not.
func (h *ReviewHistory) allowedEffects(in PlanInput) (allowed map[effect]bool, missing []MissingReview) {
	allowed = map[effect]bool{}
	for _, reason := range h.Missing {
		missing = append(missing, MissingReview{Reason: reason})
	}
	for _, pull := range pulls(h.Merges) {
		if reason := h.insufficient(pull); reason != "" {
			missing = append(missing, MissingReview{pull[0].Name, reason})
			continue
		}
		if !h.allow(allowed, in, pull) {
			missing = append(missing, MissingReview{pull[0].Name,
				"its reviewers approved different commits; only the changes that enough of them approved count"})
		}
	}
	return allowed, missing
}

// pulls groups the merges by pull request.
func pulls(merges []ReviewedMerge) [][]ReviewedMerge {
	var out [][]ReviewedMerge
	for i, m := range merges {
		if i == 0 || merges[i-1].Name != m.Name {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], m)
	}
	return out
}

// insufficient returns why the reviews of one pull request are not sufficient; "" if they are.
func (h *ReviewHistory) insufficient(pull []ReviewedMerge) string {
	review := pull[0].Review
	review.Approvers = nil
	reason := ""
	for _, m := range pull {
		if m.NotReviewedReason != "" {
			reason = m.NotReviewedReason
			continue
		}
		review.Approvers = append(review.Approvers, m.Review.Approvers...)
	}
	if len(review.Approvers) == 0 && reason != "" {
		return reason
	}
	_, why := SufficientForAll(review, h.Rules)
	return why
}

// allow adds the effects of a pull request that enough reviewers approved. It reports whether these
// are all that any reviewer approved.
func (h *ReviewHistory) allow(allowed map[effect]bool, in PlanInput, pull []ReviewedMerge) bool {
	approvers := map[effect][]string{}
	for _, m := range pull {
		if m.NotReviewedReason != "" {
			continue
		}
		before := effectsOf(in, m.Base)
		for e := range effectsOf(in, m.Merged) {
			if !before[e] {
				approvers[e] = append(approvers[e], m.Review.Approvers...)
			}
		}
	}
	all := true
	for e, by := range approvers {
		review := pull[0].Review
		review.Approvers = by
		if ok, _ := SufficientForAll(review, h.Rules); ok {
			allowed[e] = true
		} else {
			all = false
		}
	}
	return all
}

// ProvisionerOf returns the provisioner of a tenant in declarations, whatever its key is; nil if
// there is none.
func ProvisionerOf(d *schema.Declarations, identity string) *schema.Provisioner {
	if d == nil {
		return nil
	}
	for _, p := range d.Provisioners { // at most one has the identity
		if p.Identity() == identity {
			return p
		}
	}
	return nil
}

// effectsOf returns the normalized effects of a plan for other declarations.
func effectsOf(in PlanInput, d *schema.Declarations) map[effect]bool {
	if p := planOf(in, d); p != nil {
		return normalizedEffects(p.Changes)
	}
	return nil
}

// planOf returns a plan for other declarations, on the same observed directory. Declarations
// without the provisioner deprovision its users. It returns nil for declarations that cannot be
// mapped: they change nothing.
func planOf(in PlanInput, d *schema.Declarations) *Plan {
	p := ProvisionerOf(d, in.Provisioner.Identity())
	in.Reviewed, in.Approvals, in.ApprovalEvidence, in.Causes = nil, nil, nil, nil
	if p == nil {
		in.Desired = DesiredOfRemoved(in.Provisioner)
		return NewPlan(in)
	}
	desired, err := Desire(d, p, in.Now)
	if err != nil {
		return nil
	}
	in.Provisioner, in.Desired = p, desired
	in.Policy, in.AppliedPolicy = nil, nil // gates do not matter
	return NewPlan(in)
}

// holdUnreviewed holds intended changes that have effects which were not reviewed, and names them.
func holdUnreviewed(in *gateInput, _ limit) map[int]string {
	if in.reviewed == nil {
		return nil
	}
	out := map[int]string{}
	for i := range in.changes {
		c := &in.changes[i]
		if c.Origin != Intended && !in.reviewed.AnyOrigin {
			continue
		}
		if reason := in.reviewed.notCovered(c); reason != "" {
			out[i] = reason + in.reviewed.missingFor(c)
		}
	}
	return out
}

// missingFor says why a change was not reviewed: what is missing of the merge that brought it. If
// that is not known, or the history as a whole was not reviewed, it names the missing parts.
func (r *Reviewed) missingFor(c *Change) string {
	merge := ""
	if c.Cause.Kind == CauseCommit {
		merge = r.merges[c.Cause.Commit]
	}
	if merge == "" {
		return r.missingParts()
	}
	for _, m := range r.Missing {
		if m.Merge == merge || m.Merge == "" {
			return fmt.Sprintf(" (%s)", m)
		}
	}
	return fmt.Sprintf(" (%s: what was approved does not have it)", merge)
}

// notCovered returns which effects of a change were not reviewed; "" if all were.
func (r *Reviewed) notCovered(c *Change) string {
	effects := c.normalizedEffects()
	unreviewed := slices.DeleteFunc(slices.Clone(effects), func(e effect) bool {
		return r.allowed[e] || r.applied[e] && !c.Redeclared
	})
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
