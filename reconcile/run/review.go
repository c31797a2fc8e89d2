package run

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// reviewHistory reads what was reviewed since the last applied commit. It is nil if neither the
// declarations nor the rules that are still in force require a review: a commit cannot lift the
// rule for itself. If the forge does not answer, unanswered asks it again.
func (r *Runner) reviewHistory(ctx context.Context, s runState, last lastApplied,
	policy appliedPolicy) (out *reconcile.ReviewHistory, unanswered func(context.Context) error, err error) {
	remembered, rules := rememberedRules(s, last), rulesInForce(s, last)
	if len(rules) == 0 {
		return nil, nil, nil
	}
	out = &reconcile.ReviewHistory{Rules: rules, Remembered: remembered, Applied: last.declarations}
	if out.Applied == nil {
		out.Missing = []string{"nothing was applied before, so reviewed changes have no base to be compared with"}
		return out, nil, nil
	}
	from, to := s.audit.Status.LastApplied.Commit, s.request.Commit.ID
	if known := s.audit.ReviewedFrom; known != nil {
		from, out.AnyOrigin = known.Commit, true
		if out.Applied, err = r.appliedBefore(ctx, known); err != nil || out.Applied == nil {
			out.Missing = []string{"others claim on the audit branch that a later commit was applied, " +
				"and this machine cannot compare with what it applied itself"}
			return out, nil, err
		}
	}
	if from == to && policy.commit == from {
		return out, nil, nil
	}
	if r.Review == nil {
		out.Missing = []string{reconcile.ErrNoForge.Error()}
		return out, nil, nil
	}
	if from != to {
		out.Declared = s.request.Declarations
		out.Merges, err = r.Review.Approved(ctx, from, to)
	}
	if err == nil && policy.commit != from {
		out.PolicyMerges, err = r.Review.Approved(ctx, policy.commit, from)
	}
	if err != nil {
		switch {
		case ctx.Err() != nil:
			return nil, nil, err
		case errors.Is(err, reconcile.ErrNoForge):
			out.Missing = []string{err.Error()}
			return out, nil, nil
		}
		out.Missing = []string{"the forge cannot report approvals: " + err.Error()}
		unanswered = func(ctx context.Context) error {
			_, err := r.Review.Approved(ctx, from, to)
			if err == nil && policy.commit != from {
				_, err = r.Review.Approved(ctx, policy.commit, from)
			}
			return err
		}
	}
	return out, unanswered, nil
}

// unansweredApprovals asks the forge again for the review of an approval that it did not answer;
// nil if it answered all of them.
func (r *Runner) unansweredApprovals(evidence map[string]*reconcile.ApprovalEvidence) func(context.Context) error {
	for _, digest := range slices.Sorted(maps.Keys(evidence)) {
		if e := evidence[digest]; e.NoAnswer {
			return func(ctx context.Context) error {
				_, err := r.Review.(reconcile.CommitReviewer).ReviewCommit(ctx, e.Added.ID)
				return err
			}
		}
	}
	return nil
}

// appliedBefore returns the declarations that this machine knows to be applied; nil if it knows
// none or cannot read them.
func (r *Runner) appliedBefore(ctx context.Context, known *reconcile.AppliedAt) (*schema.Declarations, error) {
	if known.Commit == "" {
		return nil, nil
	}
	return r.readableDeclarations(ctx, known.Commit)
}

// rulesInForce returns the rules that a review must satisfy: the declared rule, and those that are
// remembered.
func rulesInForce(s runState, last lastApplied) []schema.Review {
	declared := reconcile.ReviewRuleOf(s.request.Declarations, s.provisioner.Identity())
	return reconcile.StrictestRules(append(rememberedRules(s, last), declared)...)
}

// tenantRules returns the review rules in the newest status of a tenant: that of the provisioner,
// or that of a key which is no longer declared. So a provisioner under another key keeps the rules.
func tenantRules(p *schema.Provisioner, status *reconcile.Status, others []keyedState) []schema.Review {
	newest := status
	for _, o := range others {
		other := o.Status
		if !o.declared && other != nil && other.Identity == p.Identity() &&
			(newest == nil || other.Finished.After(newest.Finished)) {
			newest = other
		}
	}
	return newest.ReviewRules()
}

// rememberedRules returns the review rules that were in force after the last applied commit. The
// tenant decides, not the key of the provisioner.
func rememberedRules(s runState, last lastApplied) []schema.Review {
	rules := s.tenantRules
	if len(rules) == 0 {
		rules = []schema.Review{reconcile.ReviewRuleOf(last.declarations, s.provisioner.Identity())}
	}
	return reconcile.StrictestRules(rules...)
}
