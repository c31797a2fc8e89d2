package reconcile

import (
	"cmp"
	"slices"
	"time"
)

// ApprovalUse identifies an approval that was used: its digest and the commit that added its entry.
// An entry that is edited or added again is another approval.
type ApprovalUse struct {
	Digest string    `json:"digest"`
	Commit string    `json:"commit"`
	Time   time.Time `json:"time,omitzero"`
}

// FirstSeen is when a run first saw an approval.
type FirstSeen struct {
	Digest string    `json:"digest"`
	Commit string    `json:"commit"` // that added the entry
	Time   time.Time `json:"time"`
	// Idle is how long no run could use the approval since then: while the provisioner was paused,
	// outside its windows or in quarantine, or the forge did not answer. It does not count.
	Idle time.Duration `json:"idleNs,omitempty"`
	// IdleSince is set while no run can use the approval.
	IdleSince time.Time `json:"idleSince,omitzero"`
}

// End returns when the approval ends, if no further time is idle.
func (f FirstSeen) End(now time.Time) time.Time {
	end := f.Time.Add(approvalLife + f.Idle)
	if !f.IdleSince.IsZero() {
		end = end.Add(now.Sub(f.IdleSince))
	}
	return end
}

// FindUse returns the use of an approval; nil if it was not used.
func FindUse(uses []ApprovalUse, digest, commit string) *ApprovalUse {
	i := slices.IndexFunc(uses, func(u ApprovalUse) bool { return u.Digest == digest && u.Commit == commit })
	if i < 0 {
		return nil
	}
	return &uses[i]
}

// approvalEntry identifies the entry of an approval that a use or a first sighting is about, and
// the time that orders two of one entry.
type approvalEntry struct {
	digest, commit string
	time           time.Time
}

func (u ApprovalUse) entry() approvalEntry { return approvalEntry{u.Digest, u.Commit, u.Time} }

func (f FirstSeen) entry() approvalEntry { return approvalEntry{f.Digest, f.Commit, f.Time} }

// MergeApprovalRecords returns the records of approvals in both lists, sorted. Of two records of an
// approval the earlier one stays.
func MergeApprovalRecords[T interface{ entry() approvalEntry }](a, b []T) []T {
	out := slices.Concat(a, b)
	slices.SortFunc(out, func(x, y T) int {
		e, f := x.entry(), y.entry()
		return cmp.Or(cmp.Compare(e.digest, f.digest), cmp.Compare(e.commit, f.commit), e.time.Compare(f.time))
	})
	return slices.CompactFunc(out, func(x, y T) bool {
		e, f := x.entry(), y.entry()
		return e.digest == f.digest && e.commit == f.commit
	})
}

// firstSeen returns the entry of an approval in the status. Without one the approval is as old as
// its commit, and at least as old as now.
func (s *Status) firstSeen(digest string, added CommitRef, now time.Time) FirstSeen {
	if s != nil {
		for _, f := range s.ApprovalFirstSeen {
			if f.Digest == digest && f.Commit == added.ID {
				return f
			}
		}
	}
	first := FirstSeen{Digest: digest, Commit: added.ID, Time: now}
	if !added.Time.IsZero() && added.Time.Before(now) {
		first.Time = added.Time
	}
	return first
}

// nextFirstSeen returns the entries of the declared approvals after a run. idle is true if the run
// could not use any approval.
func nextFirstSeen(before *Status, evidence map[string]*ApprovalEvidence, idle bool, now time.Time) []FirstSeen {
	var out []FirstSeen
	for digest, e := range evidence {
		if e.Added.ID == "" {
			continue
		}
		f := before.firstSeen(digest, e.Added, now)
		idle := idle || e.NoAnswer
		switch {
		case idle && f.IdleSince.IsZero():
			f.IdleSince = now
		case !idle && !f.IdleSince.IsZero():
			f.Idle, f.IdleSince = f.Idle+now.Sub(f.IdleSince), time.Time{}
		}
		out = append(out, f)
	}
	return MergeApprovalRecords(out, nil)
}

// idleSince returns the entries after a run that could not use any approval.
func idleSince(entries []FirstSeen, now time.Time) []FirstSeen {
	out := slices.Clone(entries)
	for i := range out {
		if out[i].IdleSince.IsZero() {
			out[i].IdleSince = now
		}
	}
	return out
}
