package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Plan lists all changes in order, each with the gates that hold it.
type Plan struct {
	Version     int       `json:"version"`
	Provisioner string    `json:"provisioner"`
	Identity    string    `json:"identity"`
	Commit      CommitRef `json:"commit"`
	Dirty       bool      `json:"dirty,omitempty"` // made from uncommitted files
	ReadAt      time.Time `json:"readAt"`          // when the oldest part of the directory was read
	// CachedRead is set if the plan is based in part on the cached directory; nil if everything was
	// read.
	CachedRead *CachedRead `json:"cachedRead,omitempty"`
	// FullRead is set if everything was read because the cached directory does not count.
	FullRead   *FullRead `json:"fullRead,omitempty"`
	Mode       Mode      `json:"mode"`
	Scope      string    `json:"scope"`
	Digest     string    `json:"digest"`
	HeldDigest string    `json:"heldDigest,omitempty"`
	// HeldGroups are the held changes that an approval can release, by their cause. HeldDigest is
	// the digest of all of them.
	HeldGroups []HeldGroup `json:"heldGroups,omitempty"`
	Counts     Counts      `json:"counts"`
	Changes    []Change    `json:"changes"`
	// Facts are what the sentences about the changes depend on; nil if there are none.
	Facts *EffectFacts `json:"facts,omitempty"`
	// Releases are the objects that leave the ledger and stay in the directory as they are.
	Releases []ReleasedObject `json:"releases,omitempty"`
	// Loosened are the rules of the policy that the commit loosens, the gravest first.
	Loosened []Loosening `json:"loosened,omitempty"`
	// Audit is the trust in the audit branch.
	Audit   *AuditSummary `json:"audit,omitempty"`
	Notices []string      `json:"notices,omitempty"`
	// Approvals are the approvals that released changes.
	Approvals []Approved `json:"approvals,omitempty"`
	// Violations are the assertions that do not hold, on the declared or the observed state.
	Violations []Violation `json:"violations,omitempty"`
	// Expiring lists the access that ends within the next 30 days, the soonest first.
	Expiring []UpcomingExpiry `json:"expiring,omitempty"`
	// NotCreated are the keys of the users in scope who are not in the directory, and are not
	// created because they are inactive or not valid yet.
	NotCreated []string `json:"notCreated,omitempty"`
	// Unmanaged are the objects of the directory that roster does not manage.
	Unmanaged []UnmanagedObject `json:"unmanaged,omitempty"`

	// The rest is for applying the plan; it is not part of its JSON.

	Linking       *Linking `json:"-"`
	Target        *Target  `json:"-"`
	ReleasedHolds []Hold   `json:"-"` // the holds that approvals released
	// ShortenedEnds is the record for the status after the plan.
	ShortenedEnds []ShortenedEnd `json:"-"`
	// UnreviewedDate is set if the commit must not become the last applied one.
	UnreviewedDate *UnreviewedDate `json:"-"`
	Removed        bool            `json:"-"` // the provisioner is no longer declared
	// HoldsLostRun is true if the plan holds the adoption of an object that a lost run may have
	// created, although the intent of that run does not name it.
	HoldsLostRun bool `json:"-"`

	// Basis is for the next plan; nil if NextPlan did not make the plan.
	Basis   *Basis `json:"-"`
	covered *part  // that the plan was made from; nil for the whole input

	commitsBetween bool // there are commits between the last applied one and this one
}

// AddNotice adds a notice to the plan.
func (p *Plan) AddNotice(format string, args ...any) {
	p.Notices = append(p.Notices, fmt.Sprintf(format, args...))
}

