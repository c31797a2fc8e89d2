package run

import (
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Kept is what a run leaves for the next run of the same provisioner in this process: with it, the
// next run computes only what changed. It never changes. Losing it costs time, never correctness.
type Kept struct {
	basis *reconcile.Basis
	// planned is the desired state of the run, and applied that of the last applied commit.
	planned, applied keptDesired
}

// keptDesired is the desired state of a commit at a time.
type keptDesired struct {
	commit string
	at     time.Time
	lastApplied
}

// is reports whether the desired state is that of an applied commit.
func (k keptDesired) is(at *reconcile.AppliedAt) bool {
	return k.desired != nil && k.commit == at.Commit && k.at.Equal(at.Time)
}

// desiredAt returns the kept desired state of an applied commit; false if there is none.
func (k *Kept) desiredAt(at *reconcile.AppliedAt, identity string) (lastApplied, bool) {
	if k == nil {
		return lastApplied{}, false
	}
	for _, kept := range []keptDesired{k.planned, k.applied} {
		if kept.is(at) && kept.provisioner.Identity() == identity {
			return kept.lastApplied, true
		}
	}
	return lastApplied{}, false
}

// basisOf returns the basis of a kept run; nil if there is none.
func (k *Kept) basisOf() *reconcile.Basis {
	if k == nil {
		return nil
	}
	return k.basis
}

// keepForNext sets what the run leaves for the next one, and notes in the plan that the plan from
// Request.Kept was wrong.
func (r *Result) keepForNext(s runState, in inputs, plan *reconcile.Plan) {
	if r.Mismatch != "" {
		plan.AddNotice("the plan from what changed since the last run was wrong: %s. "+
			"The plan from everything is used. This is a defect of roster; please report it", r.Mismatch)
	}
	if s.request.Dirty || in.plan.Desired.Removed {
		return
	}
	r.Kept = &Kept{basis: plan.Basis, planned: keptDesired{
		commit: s.request.Commit.ID, at: s.started,
		lastApplied: lastApplied{
			declarations: s.request.Declarations, provisioner: s.provisioner, desired: in.plan.Desired,
		},
	}}
	if in.lastApplied.desired != nil {
		at := s.audit.Status.LastApplied
		r.Kept.applied = keptDesired{commit: at.Commit, at: at.Time, lastApplied: in.lastApplied}
	}
}
