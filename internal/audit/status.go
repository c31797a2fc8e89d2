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
	out.EverEnabled, out.Contacted = a.EverEnabled || b.EverEnabled, a.Contacted || b.Contacted
	if out.Applied == nil || a.Applied != nil && a.Applied.Time.After(out.Applied.Time) {
		out.Applied = a.Applied
	}
	out.Removals = nil
	for _, r := range append(append([]reconcile.Removal{}, a.Removals...), b.Removals...) {
		if !hasRemoval(out.Removals, r) {
			out.Removals = append(out.Removals, r)
		}
	}
	if len(a.Spent)+len(b.Spent) > 0 {
		out.Spent = map[string]time.Time{}
		maps.Copy(out.Spent, a.Spent)
		maps.Copy(out.Spent, b.Spent)
	}
	for digest, first := range a.Seen { // an approval is as old as whoever saw it first says
		if later, ok := out.Seen[digest]; ok && first.Before(later) {
			out.Seen = maps.Clone(out.Seen)
			out.Seen[digest] = first
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
		last.Commit.ID == r.Commit.ID && last.Identity == s.Identity && last.EverEnabled == s.EverEnabled && last.Contacted == s.Contacted &&
		r.Counts.Done == 0 && r.Counts.Unknown == 0 && appliedCommit(last) == appliedCommit(s) && last.Retired == s.Retired &&
		knows(last.Spent, s.Spent) && knows(last.Seen, s.Seen)
}

func appliedCommit(s *reconcile.Status) string {
	if s.Applied == nil {
		return ""
	}
	return s.Applied.Commit
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
