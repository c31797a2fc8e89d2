package reconcile

import (
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// ApprovalRecord is what the audit branch has about the approvals of one provisioner.
type ApprovalRecord struct {
	Provisioner string
	Status      *Status
	Newest      *Report            // with all of its changes
	Printed     map[string]*Report // the newest report that printed a digest, by digest
}

// held returns the digests that the newest report holds.
func (r *ApprovalRecord) held() []string {
	out := []string{r.Newest.HeldDigest}
	for _, g := range r.Newest.HeldGroups {
		out = append(out, g.Digest)
	}
	return out
}

// heldPart returns the changes that a report printed with a digest and that are still held.
func (r *ApprovalRecord) heldPart(digest string) []Change {
	printed := r.Printed[digest].heldEffects(digest)
	var out []Change
	for _, c := range releasableOf(r.Newest.Changes) {
		if slices.ContainsFunc(c.effects(), func(e effect) bool { return printed[e] }) {
			out = append(out, c)
		}
	}
	return out
}

// UnmatchedApproval returns why an approval matches nothing that the newest reports hold; "" if it
// matches. added is the commit that added it; zero if it is not committed. declared reports whether
// a provisioner is declared.
func UnmatchedApproval(a *schema.Approval, added CommitRef, records []ApprovalRecord, declared func(string) bool,
	now time.Time) string {
	var held []string
	reason := "matches nothing: no report has printed its digest as held"
	for i := range records {
		r := &records[i]
		if declared(r.Provisioner) && r.Newest.HeldDigest != "" {
			held = append(held, r.held()...)
		}
		used := FindUse(r.Status.UsedApprovals, a.Key, added.ID)
		in := PlanInput{Status: r.Status, Now: now}
		switch {
		case used != nil:
			return fmt.Sprintf("was used at %s: it releases nothing more", used.Time.Format(time.RFC3339))
		case r.Printed[a.Key] == nil:
		case !declared(r.Provisioner):
			reason = fmt.Sprintf("matches nothing: a report of provisioner %q printed its digest, which is not "+
				"declared", r.Provisioner)
		case added.ID != "" && in.Ended(a, added):
			return "has expired: it counts for 24 hours after roster first saw it"
		case len(r.heldPart(a.Key)) > 0:
			return ""
		default:
			reason = fmt.Sprintf("matches nothing that the newest report of provisioner %q holds", r.Provisioner)
		}
	}
	return reason + NearestHeld(a.Key, held)
}
