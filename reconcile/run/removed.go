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

// Removed returns the provisioners that a commit no longer declares and that still have people to deprovision, as they were last declared.
// A renamed provisioner is not removed, nor is one whose tenant another provisioner has now. One of which the past cannot be read is left out
// and told of in the error; the map, nil only if nothing could be read at all, holds the others.
func (r *Runner) Removed(ctx context.Context, decls *schema.Declarations) (map[string]*schema.Provisioner, error) {
	known, err := r.Archive.Provisioners(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the provisioners of earlier commits: %w", err)
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
		past, err := r.Audit.Past(ctx, key)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("read what earlier runs of %q left: %w", key, err))
			continue
		}
		s := past.Status
		if s == nil || s.Deprovisioned || tenants[s.Identity] || !s.EverEnabled && len(past.Ledger.Users) == 0 {
			continue
		}
		p, err := r.lastDeclared(ctx, key, s)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		out[key] = p
	}
	return out, failed
}

// lastDeclared is a removed provisioner as the last applied commit had it.
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
		return nil, fmt.Errorf("provisioner %q is no longer declared, and commit %.7s, which last declared it, cannot be read: %w", key, commit, err)
	}
	if p := decls.Provisioners[key]; p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("provisioner %q is no longer declared, and commit %.7s does not declare it either", key, commit)
}

// pastOf returns what earlier runs of a provisioner left, under an earlier key if it was renamed.
func (r *Runner) pastOf(ctx context.Context, key string, p *schema.Provisioner) (past *reconcile.AuditState, was string, err error) {
	past, err = r.Audit.Past(ctx, key)
	if err != nil {
		return nil, "", fmt.Errorf("read what earlier runs left: %w", err)
	}
	if past.Status != nil || p == nil {
		return past, "", nil
	}
	known, err := r.Archive.Provisioners(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("list the provisioners of earlier commits: %w", err)
	}
	for _, old := range known {
		if old == key {
			continue
		}
		before, err := r.Audit.Past(ctx, old)
		if err != nil {
			return nil, "", fmt.Errorf("read what earlier runs of %q left: %w", old, err)
		}
		renamed := slices.Contains(p.Previously, old)
		switch s := before.Status; {
		case s == nil || s.Identity != p.Identity() || len(before.Ledger.Users)+len(before.Ledger.Groups) == 0:
		case !renamed:
			return nil, "", fmt.Errorf("%s: the tenant of provisioner %q was provisioner %q's, which owns %d users and %d groups there; if it was renamed, declare: previously: %q: {}",
				p.Pos, key, old, len(before.Ledger.Users), len(before.Ledger.Groups), old)
		case before.Interrupted != nil:
			return nil, "", fmt.Errorf("a run of provisioner %q was interrupted; complete it under that name before it becomes %q", old, key)
		case before.DistrustReason != "":
			return nil, "", fmt.Errorf("what earlier runs of provisioner %q left cannot be trusted (%s); have it approved under that name before it becomes %q", old, before.DistrustReason, key)
		default:
			return before, old, nil
		}
	}
	return past, "", nil
}

// heldReports finds the reports that printed the digests of approvals which may still count. A branch that cannot be trusted has none.
func (s *session) heldReports(ctx context.Context) (map[string]*reconcile.Report, error) {
	out := map[string]*reconcile.Report{}
	for key, a := range s.req.Declarations.Approvals {
		if a.Expires == nil || a.Expires.Over(s.started) || s.past.DistrustReason != "" {
			continue
		}
		if st := s.past.Status; st != nil && !st.UsedApprovals[key].IsZero() {
			continue
		}
		for _, chain := range []string{s.provisioner.Key, s.was} {
			if chain == "" || out[key] != nil {
				continue
			}
			r, err := s.Archive.HeldReport(ctx, chain, key)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("look for the report that printed %s: %w", key, err)
			}
			if err == nil {
				out[key] = r
			}
		}
	}
	return out, nil
}
