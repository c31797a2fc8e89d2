package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// evidenceLoader collects what Git and the reports have about the declared approvals.
type evidenceLoader struct {
	*Runner
	state runState
	used  []reconcile.ApprovalUse
	rules []schema.Review // that the review of an approval must satisfy
}

// loadApprovalEvidence returns the evidence of each declared approval, by digest.
func (r *Runner) loadApprovalEvidence(ctx context.Context, s runState,
	rules []schema.Review) (map[string]*reconcile.ApprovalEvidence, error) {
	out := map[string]*reconcile.ApprovalEvidence{}
	approvals := s.request.Declarations.Approvals
	var digests []string
	for _, digest := range slices.Sorted(maps.Keys(approvals)) {
		if !approvals[digest].Expired(s.started) {
			digests = append(digests, digest)
		}
	}
	if len(digests) == 0 {
		return out, nil
	}
	added, err := r.Source.ApprovalCommits(ctx, s.request.Commit.ID, digests)
	if err != nil {
		return nil, fmt.Errorf("find the commits that added the approvals: %w", err)
	}
	l := &evidenceLoader{r, s, s.audit.OpenUses, rules}
	if s.audit.Status != nil {
		l.used = reconcile.MergeApprovalRecords(l.used, s.audit.Status.UsedApprovals)
	}
	for _, digest := range digests {
		if out[digest], err = l.load(ctx, approvals[digest], added[digest]); err != nil {
			return nil, fmt.Errorf("the approval at %s: %w", approvals[digest].Pos, err)
		}
	}
	return out, nil
}

// load returns the evidence of one approval.
func (l *evidenceLoader) load(ctx context.Context, a *schema.Approval,
	added reconcile.CommitRef) (*reconcile.ApprovalEvidence, error) {
	e := &reconcile.ApprovalEvidence{Added: added}
	if refused, err := l.uncommitted(ctx, a, added); err != nil || refused != "" {
		e.Added, e.RefusedReason = reconcile.CommitRef{}, refused
		return e, err
	}
	if e.Used = reconcile.FindUse(l.used, a.Key, added.ID); e.Used != nil {
		return e, nil
	}
	in := reconcile.PlanInput{Status: l.state.audit.Status, Now: l.state.started}
	if in.Ended(a, added) {
		return e, nil
	}
	if l.Author != nil {
		e.Author = l.Author(l.state.request.Commit.ID, a.Pos)
	}
	if !reconcile.IsAuditRelease(a.Key) {
		if err := l.findReport(ctx, a, e); err != nil || e.Printed == nil {
			return e, err
		}
	}
	return e, l.review(ctx, a.Key, e)
}

// uncommitted returns why an approval is not part of the history of the branch; "" if it is.
func (l *evidenceLoader) uncommitted(ctx context.Context, a *schema.Approval,
	added reconcile.CommitRef) (string, error) {
	if l.state.request.Dirty {
		head, err := l.Source.Declarations(ctx, l.state.request.Commit.ID)
		if err != nil && ctx.Err() != nil {
			return "", err
		}
		if err != nil || !a.Same(head.Approvals[a.Key]) {
			return "it is not committed", nil
		}
	}
	if added.ID == "" {
		return fmt.Sprintf("no commit of the last %d on the branch added it: add it again, with its digest written out",
			reconcile.MaxFirstParents), nil
	}
	return "", nil
}

// findReport finds the report that printed the digest of an approval, for a commit before the one
// that added the approval. Reports that name the approval as used count as well as the status.
func (l *evidenceLoader) findReport(ctx context.Context, a *schema.Approval, e *reconcile.ApprovalEvidence) error {
	tooLate := "" // the commit of a report that printed the digest only when the approval was there
	before := func(commit string) (bool, error) {
		ok, err := l.addedAfter(ctx, a, e.Added.ID, commit)
		if err == nil && !ok {
			tooLate = commit
		}
		return ok, err
	}
	match := reconcile.PrintedBefore(l.state.provisioner.Identity(), a.Key, before)
	for _, key := range chainsOf(l.state) {
		if e.Printed != nil || e.Used != nil {
			break
		}
		report, err := l.Archive.SearchReports(ctx, key, func(r *reconcile.Report) (bool, error) {
			if r.Outcome == reconcile.RunInterrupted && r.Run == l.state.completes {
				return false, nil // what that run used, it may use
			}
			for _, used := range r.Approvals {
				if used.Digest == a.Key && used.Commit == e.Added.ID {
					e.Used = &reconcile.ApprovalUse{Digest: a.Key, Commit: e.Added.ID, Time: r.Started}
					return true, nil
				}
			}
			return match(r)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("find the report that printed the digest: %w", err)
		}
		if e.Used == nil && err == nil {
			e.Printed = report
		}
	}
	if e.Printed != nil || e.Used != nil {
		return nil
	}
	if tooLate != "" {
		e.RefusedReason = fmt.Sprintf("commit %.7s added it, and no report had printed its digest for an earlier "+
			"commit: a commit cannot approve its own changes; edit the reason in a later commit", e.Added.ID)
		return nil
	}
	foreign, err := l.printedForOthers(ctx, a.Key)
	e.Foreign, e.Unknown = foreign, !foreign
	e.RefusedReason = "no report has printed its digest as held"
	return err
}

// addedAfter reports whether the commit that added an approval strictly descends from the commit of
// a report. If that commit is not on the first-parent history of the branch, it must not have the
// approval either. Dates of commits do not matter.
func (l *evidenceLoader) addedAfter(ctx context.Context, a *schema.Approval, added, reported string) (bool, error) {
	if added == reported {
		return false, nil
	}
	ok, err := l.Source.IsAncestor(ctx, reported, added)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !ok {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("compare commit %.7s with %.7s: %w", added, reported, err)
	}
	if _, err := l.Source.FirstParents(ctx, reported, added); err == nil {
		return true, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read the history of commit %.7s: %w", added, err)
	}
	decls, err := l.Source.Declarations(ctx, reported)
	if err != nil {
		if ctx.Err() != nil {
			return false, err
		}
		return false, nil
	}
	return !a.Same(decls.Approvals[a.Key]), nil
}

// printedForOthers reports whether a report of another provisioner printed a digest as held.
func (l *evidenceLoader) printedForOthers(ctx context.Context, digest string) (bool, error) {
	known, err := l.Archive.Provisioners(ctx)
	if err != nil {
		return false, fmt.Errorf("list the provisioners on the audit branch: %w", err)
	}
	for _, key := range known {
		if slices.Contains(chainsOf(l.state), key) {
			continue
		}
		_, err := l.Archive.SearchReports(ctx, key, func(r *reconcile.Report) (bool, error) {
			return r.Printed(digest), nil
		})
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("find the report that printed the digest: %w", err)
		}
	}
	return false, nil
}
