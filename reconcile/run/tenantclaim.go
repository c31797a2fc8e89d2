package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// confirmedClaims returns the states of other keys without those that claim the tenant of a
// provisioner although Git does not confirm it. It returns the keys of the latter as well. A writer
// of the audit branch can plant a status under any key, but cannot make a commit of the source
// branch declare a provisioner under that key. current is the state of the provisioner, which is
// nil if it is no longer declared.
//
//	the other status is                                       | confirmed
//	----------------------------------------------------------+----------
//	proved                                                    | yes
//	of another tenant                                         | yes: it claims nothing
//	named by `previously`, and the provisioner has no status  | yes
//	of a commit that declares the tenant under the other key, |
//	  after the commit in the provisioner's status            | yes
//	anything else                                             | no
func (r *Runner) confirmedClaims(ctx context.Context, req Request, p *schema.Provisioner, current *reconcile.AuditState,
	others []keyedState) (confirmed []keyedState, unconfirmed []string, err error) {
	for _, other := range others {
		ok := p == nil || other.Status == nil || other.Status.Identity != p.Identity() ||
			other.Trust.Level == reconcile.TrustProved ||
			current.Status == nil && slices.Contains(p.Previously, other.key)
		if !ok {
			if ok, err = r.declaredSince(ctx, req, current.Status, other); err != nil {
				return nil, nil, fmt.Errorf("check the status of provisioner %q: %w", other.key, err)
			}
		}
		if ok {
			confirmed = append(confirmed, other)
		} else {
			unconfirmed = append(unconfirmed, other.key)
		}
	}
	return confirmed, unconfirmed, nil
}

// declaredSince reports whether a commit that the status of another key names declares its tenant
// under that key, and comes after the commits in the provisioner's status, if it has one.
func (r *Runner) declaredSince(ctx context.Context, req Request, current *reconcile.Status,
	other keyedState) (bool, error) {
	for _, commit := range []string{other.Status.LastAppliedCommit(), other.Status.Commit.ID} {
		if commit == "" {
			continue
		}
		decls, err := r.declarationsOnBranch(ctx, runState{request: req}, commit)
		if err != nil {
			return false, err
		}
		p := reconcile.ProvisionerOf(decls, other.Status.Identity)
		if p == nil || p.Key != other.key {
			continue
		}
		if current == nil {
			return true, nil
		}
		if current.Commit.ID == commit {
			continue
		}
		later, err := r.Source.IsAncestor(ctx, current.Commit.ID, commit)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
		if later {
			return true, nil
		}
	}
	return false, nil
}

// noteUnconfirmed adds a notice for each status that claims the tenant and does not count.
func (s runState) noteUnconfirmed(plan *reconcile.Plan) {
	for _, key := range s.unconfirmed {
		plan.AddNotice("the audit branch has a status of provisioner %q for the tenant of %q, but the commits that it "+
			"names do not declare the tenant under that key since then: another writer of the branch may have planted "+
			"it, so it does not count", key, s.provisioner.Key)
	}
}
