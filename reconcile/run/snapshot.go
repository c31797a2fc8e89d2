package run

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/schema"
)

// Snapshot reads a provisioner's directory for previews, with the members of every group, because a
// preview may adopt any of them. What the cache has is not read again. Snapshot only reads. While
// the provisioner waits in quarantine, it makes no call and fails.
func (r *Runner) Snapshot(ctx context.Context, p *schema.Provisioner) (*reconcile.Snapshot, error) {
	if r.Quarantines != nil {
		if q := r.Quarantines.Load(p.Key); q.Waits(p, r.now()) {
			return nil, fmt.Errorf("the provisioner is %s", q)
		}
	}
	audit, err := r.Audit.LoadState(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read the audit state: %w", err)
	}
	dir, err := r.Open(ctx, p, true)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.Identity(), err)
	}
	cached, _ := observe.LoadCached(r.Cache, p, audit)
	reader := &observe.Reader{Directory: dir, Provisioner: p, Started: r.now(), Cached: cached}
	observed, err := reader.ReadMembers(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.Identity(), err)
	}
	return &reconcile.Snapshot{
		Version: 1, Provisioner: p.Key, Identity: p.Identity(), Observed: observed, Ledger: audit.Ledger,
		Status: audit.Status, Trust: audit.Trust, Unproved: audit.Unproved,
	}, nil
}
