package reconcile

import (
	"maps"
	"slices"
	"time"
)

// InterruptedRun is a run that ended before it had sent all its changes: its process or machine
// died. What the run was allowed is not held again. It is recomputed from the commit and the start
// of the run, with the counters and the approvals of that time.
type InterruptedRun struct {
	Attempt
	// UsedApprovals are the approvals that released changes of the run.
	UsedApprovals []ApprovalUse `json:"usedApprovals,omitempty"`
	// Removals are the removals in the status that the run made.
	Removals []Removal `json:"removals,omitempty"`
	// Sent are the changes that the run sent and that take access, also those without an answer.
	// They were allowed once: who has the access again has it from others.
	Sent []SentChange `json:"sent,omitempty"`
}

// SentChange identifies a change that an interrupted run sent.
type SentChange struct {
	Kind   Kind   `json:"kind"`
	Key    string `json:"key"`
	Member string `json:"member,omitempty"`
}

// Interrupted returns the interrupted run of an intent. report is that of the run; nil if there is
// none.
func (in *Intent) Interrupted(report *Report) InterruptedRun {
	run := InterruptedRun{Attempt: in.Attempt(), UsedApprovals: in.UsedApprovals}
	if report != nil {
		run.Removals, run.Sent = report.removals(), report.sentRemovals()
	}
	return run
}

// sentRemovals returns the changes that were sent and that take access.
func (r *Report) sentRemovals() []SentChange {
	var out []SentChange
	for i := range r.Changes {
		d := &r.Changes[i]
		if d.Kind.TakesAccess() && (d.Result == ResultDone || d.Result == ResultUnknown) {
			out = append(out, SentChange{d.Kind, d.Key, d.Member})
		}
	}
	return out
}

// MergeInterrupted returns the runs of both lists, the oldest first. Of two entries of a run the
// first stays.
func MergeInterrupted(a, b []InterruptedRun) []InterruptedRun {
	out := slices.Clone(a)
	for _, run := range b {
		if !slices.ContainsFunc(out, func(o InterruptedRun) bool { return o.Run == run.Run }) {
			out = append(out, run)
		}
	}
	slices.SortStableFunc(out, func(a, b InterruptedRun) int { return a.Started.Compare(b.Started) })
	return out
}

// Before returns the status as an interrupted run found it: without the removals and the used
// approvals of that run.
func (s *Status) Before(run InterruptedRun) *Status {
	if s == nil {
		return nil
	}
	out := *s
	out.Interrupted = nil
	out.Removals = slices.DeleteFunc(slices.Clone(s.Removals), func(r Removal) bool {
		return slices.ContainsFunc(run.Removals, func(o Removal) bool {
			return r.Group == o.Group && r.Count == o.Count && r.Time.Equal(o.Time)
		})
	})
	out.UsedApprovals = run.WithoutUses(s.UsedApprovals)
	return &out
}

// WithoutUses returns uses of approvals without those of the run.
func (run InterruptedRun) WithoutUses(uses []ApprovalUse) []ApprovalUse {
	return slices.DeleteFunc(slices.Clone(uses), func(u ApprovalUse) bool {
		used := FindUse(run.UsedApprovals, u.Digest, u.Commit)
		return used != nil && used.Time.Equal(u.Time)
	})
}

// LostRun returns the interrupted run of an intent without a report; false if the run cannot have
// started when the intent says so. Other writers of the branch may have planted the intent: it must
// not move the counters or the ends of approvals, nor return an approval that was used before.
func (in *Intent) LostRun(status *Status, now time.Time) (InterruptedRun, bool) {
	run := in.Interrupted(nil)
	inTime := !in.Started.After(now.Add(clockTolerance))
	if status == nil {
		return run, inTime
	}
	run.UsedApprovals = slices.DeleteFunc(slices.Clone(run.UsedApprovals), func(u ApprovalUse) bool {
		return FindUse(status.UsedApprovals, u.Digest, u.Commit) != nil
	})
	return run, inTime && !in.Started.Before(status.Finished)
}

// InterruptedInput is what the plan of an interrupted run is made from. The observed directory, the
// ledger and the evidence are those of the run that continues it.
type InterruptedInput struct {
	Run     InterruptedRun
	Plan    PlanInput
	Reviews *ReviewHistory
}

// With returns the input with what another run has observed. allowed is what earlier interrupted
// runs were allowed.
func (i InterruptedInput) With(in PlanInput, allowed Allowed) PlanInput {
	out := i.Plan
	out.Observed, out.Ledger, out.Evidence = in.Observed, in.Ledger, in.Evidence
	out.Trust, out.Unproved, out.LostRun, out.Allowed = in.Trust, in.Unproved, in.LostRun, allowed
	out.Reviewed = i.Reviews.Reviewed(out)
	return out
}

// Allowed are the effects of changes that interrupted runs were allowed.
type Allowed map[effect]allowance

// allowance is what allowed an effect.
type allowance struct{ run, approval string }

// Allowed returns what an interrupted run with this plan is allowed: its intended changes, and
// those that approvals released. Drift may be newer than the run, and so may be what it sent.
func (p *Plan) Allowed(run InterruptedRun) Allowed {
	out, sent := Allowed{}, map[SentChange]bool{}
	for _, s := range run.Sent {
		sent[s] = true
	}
	for i := range p.Changes {
		c := &p.Changes[i]
		if !c.Released() || c.Origin != Intended && c.Approval() == "" || sent[SentChange{c.Kind, c.Key, c.Member}] {
			continue
		}
		for _, e := range c.normalizedEffects() {
			out[e] = allowance{run.Run, c.Approval()}
		}
	}
	return out
}

// covers returns what allowed a change; false if a part of the change was not allowed.
func (a Allowed) covers(c *Change) (by allowance, ok bool) {
	effects := c.normalizedEffects()
	for _, e := range effects {
		if by, ok = a[e]; !ok {
			return allowance{}, false
		}
	}
	return by, len(effects) > 0
}

// continueInterrupted releases the held changes that interrupted runs were allowed, except those
// that no approval releases.
func (p *Plan) continueInterrupted(allowed Allowed) {
	if len(allowed) == 0 {
		return
	}
	counts := map[string]int{}
	for _, i := range p.releaseHeld(func(c *Change) (string, bool) {
		by, ok := allowed.covers(c)
		return by.approval, ok
	}) {
		by, _ := allowed.covers(&p.Changes[i])
		counts[by.run]++
	}
	for _, run := range slices.Sorted(maps.Keys(counts)) {
		p.AddNotice("run %s was interrupted before it had sent everything; not held again, because it was allowed: %s",
			run, CountChanges(counts[run]))
	}
}
