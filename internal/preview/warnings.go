package preview

import (
	"context"
	"path"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// approvalRecords returns what the reports have about the approvals that a merge adds; nil if it
// adds none, or if the reports cannot be read.
func (p *Previewer) approvalRecords(ctx context.Context, base, merged *schema.Declarations) []reconcile.ApprovalRecord {
	digests := reconcile.NewApprovals(base, merged, p.now())
	if p.Approvals == nil || len(digests) == 0 {
		return nil
	}
	records, err := p.Approvals(ctx, digests)
	if err != nil {
		p.Log.Warn("previews cannot compare approvals with the reports", "error", err)
		return nil
	}
	return records
}

// warnings returns the warnings about the merge result that the branch does not have: those of the
// declarations, and those about added approvals that match nothing that is held.
func (p *Previewer) warnings(ctx context.Context, base, merged *schema.Declarations) schema.Problems {
	now := p.now()
	had := map[[2]string]bool{} // by code and path: a text may have a count of users
	for _, w := range slices.Concat(base.Warnings, base.Warn(now)) {
		had[[2]string{w.Code, w.Path}] = true
	}
	var out schema.Problems
	for _, w := range slices.Concat(merged.Warnings, merged.Warn(now)) {
		if !had[[2]string{w.Code, w.Path}] && !schema.OnlyWithoutForge(w) {
			out = append(out, w)
		}
	}
	if records := p.approvalRecords(ctx, base, merged); records != nil {
		declared := func(provisioner string) bool { return merged.Provisioners[provisioner] != nil }
		for _, digest := range reconcile.NewApprovals(base, merged, now) {
			a := merged.Approvals[digest]
			if why := reconcile.UnmatchedApproval(a, reconcile.CommitRef{}, records, declared, now); why != "" {
				out = append(out, a.Unmatched(why))
			}
		}
	}
	for i := range out {
		out[i].Pos.File = path.Join(p.Repo.Path, out[i].Pos.File)
	}
	return out
}
