package observe

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
)

// maxRounds is how often a run plans again because a lookup differed from the cache. A directory
// that changes faster than that is read completely.
const maxRounds = 5

// ObserveAndPlan observes the directory and plans, until every fact that the plan depends on was
// read in this run. in has all of a plan's input except Observed and Reviewed. With an error it
// returns the view as well, if anything was read: the next run need not read it again.
func (r *Reader) ObserveAndPlan(ctx context.Context, in reconcile.PlanInput,
	reviews *reconcile.ReviewHistory) (*reconcile.Plan, *View, error) {
	options := r.options(in.Desired, in.Ledger)
	v, err := r.refresh(ctx, options)
	causesOf := -1 // the round whose changes have causes
	for round := 0; err == nil; round++ {
		in.Observed = v.Observed
		in.Observed.ReadAt = v.oldestRead()
		in.Reviewed = reviews.Reviewed(in)
		if in.Allowed, err = r.allowed(ctx, in); err != nil {
			break
		}
		plan := r.plan(in, v)
		if ids := plan.EvidenceNeeded(in.Ledger); len(ids) > 0 && r.Evidence != nil {
			found, err := r.Evidence(ctx, ids)
			if err != nil {
				return nil, v, err
			}
			in.Evidence = in.Evidence.With(ids, found)
			round--
			continue
		}
		if r.Causes != nil && causesOf != round && plan.NeedsCauses() {
			if in.Causes, err = r.Causes(ctx, plan, in); err != nil {
				return nil, v, err
			}
			causesOf = round
			plan = r.plan(in, v) // what was reviewed does not depend on causes
		}
		plan.FullRead = v.fullReason
		if v.fullyRead {
			plan.CachedRead = nil
			return plan, v, nil
		}
		required := v.requiredLookups(plan, in)
		plan.CachedRead = &reconcile.CachedRead{OldestRead: in.Observed.ReadAt, Lookups: len(v.lookedUp)}
		if required.empty() {
			return plan, v, nil
		}
		if round == maxRounds {
			v = newView(emptyCache(r.Provisioner.Identity()))
			err = r.fullRead(ctx, v, options)
			continue
		}
		before := v.changes
		if err = r.lookUp(ctx, v, required); err == nil && v.changes == before { // the cache was right
			plan.CachedRead.Lookups = len(v.lookedUp)
			return plan, v, nil
		}
	}
	return nil, v, fmt.Errorf("read %s: %w", r.Provisioner.Identity(), err)
}

// plan plans, from the basis if there is one. If the directory was read completely, that plan is
// compared with one from all of the input, which is then used.
func (r *Reader) plan(in reconcile.PlanInput, v *View) *reconcile.Plan {
	plan := reconcile.NextPlan(r.Basis, in)
	if !plan.Partial() || !v.fullyRead && !r.Verify {
		return plan
	}
	whole := reconcile.NextPlan(nil, in)
	difference := reconcile.Difference(in, plan, whole)
	if r.Compared != nil {
		r.Compared(difference)
	}
	if difference != "" || v.fullyRead {
		return whole
	}
	return plan
}

// allowed returns what the interrupted runs were allowed, on the directory as it is now.
func (r *Reader) allowed(ctx context.Context, in reconcile.PlanInput) (reconcile.Allowed, error) {
	var allowed reconcile.Allowed
	for _, run := range r.Interrupted {
		interrupted := run.With(in, allowed)
		plan := reconcile.NewPlan(interrupted)
		if r.Causes != nil && plan.NeedsCauses() {
			var err error
			if interrupted.Causes, err = r.Causes(ctx, plan, interrupted); err != nil {
				return nil, err
			}
			plan = reconcile.NewPlan(interrupted)
		}
		allowed = plan.Allowed(run.Run)
	}
	return allowed, nil
}
