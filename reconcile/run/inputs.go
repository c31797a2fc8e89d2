package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// inputs has everything that a plan is made from, except the observed directory.
type inputs struct {
	directory   reconcile.Directory
	plan        reconcile.PlanInput // without Observed and Reviewed
	reviews     *reconcile.ReviewHistory
	redactor    *reconcile.Redactor
	lastApplied lastApplied
	policy      appliedPolicy
	// unanswered is that of the Result.
	unanswered func(context.Context) error
}

// forApply returns the inputs that applying and reporting a plan takes.
func (in inputs) forApply() inputs {
	return inputs{directory: in.directory, redactor: in.redactor, plan: reconcile.PlanInput{
		ApprovalEvidence: in.plan.ApprovalEvidence, AuditRelease: in.plan.AuditRelease,
	}}
}

// loadInputs reads from Git and from the audit branch what a plan needs, and connects to the
// directory unless it is connected already.
func (r *Runner) loadInputs(ctx context.Context, s runState, directory reconcile.Directory) (inputs, error) {
	req, p, status := s.request, s.provisioner, s.audit.Status
	if err := r.verifySignatures(ctx, s); err != nil {
		return inputs{}, err
	}
	desired, err := desiredOf(s)
	if err != nil {
		return inputs{}, err
	}
	last, err := r.loadLastApplied(ctx, s)
	if err != nil {
		return inputs{}, err
	}
	policy, err := r.loadPolicy(ctx, s, last)
	if err != nil {
		return inputs{}, err
	}
	redactor := reconcile.NewRedactor(r.RedactKey, req.Declarations.Mappings[p.Mapping], last.mapping(),
		policy.mapping())
	if directory == nil {
		if directory, err = r.connect(ctx, s); err != nil {
			return inputs{}, err
		}
	}
	historyReason, err := r.checkHistory(ctx, s)
	if err != nil {
		return inputs{}, err
	}
	reviews, unanswered, err := r.reviewHistory(ctx, s, last, policy)
	if err != nil {
		return inputs{}, err
	}
	approvals, err := r.loadApprovalEvidence(ctx, s, rulesInForce(s, last))
	if err != nil {
		return inputs{}, err
	}
	if unanswered == nil {
		unanswered = r.unansweredApprovals(approvals)
	}
	plan := reconcile.PlanInput{
		Provisioner: p, Desired: desired, LastApplied: last.desired, Ledger: s.audit.Ledger, Status: status,
		Approvals: req.Declarations.Approvals, ApprovalEvidence: approvals, Redactor: redactor, Commit: req.Commit,
		Now: s.started, LostRun: s.lostRun(), MappingEdit: mappingEdit(s, last, desired),
		HistoryReason: historyReason, OutOfReach: s.outOfReach(), AuditRelease: auditRelease(s, approvals),
		Trust: s.audit.Trust, Unproved: s.audit.Unproved, Policy: declaredPolicy(s), AppliedPolicy: policy.policy,
	}
	if plan.Commits, err = r.commitsSince(ctx, s); err != nil {
		return inputs{}, err
	}
	if plan.Restored, err = r.restored(ctx, s, plan); err != nil {
		return inputs{}, err
	}
	return inputs{
		directory: directory, plan: plan, reviews: reviews, redactor: redactor, lastApplied: last, policy: policy,
		unanswered: unanswered,
	}, nil
}

// verifySignatures checks the signatures of all commits since the last applied one, if the runner
// requires them. The status of a broken audit branch proves no commit.
func (r *Runner) verifySignatures(ctx context.Context, s runState) error {
	if r.Signed == nil || s.request.Dirty {
		return nil
	}
	since := ""
	if st := s.audit.Status; st != nil && st.LastApplied != nil && !s.audit.Trust.Broken() {
		since = st.LastApplied.Commit
	}
	if err := r.Signed(ctx, since, s.request.Commit.ID); err != nil {
		return fmt.Errorf("verify the signatures of commits: %w", err)
	}
	return nil
}

