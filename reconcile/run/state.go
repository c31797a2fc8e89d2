package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// runState is what a run starts from.
type runState struct {
	request     Request
	provisioner *schema.Provisioner // as last declared, if Git no longer has it
	audit       *reconcile.AuditState
	// previousKey is the key under which the audit state was found; empty unless the provisioner
	// was renamed since.
	previousKey string
	// tenantRules are the review rules in the newest status of the tenant, under whatever key.
	tenantRules []schema.Review
	// unconfirmed are the keys of statuses that claim the tenant and that Git does not confirm.
	unconfirmed []string
	started     time.Time
	// quarantine is in force for the provisioner; nil if none is.
	quarantine *reconcile.Quarantine
	// restored names the entries that restoreDropped restored; lookedUp is true if it looked for
	// any.
	restored []string
	lookedUp bool
	// resolved are the lines of the report about unconfirmed objects, as the lookups left them.
	resolved []reconcile.Done
	// takenOver are the runs of other machines whose work this run continues.
	takenOver []string
	// completes is the interrupted run whose plan is recomputed from this state; empty for the
	// state of a run itself.
	completes string
	// notRecomputed are the notices about interrupted runs that cannot be recomputed.
	notRecomputed []string
}

// loadState reads what earlier runs of a provisioner left.
func (r *Runner) loadState(ctx context.Context, req Request) (runState, error) {
	p := req.Declarations.Provisioners[req.Provisioner]
	found, err := r.auditState(ctx, req, p)
	if err != nil {
		return runState{}, err
	}
	audit := found.state
	if p == nil {
		if p, err = r.lastDeclared(ctx, req.Provisioner, audit.Status); err != nil {
			return runState{}, err
		}
	}
	if audit.Status != nil && audit.Status.Identity != p.Identity() {
		return runState{}, fmt.Errorf(
			"%s: provisioner %q was at %s and is now at %s: the region and tenant of an endpoint must not change; "+
				"declare another provisioner%s",
			p.EndpointPos,
			p.Key,
			audit.Status.Identity,
			p.Identity(),
			unprovedAdvice(audit.Trust, p.Key),
		)
	}
	s := runState{request: req, provisioner: p, audit: audit, previousKey: found.previousKey,
		tenantRules: tenantRules(p, audit.Status, found.others), unconfirmed: found.unconfirmed, started: r.now()}
	return s, r.verifyAdoptionDecided(ctx, &s)
}

// unprovedAdvice returns what to do about an error that a status causes which is not proved; "" if
// the status is proved.
func unprovedAdvice(trust reconcile.AuditTrust, key string) string {
	if trust.Level == reconcile.TrustProved {
		return ""
	}
	return fmt.Sprintf(" (the audit branch is %s; if another writer planted the status, restore status/%s.json on it)",
		trust.Level, key)
}

// verifyAdoptionDecided checks a status that is not proved and says that the initial adoption was
// decided. A writer of the branch may have planted the status. If no commit that it names declares
// the tenant as enabled, gate firstContact holds again. If one does, an object in the directory
// must confirm it.
func (r *Runner) verifyAdoptionDecided(ctx context.Context, s *runState) error {
	status := s.audit.Status
	if s.audit.Trust.Level == reconcile.TrustProved || status == nil || !status.AdoptionDecided {
		return nil
	}
	declared := false
	for _, commit := range []string{status.LastAppliedCommit(), status.Commit.ID} {
		if commit == "" || declared {
			continue
		}
		decls, err := r.declarationsOnBranch(ctx, *s, commit)
		if err != nil {
			return fmt.Errorf("read commit %.7s, which the status names: %w", commit, err)
		}
		if p := reconcile.ProvisionerOf(decls, s.provisioner.Identity()); p != nil && p.Enabled {
			declared = true
		}
	}
	audit, unconfirmed := *s.audit, *status
	unconfirmed.AdoptionDecided, unconfirmed.AdoptionUnconfirmed = declared, declared
	audit.Status, s.audit = &unconfirmed, &audit
	return nil
}

// neverEnabled reports whether the provisioner is disabled and was so in all earlier runs.
func (s runState) neverEnabled() bool {
	return !s.provisioner.Enabled && (s.audit.Status == nil || !s.audit.Status.EverEnabled)
}

// foundState is the result of auditState.
type foundState struct {
	state       *reconcile.AuditState
	previousKey string       // the key of the state if the provisioner was renamed; empty otherwise
	others      []keyedState // the states of other keys that this decides from
	unconfirmed []string     // see runState
}

// outOfReach returns why Git cannot be reached; empty if it can.
func (s runState) outOfReach() string { return cmp.Or(s.request.OutOfReach, s.audit.Unreachable) }

