package reconcile

import (
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// StatusInput is what the status after a run is made from.
type StatusInput struct {
	Before *Status // nil if no run has been reported yet
	Report *Report
	Ledger *Ledger // after the run
	// Plan is nil for a run that failed before it had a plan, and for an interrupted run.
	Plan        *Plan
	Provisioner *schema.Provisioner
	Evidence    map[string]*ApprovalEvidence // of the declared approvals
	OpenUses    []ApprovalUse                // approvals that runs without a report have used
	// ReviewRules are the review rules in force once the commit is applied.
	ReviewRules []schema.Review
	// Interrupted are the interrupted runs that this run found.
	Interrupted []InterruptedRun
	Started     time.Time
}

// NextStatus returns the status after a run.
func NextStatus(in StatusInput) *Status {
	r := in.Report
	st := &Status{
		Version:     1,
		Provisioner: r.Provisioner,
		Identity:    r.Identity,
		Run:         r.Run,
		Outcome:     r.Outcome,
		Commit:      r.Commit,
		Finished:    r.Finished,
		Digest:      r.Digest,
		HeldDigest:  r.HeldDigest,
	}
	if before := in.Before; before != nil {
		st.LastApplied, st.AuthFingerprint = before.LastApplied, before.AuthFingerprint
		st.Review = before.Review
		st.ShortenedEnds = before.ShortenedEnds
		st.EarlierApplied = before.EarlierApplied
		st.PolicyCommit, st.Loosened = before.PolicyInForce(), before.Loosened
		st.EverEnabled, st.AdoptionDecided = before.EverEnabled, before.AdoptionDecided
		st.AdoptionUnconfirmed = before.AdoptionUnconfirmed
		st.UsedApprovals, st.ApprovalFirstSeen = before.UsedApprovals, before.ApprovalFirstSeen
		st.Causes = before.Causes
		st.Interrupted = before.Interrupted
		for _, removal := range before.Removals {
			if r.Finished.Sub(removal.Time) < 24*time.Hour {
				st.Removals = append(st.Removals, removal)
			}
		}
	}
	st.Removals = append(in.renamedRemovals(st.Removals), r.removals()...)
	st.UsedApprovals = MergeApprovalRecords(st.UsedApprovals, in.OpenUses)
	if in.Plan == nil && r.Outcome != RunInterrupted {
		st.ApprovalFirstSeen = idleSince(st.ApprovalFirstSeen, in.Started)
	}
	st.Interrupted = MergeInterrupted(st.Interrupted, in.Interrupted)
	if plan := in.Plan; plan != nil {
		applied := false
		if len(r.Errors) == 0 && !plan.sendsNothing() {
			st.Interrupted = nil
		}
		st.EverEnabled = st.EverEnabled || plan.Mode == ModeEnabled
		if plan.Mode == ModeEnabled && len(r.Errors) == 0 && !slices.ContainsFunc(r.Changes, holdsInitialAdoption) {
			st.AdoptionDecided, st.AdoptionUnconfirmed = true, false
		}
		st.AuthFingerprint, st.ShortenedEnds = AuthFingerprint(in.Provisioner), plan.ShortenedEnds
		st.Causes = heldCauses(releasableOf(r.Changes))
		st.UsedApprovals = MergeApprovalRecords(st.UsedApprovals, plan.UsedApprovals(in.Started))
		st.ApprovalFirstSeen = nextFirstSeen(in.Before, in.Evidence, plan.sendsNothing() || r.Quarantine != nil,
			in.Started)
		st.Deprovisioned = in.deprovisioned()
		if len(r.Errors) == 0 && r.intendedDone() && !plan.Removed && plan.UnreviewedDate == nil {
			st.LastApplied = &AppliedAt{Commit: r.Commit.ID, Time: in.Started}
			st.Review = storedRules(in.ReviewRules)
			st.ShortenedEnds = slices.DeleteFunc(slices.Clone(st.ShortenedEnds),
				func(s ShortenedEnd) bool { return !s.isEdit() }) // the last applied commit has the other ends
			st.EarlierApplied = st.earlierApplied(in.Before)
			applied = true
		}
		st.nextPolicy(plan.Loosened, r.Commit.ID, applied)
	}
	return st
}

// renamedRemovals returns removals with the new keys of the groups that the run renamed.
func (in StatusInput) renamedRemovals(removals []Removal) []Removal {
	if in.Plan == nil || in.Plan.Linking == nil {
		return removals
	}
	for i := range in.Report.Changes {
		d := &in.Report.Changes[i]
		old := in.Plan.Linking.RenamedGroups[d.Key]
		if old == "" || !d.Kind.OfGroup() || d.Result != ResultDone {
			continue
		}
		for n := range removals {
			if removals[n].Group == old {
				removals[n].Group = d.Key
			}
		}
	}
	return removals
}

// nextPolicy sets the policy in force after a report of a commit that loosens rules. applied is
// true if the commit became the last applied one: then its policy is in force, unless the
// loosening lacks its review.
func (s *Status) nextPolicy(loosened []Loosening, commit string, applied bool) {
	unreviewed := slices.ContainsFunc(loosened, func(l Loosening) bool { return l.Unreviewed })
	switch {
	case s.PolicyCommit == "" && len(loosened) == 0 || applied && !unreviewed:
		s.PolicyCommit, s.Loosened = commit, nil
	case applied: // all changes of a later commit come after the report
		s.Loosened = slices.Clone(loosened)
		for i := range s.Loosened {
			s.Loosened[i].ReportedAt = commit
		}
	default:
		s.Loosened = nextLoosened(loosened, commit)
	}
}

// deprovisioned reports whether nothing is left to do for a removed provisioner.
func (in StatusInput) deprovisioned() bool {
	if r := in.Report; !in.Plan.Removed || r.Counts.Done < len(r.Changes) || len(r.Errors) > 0 {
		return false
	}
	if in.Provisioner.Deprovision.DeleteAfterDays == nil {
		return true
	}
	for _, owned := range in.Ledger.Users {
		if owned.LeftScopeAt != nil { // waits for its deletion
			return false
		}
	}
	return true
}

func holdsInitialAdoption(d Done) bool {
	return slices.ContainsFunc(d.Held(), func(h Hold) bool { return h.Gate == gateInitialAdoption })
}
