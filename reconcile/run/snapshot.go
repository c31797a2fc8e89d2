package run

import (
	"context"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/schema"
)

// Snapshot takes a look at a provisioner's directory, for previews: the members of every group, since a preview may want to take over any
// of them. What runs remember of it is not read again. It sends nothing but reads.
func (r *Runner) Snapshot(ctx context.Context, p *schema.Provisioner) (*reconcile.Snapshot, error) {
	past, err := r.Audit.Past(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read what earlier runs left: %w", err)
	}
	dir, err := r.Open(ctx, p, true)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.Identity(), err)
	}
	reader := &observe.Reader{Directory: dir, Provisioner: p, Started: r.now(), Cached: observe.LoadCached(r.Cache, p, past)}
	observed, err := reader.ReadMembers(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p.Identity(), err)
	}
	return &reconcile.Snapshot{Version: 1, Provisioner: p.Key, Identity: p.Identity(), Observed: observed, Ledger: past.Ledger, Status: past.Status,
		DistrustReason: past.DistrustReason}, nil
}
