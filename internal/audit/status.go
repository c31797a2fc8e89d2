package audit

import (
	"fmt"
	"io/fs"
	"maps"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func readStatus(files fs.FS, provisioner string) (*reconcile.Status, error) {
	s := &reconcile.Status{}
	ok, err := readFile(files, statusPath(provisioner), s)
	if err != nil || !ok {
		return nil, err
	}
	if s.Provisioner != provisioner {
		return nil, &MalformedError{File: statusPath(provisioner), Err: fmt.Errorf("it is the status of %q", s.Provisioner)}
	}
	return s, nil
}

// link is the report at the head of the chain.
func link(s *reconcile.Status) reconcile.ReportLink {
	if s == nil {
		return reconcile.ReportLink{}
	}
	return s.Report
}

// mergeStatus joins the statuses of two runs that did not know of each other.
// The later one is the status; what both of them know for the gates is kept:
// removals, spent approvals, and how far the declarations were applied.
func mergeStatus(a, b *reconcile.Status) *reconcile.Status {
	if a.Finished.After(b.Finished) {
		a, b = b, a
	}
	out := *b
	out.EverEnabled, out.AdoptionDecided = a.EverEnabled || b.EverEnabled, a.AdoptionDecided || b.AdoptionDecided
	if out.LastApplied == nil || a.LastApplied != nil && a.LastApplied.Time.After(out.LastApplied.Time) {
		out.LastApplied = a.LastApplied
	}
	out.Removals = nil
	for _, r := range append(append([]reconcile.Removal{}, a.Removals...), b.Removals...) {
		if !hasRemoval(out.Removals, r) {
			out.Removals = append(out.Removals, r)
		}
	}
	if len(a.UsedApprovals)+len(b.UsedApprovals) > 0 {
		out.UsedApprovals = map[string]time.Time{}
		maps.Copy(out.UsedApprovals, a.UsedApprovals)
		maps.Copy(out.UsedApprovals, b.UsedApprovals)
	}
	for digest, first := range a.ApprovalFirstSeen { // an approval is as old as whoever saw it first says
		if later, ok := out.ApprovalFirstSeen[digest]; ok && first.Before(later) {
			out.ApprovalFirstSeen = maps.Clone(out.ApprovalFirstSeen)
			out.ApprovalFirstSeen[digest] = first
		}
	}
	return &out
}

func hasRemoval(list []reconcile.Removal, r reconcile.Removal) bool {
	for _, have := range list {
		if have.Group == r.Group && have.Count == r.Count && have.Time.Equal(r.Time) {
			return true
		}
	}
	return false
}

// repeats reports whether a conclusion says nothing that the last status does
// not say already: same commit, outcome and digests, nothing done, and nothing
// new to remember.
func repeats(last *reconcile.Status, c *reconcile.Conclusion) bool {
	r, s := c.Report, c.Status
	return last != nil && last.Outcome == r.Outcome && last.Digest == r.Digest && last.HeldDigest == r.HeldDigest &&
		last.Commit.ID == r.Commit.ID && last.Identity == s.Identity && last.EverEnabled == s.EverEnabled && last.AdoptionDecided == s.AdoptionDecided &&
		r.Counts.Done == 0 && r.Counts.Unknown == 0 && appliedCommit(last) == appliedCommit(s) && last.Deprovisioned == s.Deprovisioned &&
		knows(last.UsedApprovals, s.UsedApprovals) && knows(last.ApprovalFirstSeen, s.ApprovalFirstSeen)
}

func appliedCommit(s *reconcile.Status) string {
	if s.LastApplied == nil {
		return ""
	}
	return s.LastApplied.Commit
}

// knows reports whether every key of b is in a.
func knows(a, b map[string]time.Time) bool {
	for key := range b {
		if _, ok := a[key]; !ok {
			return false
		}
	}
	return true
}
