package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// appliedPolicy is the policy in force. Before the first one, it has only the policy that restrains
// a first commit. If the commit cannot be read, declarations is nil and notice says why.
type appliedPolicy struct {
	commit       string
	declarations *schema.Declarations
	policy       *reconcile.Policy
	notice       string
}

// mapping returns the mapping of the provisioner at that commit; nil if it is not known.
func (p appliedPolicy) mapping() *schema.Mapping {
	if p.declarations == nil {
		return nil
	}
	return p.declarations.Mappings[p.policy.Provisioner.Mapping]
}

// declaredPolicy returns the policy that the commit declares. For a removed provisioner it is nil:
// gate removed holds everything.
func declaredPolicy(s runState) *reconcile.Policy {
	if s.request.Declarations.Provisioners[s.provisioner.Key] == nil {
		return nil
	}
	return reconcile.PolicyOf(s.request.Declarations, s.provisioner)
}

// loadPolicy reads the policy in force. It finds the provisioner by its identity, so a new key does
// not lose the policy.
func (r *Runner) loadPolicy(ctx context.Context, s runState, last lastApplied) (appliedPolicy, error) {
	commit := s.audit.Status.PolicyInForce()
	if commit == "" {
		return appliedPolicy{policy: reconcile.FirstPolicy(declaredPolicy(s))}, nil
	}
	decls := last.declarations
	if decls == nil || s.audit.Status.LastApplied.Commit != commit {
		var err error
		if decls, err = r.Source.Declarations(ctx, commit); err != nil {
			if ctx.Err() != nil {
				return appliedPolicy{}, err
			}
			return unknownPolicy(commit, err), nil
		}
	}
	p := reconcile.ProvisionerOf(decls, s.provisioner.Identity())
	if p == nil {
		return unknownPolicy(commit, errors.New("it does not declare the provisioner")), nil
	}
	return appliedPolicy{commit: commit, declarations: decls, policy: reconcile.PolicyOf(decls, p)}, nil
}

// unknownPolicy returns the default rules for a policy in force that cannot be read: a commit that
// makes it unreadable cannot loosen the defaults.
func unknownPolicy(commit string, why error) appliedPolicy {
	return appliedPolicy{
		commit: commit, policy: reconcile.DefaultPolicy(),
		notice: fmt.Sprintf("the rules of commit %.7s, which are in force, cannot be read: %v; "+
			"the default rules count instead", commit, why),
	}
}