// PlanInput is what a plan is made from.
type PlanInput struct {
	Provisioner *schema.Provisioner
	Desired     *Desired
	LastApplied *Desired // nil if nothing was applied yet, or it is not known
	Observed    *Observed
	Ledger      *Ledger
	Status      *Status // nil if no run has been reported yet
	Approvals   map[string]*schema.Approval
	// ApprovalEvidence is what Git and the reports have about each of the approvals. An approval
	// without evidence does not count.
	ApprovalEvidence map[string]*ApprovalEvidence
	Redactor         *Redactor // of the reports in ApprovalEvidence
	Commit           CommitRef
	Now              time.Time
	// LostRun is an interrupted run whose journal is lost; nil if there is none. The objects that
	// it created have their key as externalId and are not in the ledger.
	LostRun *Intent
	// Allowed is what interrupted runs were allowed; nil if there are none.
	Allowed Allowed
	// MappingEdit is nil if the mapping was not edited since the last applied commit.
	MappingEdit *MappingEdit
	// HistoryReason is why Commit does not descend from the last applied commit; empty if it does.
	HistoryReason string
	// OutOfReach is why Git cannot be reached, so that a newer commit may change what the plan is
	// made from; empty if it can.
	OutOfReach string
	// Trust and Unproved are those of the AuditState.
	Trust    AuditTrust
	Unproved UnprovedEntries
	// Evidence is what is known of the origin of objects whose entries are unproved.
	Evidence Evidence
	// Policy is the declared policy; nil if no rules are compared. AppliedPolicy is the policy in
	// force: that of Status.PolicyCommit, found by the provisioner's identity. It is nil if no run
	// was reported or the commit cannot be read.
	Policy, AppliedPolicy *Policy
	// Commits are the commits of the first-parent history after the last applied commit up to
	// Commit, the oldest first; at most the newest MaxFirstParents. Nil if they are not known.
	Commits []CommitRef
	// Causes are the known causes of intended changes.
	Causes KnownCauses
	// AuditRelease is the approval that releases gate audit; nil if there is none.
	AuditRelease *Approved
	Reviewed     *Reviewed // nil if no review is required
	// Restored is what a commit that was applied before the last applied one declared, if the
	// declarations go back to it. Gate updates does not count the changes that restore it. Nil if
	// there is none.
	Restored *Desired

	rest *rest // what the input leaves out; nil if it is whole
}

// Partial reports whether the plan was made from a part of its input.
func (p *Plan) Partial() bool { return p.covered != nil }

// Entries returns the entries of a ledger that a plan concerns: all of them, or those of the keys
// that the plan was made from. The plan leaves the others as they are.
func (p *Plan) Entries(l *Ledger) *Ledger {
	if p.covered == nil {
		return l
	}
	return &Ledger{
		Users: restrict(l.Users, p.covered.users), Groups: restrict(l.Groups, p.covered.groups),
		Unconfirmed: l.Unconfirmed,
	}
}

