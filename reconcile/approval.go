package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
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
	Commit   string `json:"commit,omitempty"` // on the branch, which added the declaration
	// PullRequest brought that commit; empty for a direct push, and without a forge.
	PullRequest string `json:"pullRequest,omitempty"`
	// Approvers approved that pull request: accounts of the forge.
	Approvers []string `json:"approvers,omitempty"`
	// Note says what roster does not know about the approval, for example that its author also made
	// the changes; empty if another person approved them.
	Note string `json:"note,omitempty"`
}

// String says who approved what, and where.
func (a Approved) String() string {
	out := fmt.Sprintf("%s (%s", a.Reason, a.Position)
	if a.Commit != "" {
		out += fmt.Sprintf(", commit %.7s", a.Commit)
	}
	if out += ")"; a.Author != "" {
		out += " by " + a.Author
	}
	if a.PullRequest != "" {
		out += ", " + a.PullRequest
	}
	if len(a.Approvers) > 0 {
		out += ", approved by " + strings.Join(a.Approvers, ", ")
	}
	if a.Note != "" {
		out += "; " + a.Note
	}
	return out
}

// ApprovalEvidence is what Git and the chain of reports have about an approval.
type ApprovalEvidence struct {
	// Added is the commit of the branch that last added or changed the declaration; zero if it is
	// not known.
	Added  CommitRef
	Author string // of the declaration's line; empty if it is not known
	// Printed is the report that printed the digest as held for an earlier commit than Added.
	Printed *Report
	Used    *ApprovalUse // nil if the approval was not used
	// RefusedReason is why the approval does not count. Without it, Printed is set.
	RefusedReason string
	// Review is how the commit that added the declaration was reviewed, and Note what is not known
	// about it.
	Review CommitReview
	Note   string
	// Foreign is true if a report of another provisioner printed the digest, Unknown if none did.
	Foreign, Unknown bool
	// NoAnswer is true if the forge did not answer. The time does not count as age.
	NoAnswer bool
}

// Approved returns the record of an approval that counts.
func (e *ApprovalEvidence) Approved(a *schema.Approval) Approved {
	return Approved{Digest: a.Key, Reason: a.Reason, Position: placeOf(a), Author: e.Author, Commit: e.Added.ID,
		PullRequest: e.Review.PullRequest, Approvers: e.Review.Approvers, Note: e.Note}
}

// placeOf returns where an approval is declared, or the start of its digest if the key is computed
// and has no position.
func placeOf(a *schema.Approval) string {
	if at := a.Pos.String(); at != "" {
		return at
	}
	return fmt.Sprintf("%.19s", a.Key)
}

