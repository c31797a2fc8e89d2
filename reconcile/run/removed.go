package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Removed returns the provisioners that a commit no longer declares and that still have users to
// deprovision, as they were last declared. It leaves out renamed provisioners, and those whose
// tenant another provisioner has now. Provisioners whose state cannot be read are in the error; the
// map holds the others. The map is nil only if nothing could be read at all.
func (r *Runner) Removed(ctx context.Context, decls *schema.Declarations) (map[string]*schema.Provisioner, error) {
	known, err := r.Archive.Provisioners(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the provisioners on the audit branch: %w", err)
	}
	tenants := map[string]bool{}
	for _, p := range decls.Provisioners {
		tenants[p.Identity()] = true
	}
	out := map[string]*schema.Provisioner{}
	var failed error
	for _, key := range known {
		if decls.Provisioners[key] != nil {
			continue
		}
		audit, err := r.Audit.LoadState(ctx, key)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("read the audit state of %q: %w", key, err))
			continue
		}
		if deprovisioned(audit) || tenants[audit.Status.Identity] {
			continue
		}
		p, err := r.lastDeclared(ctx, key, audit.Status)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		out[key] = p
	}
	return out, failed
}

// deprovisioned reports whether nothing is left to do for a removed provisioner.
func deprovisioned(audit *reconcile.AuditState) bool {
	s := audit.Status
	return s == nil || s.Deprovisioned || !s.EverEnabled && len(audit.Ledger.Users) == 0
}
