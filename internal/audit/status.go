package audit

import (
	"fmt"
	"io/fs"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// readStatus returns nil if there is no status.
func readStatus(files fs.FS, provisioner string) (*reconcile.Status, error) {
	s := &reconcile.Status{}
	ok, err := readFile(files, statusPath(provisioner), s)
	if err != nil || !ok {
		return nil, err
	}
	if s.Provisioner != provisioner {
		return nil, &MalformedError{File: statusPath(provisioner),
			Err: fmt.Errorf("it is the status of provisioner %q", s.Provisioner)}
	}
	return s, nil
}

// reportOf is the newest report of the chain; empty if there is none.
func reportOf(s *reconcile.Status) reconcile.ReportLink {
	if s == nil {
		return reconcile.ReportLink{}
	}
	return s.Report
}

// runName names the last run in an error.
func runName(s *reconcile.Status) string {
	if s == nil {
		return "another run"
	}
	return "run " + s.Run
}

// mergeStatus merges the statuses of two runs that ran concurrently. The result is the later status
// with what the gates need of both: removals, shortened ends, used approvals, the first run that
// saw an approval, and the last applied commit.
func mergeStatus(a, b *reconcile.Status) *reconcile.Status {
	if a.Finished.After(b.Finished) {
		a, b = b, a
	}
	out := *b
	out.EverEnabled, out.AdoptionDecided = a.EverEnabled || b.EverEnabled, a.AdoptionDecided || b.AdoptionDecided
	confirmed := a.AdoptionDecided && !a.AdoptionUnconfirmed || b.AdoptionDecided && !b.AdoptionUnconfirmed
	out.AdoptionUnconfirmed = out.AdoptionDecided && !confirmed
	if out.LastApplied == nil || a.LastApplied != nil && a.LastApplied.Time.After(out.LastApplied.Time) {
		out.LastApplied = a.LastApplied
		out.PolicyCommit, out.Loosened = a.PolicyCommit, a.Loosened
	}
	out.ShortenedEnds = mergeShortenedEnds(a.ShortenedEnds, b.ShortenedEnds)
	out.Removals = mergeRemovals(a.Removals, b.Removals)
	out.UsedApprovals = reconcile.MergeApprovalRecords(a.UsedApprovals, b.UsedApprovals)
	out.ApprovalFirstSeen = reconcile.MergeApprovalRecords(a.ApprovalFirstSeen, b.ApprovalFirstSeen)
	return &out
}

// mergeShortenedEnds merges the records of two runs. Of two ends of the same access, that of the
// later run counts; of the same end, the first run that saw it.
func mergeShortenedEnds(a, b []reconcile.ShortenedEnd) []reconcile.ShortenedEnd {
	out := slices.Clone(b)
	for _, s := range a {
		i := slices.IndexFunc(out,
			func(o reconcile.ShortenedEnd) bool { return o.User == s.User && o.Group == s.Group })
		switch {
		case i < 0:
			out = append(out, s)
		case out[i].EndsAt.Equal(s.EndsAt) && s.FirstSeen.Before(out[i].FirstSeen):
			out[i] = s
		}
	}
	return out
}

// unionStatus returns a status with the removals and the used approvals of another one, which this
// machine knew. So no other writer of the branch can make a gate forget them.
func unionStatus(s, known *reconcile.Status) *reconcile.Status {
	if s == nil {
		return nil
	}
	out := *s
	if known == nil {
		out.Removals = slices.Clone(s.Removals)
		return &out
	}
	out.Removals = mergeRemovals(s.Removals, known.Removals)
	out.UsedApprovals = reconcile.MergeApprovalRecords(s.UsedApprovals, known.UsedApprovals)
	return &out
}

// strictStatus returns the status of others on a branch without signatures, with what this machine
// knew of the things that loosen a gate: the policy in force, the review rules, the initial
// adoption and the ends of access. So no other writer of the branch can move them. The next
// complete run of this machine moves them.
func strictStatus(s, known *reconcile.Status) *reconcile.Status {
	out := unionStatus(s, known)
	switch {
	case out == nil:
		return nil
	case known == nil: // nothing is known that could confirm it
		out.AdoptionUnconfirmed = s.AdoptionDecided
		return out
	}
	out.EarlierApplied = known.EarlierApplied
	out.PolicyCommit, out.Loosened = known.PolicyCommit, known.Loosened
	out.Interrupted = known.Interrupted
	out.Review = reconcile.UnionRules(s.Review, known.Review)
	out.AdoptionDecided = s.AdoptionDecided && known.AdoptionDecided
	out.AdoptionUnconfirmed = s.AdoptionUnconfirmed || known.AdoptionUnconfirmed
	out.ShortenedEnds = mergeShortenedEnds(known.ShortenedEnds, s.ShortenedEnds)
	out.ApprovalFirstSeen = reconcile.MergeApprovalRecords(s.ApprovalFirstSeen, known.ApprovalFirstSeen)
	return out
}

// mergeRemovals returns the removals in either list.
func mergeRemovals(a, b []reconcile.Removal) []reconcile.Removal {
	var out []reconcile.Removal
	for _, r := range slices.Concat(a, b) {
		if !slices.ContainsFunc(out, func(have reconcile.Removal) bool { return sameRemoval(have, r) }) {
			out = append(out, r)
		}
	}
	return out
}

func sameRemoval(a, b reconcile.Removal) bool {
	return a.Group == b.Group && a.Count == b.Count && a.Time.Equal(b.Time)
}

// repeats reports whether a run repeats the last one: same commit, outcome and digests, no change
// done, and no change to the status.
func repeats(last *reconcile.Status, c *reconcile.RunRecord) bool {
	r, s := c.Report, c.Status
	return last != nil && last.Outcome == r.Outcome && last.Digest == r.Digest && last.HeldDigest == r.HeldDigest &&
		last.Commit.ID == r.Commit.ID && last.Identity == s.Identity && last.EverEnabled == s.EverEnabled &&
		last.AdoptionDecided == s.AdoptionDecided && last.AdoptionUnconfirmed == s.AdoptionUnconfirmed &&
		r.Counts.Done == 0 && r.Counts.Unknown == 0 &&
		appliedCommit(last) == appliedCommit(s) && last.Deprovisioned == s.Deprovisioned &&
		slices.EqualFunc(last.Review, s.Review, sameRule) &&
		last.PolicyCommit == s.PolicyCommit && slices.Equal(last.Loosened, s.Loosened) &&
		len(last.Interrupted) == len(s.Interrupted) && slices.Equal(last.UsedApprovals, s.UsedApprovals) &&
		sameFirstSeen(last.ApprovalFirstSeen, s.ApprovalFirstSeen)
}

func sameRule(a, b reconcile.ReviewRule) bool {
	return a.Approvals == b.Approvals && slices.Equal(a.By, b.By)
}

func appliedCommit(s *reconcile.Status) string {
	if s.LastApplied == nil {
		return ""
	}
	return s.LastApplied.Commit
}

// sameFirstSeen reports whether a has every entry of b. An approval that is no longer declared
// changes nothing.
func sameFirstSeen(a, b []reconcile.FirstSeen) bool {
	for _, f := range b {
		if !slices.Contains(a, f) {
			return false
		}
	}
	return true
}