// approve releases the held changes that valid approvals cover. An approval covers the set of
// changes that a report printed with its digest, and every subset.
func (p *Plan) approve(in PlanInput) {
	held := p.heldDigest()
	for _, key := range slices.Sorted(maps.Keys(in.Approvals)) {
		a, e := in.Approvals[key], in.ApprovalEvidence[key]
		if e == nil || IsAuditRelease(key) || !p.counts(a, e, held != "", in) {
			continue
		}
		covers, late, again := p.coverage(key, e.Printed, in), "", false
		intended := e.Printed.intendedEffects(key)
		if p.release(key, func(c *Change) bool {
			if !covers(c) {
				return false
			}
			if in.broughtSince(c, e) {
				late = c.Cause.Commit
				return false
			}
			printed := func(e effect) bool { return intended[e] }
			if c.Origin == Drift && slices.ContainsFunc(in.Redactor.effects(c), printed) {
				again = true
				return false
			}
			return true
		}) {
			approved := e.Approved(a)
			p.Approvals = append(p.Approvals, approved)
			p.AddNotice("approved: %s", approved)
			continue
		}
		if late != "" {
			p.AddNotice("the approval at %s does not count for the changes that commit %.7s brought: a report printed "+
				"its digest before, for commit %.7s; edit its reason in a later commit to approve them",
				placeOf(a), late, e.Printed.Commit.ID)
			continue
		}
		if again {
			p.AddNotice("the approval at %s does not count for changes that were applied since and are drift now: "+
				"a report printed them as a change of a commit; approve the digest that is held now", placeOf(a))
			continue
		}
		p.AddNotice("the approval at %s matches nothing that is held%s", placeOf(a), p.nearest(key))
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

// nearest names the digest of held changes that is nearest to another digest; "" if nothing is
// held.
func (p *Plan) nearest(digest string) string { return NearestHeld(digest, p.heldSets()) }

// coverage returns which changes an approval covers. A report on a branch that is not proved may be
// forged, so its list of changes must have the digest. Otherwise the approval covers only the
// exact set.
func (p *Plan) coverage(key string, printed *Report, in PlanInput) func(*Change) bool {
	exact := p.exactly(key)
	if in.Trust.Level == TrustUnproved && !printed.provesDigest(key) {
		return exact
	}
	named := printed.heldEffects(key)
	return func(c *Change) bool {
		return exact(c) || !slices.ContainsFunc(in.Redactor.effects(c), func(e effect) bool { return !named[e] })
	}
}

// broughtSince reports whether a commit brought a change after the report that printed the digest
// of an approval, so that nobody has looked at it: for example, a commit that removes users again
// after a revert, and has the approval of their first removal.
func (in *PlanInput) broughtSince(c *Change, e *ApprovalEvidence) bool {
	brought, ok := in.commitIndex(c.Cause.Commit)
	if !ok || c.Cause.Kind != CauseCommit {
		return false
	}
	if report, ok := in.commitIndex(e.Printed.Commit.ID); ok {
		return brought > report
	}
	added, ok := in.commitIndex(e.Added.ID)
	return !ok || brought >= added
}

// exactly returns which held changes are in the set that has a digest now.
func (p *Plan) exactly(key string) func(*Change) bool {
	if key == p.heldDigest() {
		return func(*Change) bool { return true }
	}
	for _, g := range heldGroups(p.Identity, p.releasable(), nil) {
		if g.Digest == key {
			return func(c *Change) bool { return c.Cause == g.Cause }
		}
	}
	return func(*Change) bool { return false }
}

// counts reports whether an approval counts. It adds a notice if an approval does not count, unless
// its time is over or nothing is held that it could have been meant for.
func (p *Plan) counts(a *schema.Approval, e *ApprovalEvidence, held bool, in PlanInput) bool {
	if a.Expired(in.Now) || e.Foreign {
		return false
	}
	first := in.Status.firstSeen(a.Key, e.Added, in.Now)
	end := first.End(in.Now)
	switch {
	case e.Used != nil:
		again := ""
		if slices.Contains(p.heldSets(), a.Key) {
			again = ": edit its reason to approve the same changes again"
		}
		if held {
			p.AddNotice("the approval at %s was used at %s; the changes that are held now need another approval%s",
				placeOf(a), e.Used.Time.Format(time.RFC3339), again)
		}
		return false
	case e.Added.ID != "" && !in.Now.Before(end):
		if held {
			p.AddNotice("the approval at %s has expired: it counts for 24 hours after it was first seen at %s",
				placeOf(a), first.Time.Format(time.RFC3339))
		}
		return false
	case e.RefusedReason != "":
		nearest := ""
		if e.Unknown {
			nearest = p.nearest(a.Key)
		}
		p.AddNotice("the approval at %s does not count: %s%s", placeOf(a), e.RefusedReason, nearest)
		return false
	case a.Expires != nil && a.Expires.End.After(end):
		p.AddNotice("the approval at %s expires at %s, but counts only until %s, 24 hours after it was first seen",
			placeOf(a), a.Expires.Text, end.Format(time.RFC3339))
	}
	return true
}

// Ended reports whether an approval does not count any more at a time.
func (in *PlanInput) Ended(a *schema.Approval, added CommitRef) bool {
	return a.Expired(in.Now) ||
		!in.Now.Before(in.Status.firstSeen(a.Key, added, in.Now).End(in.Now))
}

// release releases the held changes that an approval covers. It reports whether it released any.
func (p *Plan) release(key string, covers func(*Change) bool) bool {
	return len(p.releaseHeld(func(c *Change) (string, bool) { return key, covers(c) })) > 0
}

// releaseHeld releases the held changes that are covered, except those that no approval releases
// and those that depend on a change which stays held. covers returns the approval of a change, or
// "". The result are the indexes of the released changes.
func (p *Plan) releaseHeld(covers func(*Change) (approval string, ok bool)) []int {
	before := map[int][]Hold{}
	for i := range p.Changes {
		c := &p.Changes[i]
		if len(c.Held()) == 0 || !c.Approvable() {
			continue
		}
		if approval, ok := covers(c); ok {
			before[i] = c.Held()
			c.decide(func(d *Decision) { d.Held, d.Approval = nil, approval })
		}
	}
	holdDependents(p.Changes)
	var released []int
	for _, i := range slices.Sorted(maps.Keys(before)) {
		c := &p.Changes[i]
		if len(c.Held()) > 0 { // it depends on a change that is not covered
			c.decide(func(d *Decision) { d.Held, d.Approval = slices.Concat(before[i], d.Held), "" })
			continue
		}
		released = append(released, i)
		p.ReleasedHolds = append(p.ReleasedHolds, before[i]...)
	}
	return released
}

// dropUnusedApprovals drops approvals if the mode or the windows of the provisioner send none of
// the changes that they release. They are not used.
func (p *Plan) dropUnusedApprovals() {
	sent := map[string]bool{}
	for i := range p.Changes {
		if c := &p.Changes[i]; c.Approval() != "" && c.Released() {
			sent[c.Approval()] = true
		}
	}
	p.Approvals = slices.DeleteFunc(p.Approvals,
		func(a Approved) bool { return !sent[a.Digest] && !IsAuditRelease(a.Digest) })
}

// IsAuditRelease reports whether the key of an approval releases gate audit.
func IsAuditRelease(key string) bool { return strings.HasPrefix(key, "audit:") }

// UsedApprovals returns the approvals that release changes of the plan, for its intent and status.
func (p *Plan) UsedApprovals(now time.Time) []ApprovalUse {
	var out []ApprovalUse
	for _, a := range p.Approvals {
		out = append(out, ApprovalUse{Digest: a.Digest, Commit: a.Commit, Time: now})
	}
	return MergeApprovalRecords(out, nil)
}

// Approvable reports whether an approval can release the change. Otherwise the declarations must
// change.
func (c *Change) Approvable() bool {
	return !slices.ContainsFunc(c.Held(), func(h Hold) bool { return h.NotApprovable })
}

// Printed reports whether the report printed a digest as held.
func (r *Report) Printed(digest string) bool {
	return digest != "" && (r.HeldDigest == digest ||
		slices.ContainsFunc(r.HeldGroups, func(g HeldGroup) bool { return g.Digest == digest }))
}

// PrintedBefore returns a match for Archive.SearchReports: the reports of a provisioner identity
// that printed a digest as held and whose commit satisfies before.
func PrintedBefore(identity, digest string, before func(commit string) (bool, error)) func(*Report) (bool, error) {
	return func(r *Report) (bool, error) {
		if r.Identity != identity || !r.Printed(digest) {
			return false, nil
		}
		return before(r.Commit.ID)
	}
}

// heldChanges returns the changes that a report printed with a digest: all that it held, or those
// of a group.
func (r *Report) heldChanges(digest string) []Change {
	held := releasableOf(r.Changes)
	if r.HeldDigest == digest {
		return held
	}
	i := slices.IndexFunc(r.HeldGroups, func(g HeldGroup) bool { return g.Digest == digest })
	return slices.DeleteFunc(held, func(c Change) bool { return i < 0 || c.Cause != r.HeldGroups[i].Cause })
}

// heldEffects returns the effects of the changes that a report printed with a digest.
func (r *Report) heldEffects(digest string) map[effect]bool {
	out := map[effect]bool{}
	for _, c := range r.heldChanges(digest) {
		for _, e := range c.effects() {
			out[e] = true
		}
	}
	return out
}

// intendedEffects returns the effects of the intended changes that the report printed with a
// digest. A change with such an effect that is drift now was applied in between, so it is not the
// one that was printed.
func (r *Report) intendedEffects(digest string) map[effect]bool {
	out := map[effect]bool{}
	for _, c := range r.heldChanges(digest) {
		for _, e := range c.effects() {
			if c.Origin == Intended {
				out[e] = true
			}
		}
	}
	return out
}

// provesDigest reports whether the changes that a report printed with a digest have that digest. It
// is false if a value is redacted.
func (r *Report) provesDigest(key string) bool {
	return digest(r.Identity, r.heldChanges(key), func(*Change) bool { return true }) == key
}

// NearestHeld returns the end of a message about an approval that matches nothing: it names the
// digest that is held and has the longest common start with its digest. It is "" if nothing is
// held.
func NearestHeld(digest string, held []string) string {
	nearest, longest := "", -1
	for _, d := range held {
		n := 0
		for n < min(len(d), len(digest)) && strings.EqualFold(d[n:n+1], digest[n:n+1]) {
			n++
		}
		if n > longest {
			nearest, longest = d, n
		}
	}
	if nearest == "" {
		return ""
	}
	return "; the nearest digest that is held is " + nearest
}