// NewPlan decides what to change. The same input gives the same plan and digest.
func NewPlan(in PlanInput) *Plan {
	in.Ledger = in.Ledger.withoutUnprovedDeletions(in.Unproved)
	linking := linkPart(in.Observed, in.Ledger, in.Desired, in.rest)
	linking.checkOwnership(in)
	in.Ledger = linking.dated(in.Ledger)
	target := newTarget(linking, in.Desired, in.Ledger, in.Provisioner, in.Now)
	p := &Plan{
		Version: 1, Provisioner: in.Provisioner.Key, Identity: in.Provisioner.Identity(), Commit: in.Commit,
		ReadAt: in.Observed.ReadAt, Mode: ModeOf(in.Provisioner, in.Status, in.Now), Scope: scopeOf(in.Provisioner),
		Linking: linking, Target: target, Removed: in.Desired.Removed,
		Audit: NewAuditSummary(in.Trust, in.Unproved, in.AuditRelease, in.Now),
	}
	adoptable := skipUnrequestedAdoptions(linking, target, in)
	target.findSwitchedOff(linking, in)
	p.Changes = Diff(linking.State, target.State)
	p.Changes = target.addReleases(dependOnRenamedUsers(p.Changes, linking), in, linking)
	ends := newEndDates(in, linking)
	reasons := &reasonSetter{
		desired: in.Desired, lastApplied: in.LastApplied, linking: linking, target: target, ledger: in.Ledger,
		ends: ends,
	}
	for i := range p.Changes {
		reasons.setReason(&p.Changes[i])
	}
	setCauses(p.Changes, in.Causes)
	p.commitsBetween = slices.ContainsFunc(in.Commits, func(c CommitRef) bool { return c.ID != in.Commit.ID })
	p.Loosened = in.loosenings()
	gates := &gateInput{
		changes: p.Changes, desired: in.Desired, lastApplied: in.LastApplied, linking: linking, target: target,
		ledger: in.Ledger, status: in.Status, policy: in.Provisioner, now: in.Now, historyReason: in.HistoryReason,
		outOfReach: in.OutOfReach,
		trust:      in.Trust, auditRelease: in.AuditRelease, lostRun: in.LostRun, observed: in.Observed,
		reviewed: in.Reviewed, restored: in.Restored, ends: ends, unproved: in.Unproved, rest: in.rest,
		strict: strictPolicies(&in, p.Loosened),
	}
	if in.AppliedPolicy != nil {
		gates.applied = in.AppliedPolicy.Provisioner
	}
	if in.Policy != nil {
		gates.declarations, gates.assertions = in.Policy.Declarations, in.Policy.Assertions
	}
	p.Notices = applyGates(gates)
	p.ShortenedEnds = ends.next(p.Changes)
	p.releaseAudit(in)
	p.continueInterrupted(in.Allowed)
	p.approve(in)
	p.holdBack(in)
	p.dropUnusedApprovals()
	p.HoldsLostRun = slices.ContainsFunc(p.Changes,
		func(c Change) bool { return len(c.Held()) > 0 && gates.createdByLostRun(&c) })
	p.Notices = append(p.Notices, overQuota(in.Desired.whole())...)
	if notice := linking.contradictedNotice(); notice != "" {
		p.AddNotice("%s", notice)
	}
	if in.MappingEdit != nil {
		p.AddNotice("%s", in.MappingEdit)
	}
	p.Notices = append(p.Notices, manualChangeNotices(p.Changes)...)
	p.Expiring = upcomingExpiries(in.Desired.whole(), in.Now)
	if in.Reviewed != nil && in.Reviewed.Date != nil {
		p.UnreviewedDate = in.Reviewed.Date
		p.AddNotice("%s%s", p.UnreviewedDate, in.Reviewed.missingParts())
	}
	for _, loss := range upcomingLosses(in) {
		p.AddNotice("%s", loss)
	}
	p.Counts = Counts{
		DesiredUsers:   len(in.Desired.Users) + in.rest.userCount(),
		DesiredGroups:  len(in.Desired.Groups) + in.rest.groupCount(),
		ObservedUsers:  len(in.Observed.Users) + in.rest.userCount(),
		ObservedGroups: len(in.Observed.Groups) + in.rest.groupCount(),
		Unmanaged:      len(linking.Unmanaged), Adoptable: adoptable,
	}
	if in.rest != nil {
		p.covered = in.rest.part
	}
	p.NotCreated = slices.Sorted(maps.Keys(target.notCreated))
	p.Unmanaged, p.Releases, p.Facts = linking.Unmanaged, p.releases(), newEffectFacts(p.Changes, &in, linking)
	for i := range p.Changes {
		switch c := &p.Changes[i]; {
		case c.Waiting() != "":
			p.Counts.Waiting++
		case len(c.Held()) > 0:
			p.Counts.Held++
		}
	}
	p.Digest = digest(p.Identity, p.Changes, func(*Change) bool { return true })
	p.HeldDigest, p.HeldGroups = p.heldDigest(), heldGroups(p.Identity, p.releasable(), in.Commits)
	return p
}

func scopeOf(p *schema.Provisioner) string {
	if p.AllUsers {
		return "all users"
	}
	return fmt.Sprintf("groups %s", schema.QuoteList(p.Groups))
}

// skipUnrequestedAdoptions removes adoptions that would change nothing from the target if adopt is
// "never", except those of recreated objects, which have lost their assignments. It returns their
// number.
func skipUnrequestedAdoptions(l *Linking, t *Target, in PlanInput) int {
	// The objects that a lost run created are proposed for adoption, not counted.
	if in.Provisioner.Adopt != "never" && in.Provisioner.Adopt != "" || in.LostRun != nil {
		return 0
	}
	n := 0
	for key, situation := range l.Users {
		have := l.State.Users[key]
		if situation != Adoptable || have == nil || t.State.Users[key] == nil || l.Recreated[UserRef(key)] {
			continue
		}
		differences := diffAttributes(have.Attributes, t.State.Users[key].Attributes)
		if len(differences) == 0 || len(differences) == 1 && differences[0].Path == "externalId" {
			t.State.Users[key].NotOwned, t.State.Users[key].Attributes = true, have.Attributes
			n++
		}
	}
	for key, situation := range l.Groups {
		have, want := l.State.Groups[key], t.State.Groups[key]
		if situation == Adoptable && have != nil && want != nil && have.DisplayName == want.DisplayName &&
			slices.Equal(have.Members, want.Members) && !l.Recreated[GroupRef(key)] {
			want.NotOwned, want.ExternalID = true, have.ExternalID
			n++
		}
	}
	return n
}

// Released reports whether the change may be sent.
func (c *Change) Released() bool { return len(c.Held()) == 0 && c.Waiting() == "" }

// Released counts the changes that may be sent.
func (p *Plan) Released() int { return len(p.Changes) - p.Counts.Held - p.Counts.Waiting }
