package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// evidence returns the function that finds the provenances of objects for one run: in the chain of
// reports, and then in Git.
func (r *Runner) evidence(s runState) func(context.Context, []string) (map[string][]reconcile.Provenance, error) {
	return func(ctx context.Context, ids []string) (map[string][]reconcile.Provenance, error) {
		return r.provenances(ctx, s, reconcile.ProvenanceQuery{IDs: ids})
	}
}

// provenances returns the provenances that a query asks for, with the facts of Git. Each commit is
// read once.
func (r *Runner) provenances(ctx context.Context, s runState, q reconcile.ProvenanceQuery) (
	map[string][]reconcile.Provenance, error,
) {
	found, err := r.Archive.Provenance(ctx, chainsOf(s), q)
	if err != nil {
		return nil, fmt.Errorf("find the reports of %d objects: %w", len(q.IDs)+len(q.Attempts), err)
	}
	commits := map[string]*schema.Declarations{}
	for _, list := range found {
		for i := range list {
			if err := r.readProvenance(ctx, s, &list[i], commits); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// chainsOf returns the keys of the chains of reports of a provisioner, the newest first: its own,
// and those of its earlier keys.
func chainsOf(s runState) []string {
	chains := []string{s.provisioner.Key}
	if s.previousKey != "" {
		chains = append(chains, s.previousKey)
	}
	for _, key := range s.provisioner.Previously {
		if key != s.previousKey {
			chains = append(chains, key)
		}
	}
	return chains
}

// readProvenance adds the facts of Git to a provenance.
func (r *Runner) readProvenance(ctx context.Context, s runState, p *reconcile.Provenance,
	commits map[string]*schema.Declarations) error {
	decls, read := commits[p.Commit]
	if !read {
		var err error
		if decls, err = r.declarationsOnBranch(ctx, s, p.Commit); err != nil {
			return fmt.Errorf("read commit %.7s, which run %s names: %w", p.Commit, p.Run, err)
		}
		commits[p.Commit] = decls
	}
	p.ReadCommit(decls, s.request.Declarations, s.provisioner.Identity())
	return nil
}

// declarationsOnBranch returns the declarations of a commit; nil if the branch does not have it or
// it cannot be evaluated.
func (r *Runner) declarationsOnBranch(ctx context.Context, s runState, commit string) (*schema.Declarations, error) {
	if commit == s.request.Commit.ID {
		return s.request.Declarations, nil
	}
	on, err := r.Source.IsAncestor(ctx, commit, s.request.Commit.ID)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !on {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return r.validDeclarations(ctx, commit)
}
