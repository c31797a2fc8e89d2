package reconcile

import (
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// StatusInput is what the status after a run is a function of.
type StatusInput struct {
	Before *Status // nil: no run was ever concluded
	Report *Report
	Ledger *Ledger // as the run left it
	// Plan is nil for a run without a plan: one that failed before it had one, or that was interrupted.
	Plan        *Plan
	Provisioner *schema.Provisioner
	Approvals   map[string]*schema.Approval // as declared
	Started     time.Time
}

// NextStatus returns the status after a run.
func NextStatus(in StatusInput) *Status {
	r := in.Report
	st := &Status{Version: 1, Provisioner: r.Provisioner, Identity: r.Identity, Run: r.Run, Outcome: r.Outcome, Commit: r.Commit,
		Finished: r.Finished, Digest: r.Digest, HeldDigest: r.HeldDigest}
	if before := in.Before; before != nil {
		st.LastApplied, st.EverEnabled, st.AdoptionDecided = before.LastApplied, before.EverEnabled, before.AdoptionDecided
		st.AuthFingerprint = before.AuthFingerprint
		st.UsedApprovals, st.ApprovalFirstSeen = maps.Clone(before.UsedApprovals), before.ApprovalFirstSeen
		for _, removal := range before.Removals {
			if r.Finished.Sub(removal.Time) < 24*time.Hour {
				st.Removals = append(st.Removals, removal)
			}
		}
	}
	st.Removals = append(st.Removals, r.removals()...)
	if plan := in.Plan; plan != nil {
		st.EverEnabled = st.EverEnabled || plan.Mode == ModeEnabled
		st.AdoptionDecided = st.AdoptionDecided || plan.Mode == ModeEnabled && len(r.Errors) == 0 && !slices.ContainsFunc(r.Changes, heldByFirstContact)
		st.AuthFingerprint = AuthFingerprint(in.Provisioner)
		st.ApprovalFirstSeen, st.Deprovisioned = seen(st.ApprovalFirstSeen, in.Approvals, in.Started), in.retired()
		if len(r.Errors) == 0 && r.intendedDone() && !plan.Removed {
			st.LastApplied = &AppliedAt{Commit: r.Commit.ID, Time: in.Started}
		}
		for _, approved := range plan.Approvals {
			if !r.approvalDone(approved.Digest) {
				continue
			}
			if st.UsedApprovals == nil {
				st.UsedApprovals = map[string]time.Time{}
			}
			st.UsedApprovals[approved.Digest] = r.Finished
		}
	}
	return st
}

// retired reports whether nothing is left to be done for a removed provisioner.
func (in StatusInput) retired() bool {
	if r := in.Report; !in.Plan.Removed || r.Counts.Done < len(r.Changes) || len(r.Errors) > 0 {
		return false
	}
	if in.Provisioner.Deprovision.DeleteAfterDays == nil {
		return true
	}
	for _, owned := range in.Ledger.Users {
		if owned.LeftScopeAt != nil { // has a date on which to be deleted
			return false
		}
	}
	return true
}

func heldByFirstContact(d Done) bool {
	return slices.ContainsFunc(d.Held, func(h Hold) bool { return h.Gate == "firstContact" })
}
