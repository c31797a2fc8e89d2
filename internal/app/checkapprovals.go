package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// checkApprovals warns about approvals that match nothing that the newest reports hold. Without an
// audit branch nothing is known about them. Reports that cannot be read are logged, because they
// say nothing about the declarations.
func checkApprovals(ctx context.Context, s Settings, r RepositoryConfig, decls *schema.Declarations) schema.Problems {
	now := s.now()
	var digests []string
	for _, key := range slices.Sorted(maps.Keys(decls.Approvals)) {
		if !reconcile.IsAuditRelease(key) && !decls.Approvals[key].Expired(now) {
			digests = append(digests, key)
		}
	}
	if len(digests) == 0 {
		return nil
	}
	records, err := approvalRecords(ctx, s, r, digests)
	added := map[string]reconcile.CommitRef{}
	if err == nil {
		added, err = committedApprovals(ctx, s, r, decls, digests)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		s.Log.Warn("the approvals are not compared with the reports", "error", err)
		return nil
	}
	declared := func(provisioner string) bool { return decls.Provisioners[provisioner] != nil }
	var out schema.Problems
	for _, digest := range digests {
		a := decls.Approvals[digest]
		if why := reconcile.UnmatchedApproval(a, added[digest], records, declared, now); why != "" {
			out = append(out, a.Unmatched(why))
		}
	}
	return out
}

// approvalRecords reads what the audit branch, as it was last fetched, has about approvals.
func approvalRecords(ctx context.Context, s Settings, r RepositoryConfig, digests []string) (
	[]reconcile.ApprovalRecord, error) {
	e, err := OpenEvidence(ctx, s, EvidenceConfig{Repository: r})
	if err != nil {
		return nil, err
	}
	keys, err := audit.Provisioners(e.files)
	if err != nil {
		return nil, err
	}
	var out []reconcile.ApprovalRecord
	for _, key := range keys {
		record, err := audit.ReadApprovals(e.files, key, digests)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the reports of %s: %w", key, err)
		}
		out = append(out, *record)
	}
	if len(out) == 0 {
		return nil, fs.ErrNotExist
	}
	return out, nil
}

// committedApprovals returns the commits that added approvals. An approval that is not committed
// has none.
func committedApprovals(ctx context.Context, s Settings, r RepositoryConfig, decls *schema.Declarations,
	digests []string) (map[string]reconcile.CommitRef, error) {
	var source *Source
	head := ""
	if r.URL != "" {
		w, err := Open(ctx, s, r)
		if err != nil {
			return nil, err
		}
		defer w.Close()
		source, head = w.source, w.commit.ID
	} else {
		repo, err := gitrepo.Open(r.Dir)
		if err != nil {
			return nil, err
		}
		defer repo.Close()
		source = newLocalSource(s, &r, repo)
		commit, err := source.resolve("HEAD")
		if err != nil {
			return nil, err
		}
		head = commit.ID
	}
	committed, err := source.Declarations(ctx, head)
	if err != nil { // the commit is invalid: nothing is known about its approvals
		return nil, fs.ErrNotExist
	}
	found, err := source.ApprovalCommits(ctx, head, digests)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(found, func(digest string, _ reconcile.CommitRef) bool {
		return !decls.Approvals[digest].Same(committed.Approvals[digest])
	})
	return found, nil
}