func desiredOf(s runState) (*reconcile.Desired, error) {
	if s.request.Declarations.Provisioners[s.provisioner.Key] == nil {
		return reconcile.DesiredOfRemoved(s.provisioner), nil
	}
	if next := s.request.Kept.basisOf().Desired().Next(s.request.Declarations, s.provisioner, s.started); next != nil {
		return next, nil
	}
	return reconcile.Desire(s.request.Declarations, s.provisioner, s.started)
}

// auditRelease returns the declared approval that releases gate audit; nil if there is none that
// counts. No report needs to have printed it.
func auditRelease(s runState, evidence map[string]*reconcile.ApprovalEvidence) *reconcile.Approved {
	key := s.audit.Trust.Release()
	a, e := s.request.Declarations.Approvals[key], evidence[key]
	in := reconcile.PlanInput{Status: s.audit.Status, Now: s.started}
	if a == nil || e == nil || e.Used != nil || e.RefusedReason != "" || in.Ended(a, e.Added) {
		return nil
	}
	approved := e.Approved(a)
	return &approved
}

// checkHistory returns why the commit does not descend from the last applied one; "" if it does.
func (r *Runner) checkHistory(ctx context.Context, s runState) (string, error) {
	status := s.audit.Status
	if status == nil || s.request.Dirty {
		return "", nil
	}
	applied := status.Commit.ID
	if status.LastApplied != nil {
		applied = status.LastApplied.Commit
	}
	ok, err := r.Source.IsAncestor(ctx, applied, s.request.Commit.ID)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the repository no longer has commit %.7s, which was last applied", applied), nil
	case err != nil:
		return "", fmt.Errorf("compare with the last applied commit: %w", err)
	case !ok:
		return fmt.Sprintf(
			"commit %.7s does not descend from %.7s, which was last applied: was the branch force-pushed?",
			s.request.Commit.ID, applied), nil
	}
	return "", nil
}

// mappingEdit returns what an edit of the mapping, or the choice of another mapping, changes. It is
// nil if there was no edit.
func mappingEdit(s runState, last lastApplied, desired *reconcile.Desired) *reconcile.MappingEdit {
	before, now := last.mapping(), s.request.Declarations.Mappings[s.provisioner.Mapping]
	if desired.Removed || before == nil || now == nil || before.SameAs(now) {
		return nil
	}
	return reconcile.NewMappingEdit(before, now, s.request.Declarations, desired, s.started)
}

// lastApplied is the last applied commit. Its fields are empty if no commit was applied. If the
// commit cannot be evaluated, notice says why.
type lastApplied struct {
	declarations *schema.Declarations
	provisioner  *schema.Provisioner // nil if desired is
	desired      *reconcile.Desired
	notice       string
}

// mapping returns the mapping of the provisioner at that commit; nil if it is not known.
func (l lastApplied) mapping() *schema.Mapping {
	if l.provisioner == nil {
		return nil
	}
	return l.declarations.Mappings[l.provisioner.Mapping]
}

// loadLastApplied computes the desired state at the commit and time of the last complete run.
func (r *Runner) loadLastApplied(ctx context.Context, s runState) (lastApplied, error) {
	if s.audit.Status == nil || s.audit.Status.LastApplied == nil {
		return lastApplied{}, nil
	}
	at := s.audit.Status.LastApplied
	if kept, ok := s.request.Kept.desiredAt(at, s.provisioner.Identity()); ok {
		return kept, nil
	}
	decls, err := r.Source.Declarations(ctx, at.Commit)
	if err != nil {
		if ctx.Err() != nil {
			return lastApplied{}, err
		}
		return lastApplied{
			notice: fmt.Sprintf("the last applied commit %.7s cannot be read: %v; every change counts as intended",
				at.Commit, err),
		}, nil
	}
	p := reconcile.ProvisionerOf(decls, s.provisioner.Identity())
	if p == nil {
		return lastApplied{declarations: decls}, nil
	}
	desired, err := reconcile.Desire(decls, p, at.Time)
	if err != nil {
		return lastApplied{declarations: decls,
			notice: fmt.Sprintf(
				"the last applied commit %.7s cannot be evaluated: %v; every change counts as intended", at.Commit,
				err)}, nil
	}
	return lastApplied{declarations: decls, provisioner: p, desired: desired}, nil
}