// auditState returns what earlier runs of a provisioner left. If another key of the tenant, which
// is no longer declared, has the newest status, the provisioner was renamed: the state is that of
// the other key.
func (r *Runner) auditState(ctx context.Context, req Request, p *schema.Provisioner) (foundState, error) {
	current, err := r.Audit.LoadState(ctx, req.Provisioner)
	if err != nil {
		return foundState{}, fmt.Errorf("read the audit state: %w", err)
	}
	out := foundState{state: current}
	renamed := p != nil && !current.Trust.Broken() // a broken or removed provisioner keeps its state
	others, err := r.otherStates(ctx, req.Provisioner, req.Declarations, renamed && current.Status == nil)
	if err != nil {
		return foundState{}, err
	}
	if out.others, out.unconfirmed, err = r.confirmedClaims(ctx, req, p, current, others); err != nil || !renamed {
		return out, err
	}
	newest := current
	for _, other := range out.others {
		if sameTenant(other.AuditState, p) &&
			(newest.Status == nil || other.Status.Finished.After(newest.Status.Finished)) {
			newest, out.previousKey = other.AuditState, other.key
		}
	}
	if out.previousKey == "" {
		return out, nil
	}
	out.state = newest
	return out, mayContinue(newest, out.previousKey, p, r.now())
}

// keyedState is what earlier runs left under a key.
type keyedState struct {
	*reconcile.AuditState
	key      string
	declared bool
}

// otherStates reads what earlier runs left under all keys but one. It reads those that are still
// declared only if declared is set.
func (r *Runner) otherStates(
	ctx context.Context, key string, decls *schema.Declarations, declared bool,
) ([]keyedState, error) {
	known, err := r.Archive.Provisioners(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the provisioners on the audit branch: %w", err)
	}
	var out []keyedState
	for _, other := range known {
		isDeclared := decls.Provisioners[other] != nil
		if other == key || isDeclared && !declared {
			continue
		}
		state, err := r.Audit.LoadState(ctx, other)
		if err != nil {
			return nil, fmt.Errorf("read the audit state of %q: %w", other, err)
		}
		out = append(out, keyedState{state, other, isDeclared})
	}
	return out, nil
}

// sameTenant reports whether the audit state of another key is of the same tenant and has objects.
func sameTenant(state *reconcile.AuditState, p *schema.Provisioner) bool {
	return state.Status != nil && state.Status.Identity == p.Identity() &&
		len(state.Ledger.Users)+len(state.Ledger.Groups) > 0
}

// mayContinue returns why a provisioner must not continue the audit state of an earlier key, and
// what an operator does about it; nil if it may.
func mayContinue(state *reconcile.AuditState, old string, p *schema.Provisioner, now time.Time) error {
	switch {
	case !slices.Contains(p.Previously, old):
		return fmt.Errorf(
			"%s: the tenant of provisioner %q belonged to provisioner %q, which owns %d users and %d groups there; "+
				"if the provisioner was renamed, declare: previously: %q: {}",
			p.Pos,
			p.Key,
			old,
			len(state.Ledger.Users),
			len(state.Ledger.Groups),
			old,
		)
	case state.Interrupted != nil:
		return fmt.Errorf(
			"%s: a run of provisioner %q was interrupted before the provisioner was renamed to %q, so nothing is "+
				"sent: declare the provisioner as %q again and run roster, which completes that run; then rename it",
			p.Pos,
			old,
			p.Key,
			old,
		)
	case state.Trust.Broken():
		return fmt.Errorf(
			"%s: the audit branch was found broken before provisioner %q was renamed to %q (%s), so nothing is "+
				"sent: declare the provisioner as %q again, with the line %s, and run roster, which releases the "+
				"branch; then rename it",
			p.Pos,
			old,
			p.Key,
			state.Trust.Reason,
			old,
			reconcile.NewAuditSummary(state.Trust, state.Unproved, nil, now).Approval,
		)
	}
	return nil
}

// lastDeclared returns a removed provisioner as the last applied commit declared it.
func (r *Runner) lastDeclared(ctx context.Context, key string, s *reconcile.Status) (*schema.Provisioner, error) {
	if s == nil {
		return nil, fmt.Errorf("there is no provisioner %q", key)
	}
	commit := s.Commit.ID
	if s.LastApplied != nil {
		commit = s.LastApplied.Commit
	}
	decls, err := r.Source.Declarations(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf(
			"provisioner %q is no longer declared, and commit %.7s, which last declared it, cannot be read: %w", key,
			commit, err)
	}
	if p := decls.Provisioners[key]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("provisioner %q is no longer declared, and commit %.7s does not declare it either", key,
		commit)
}
