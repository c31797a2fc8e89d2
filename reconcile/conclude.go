package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// settle returns the ledger as the plan leaves it before anything is sent: renamed keys follow, people who returned or left without a
// call are noted, and what is released, or vanished and confirmed to be gone, is dropped.
func settle(ledger *Ledger, plan *Plan, gone missing, now time.Time) *Ledger {
	l := ledger.Clone()
	if plan.Mode == ModePaused || plan.Mode == ModeNeverEnabled {
		return l
	}
	for key, old := range plan.linking.Moved {
		l.Groups[key] = l.Groups[old]
		delete(l.Groups, old)
	}
	for key, owned := range l.Users {
		have, left := plan.linking.State.Users[key], plan.target.Left[key]
		wanted := left == "" && plan.target.State.Users[key] != nil
		switch {
		case wanted && have != nil && owned.LeftScopeAt != nil && have.Active():
			owned.LeftScopeAt = nil
			l.Users[key] = owned
		case have != nil && left == leavingDeactivated && owned.LeftScopeAt == nil && !have.Active():
			owned.LeftScopeAt = &now
			l.Users[key] = owned
		case gone.users[key]:
			delete(l.Users, key)
		}
	}
	shrinking := map[string]bool{}
	for i := range plan.Changes {
		if c := &plan.Changes[i]; c.Kind == RemoveMember {
			shrinking[c.Key] = true
		}
	}
	for key, owned := range l.Groups {
		if owned.MembersUndecided && !shrinking[key] { // whoever was in it before is wanted, or gone
			owned.MembersUndecided = false
			l.Groups[key] = owned
		}
		if gone.groups[key] {
			delete(l.Groups, key)
		}
	}
	if plan.Mode == ModeEnabled {
		for _, key := range plan.target.ReleasedUsers {
			delete(l.Users, key)
		}
		for _, key := range plan.target.ReleasedGroups {
			delete(l.Groups, key)
		}
	}
	return l
}

// missing are objects of ours that nobody wants any more and that the directory does not have.
type missing struct{ users, groups map[string]bool }

// confirmGone looks for what the ledger has, a listing had not, and nobody wants. Only what is not found a second time is gone: a ledger
// that forgets somebody who waits for deletion on the word of one listing leaves them in AWS for ever. Groups that are no longer pushed were
// not listed; they are released.
func (s *session) confirmGone(ctx context.Context) missing {
	plan, gone := s.out.Plan, missing{map[string]bool{}, map[string]bool{}}
	if plan.Mode == ModePaused || plan.Mode == ModeNeverEnabled {
		return gone
	}
	for key := range s.past.Ledger.Users {
		if plan.linking.State.Users[key] == nil && plan.target.State.Users[key] == nil {
			_, found, err := s.dir.UserByExternalID(ctx, key)
			gone.users[key] = err == nil && !found
		}
	}
	renamed := map[string]bool{} // by their earlier keys
	for _, old := range plan.linking.Moved {
		renamed[old] = true
	}
	for key := range s.past.Ledger.Groups {
		switch {
		case renamed[key] || plan.linking.State.Groups[key] != nil || plan.target.State.Groups[key] != nil:
		case !s.provisioner.PushGroups:
			gone.groups[key] = plan.Mode == ModeEnabled
		default:
			_, found, err := s.dir.GroupByExternalID(ctx, key)
			gone.groups[key] = err == nil && !found
		}
	}
	return gone
}

// report sums a run up. stopped is what ended it early, or nil.
func (s *session) report(results []Done, stopped error) *Report {
	plan := s.out.Plan
	r := s.blankReport()
	r.Digest, r.Changes, r.Counts, r.Warnings = plan.Digest, results, plan.Counts, plan.Notices
	r.Approvals, r.Violations, r.CachedRead = plan.Approvals, plan.Violations, plan.CachedRead
	r.HeldDigest = heldAtTheEnd(plan, results)
	r.count()
	r.Outcome = r.judge()
	if stopped != nil {
		r.Errors = append(r.Errors, stopped.Error())
		switch {
		case errors.Is(stopped, ErrNeedsAuthorization):
			r.Outcome = RunNeedsAuthorization
		case errors.Is(stopped, ErrUnauthorized):
			r.Outcome = RunFailed
		case errors.Is(stopped, context.Canceled), errors.Is(stopped, ErrSuperseded), errors.Is(stopped, ErrLeaseLost):
			r.Outcome = RunInterrupted
		default:
			r.Outcome = RunFailed
		}
	}
	return r
}

func (s *session) blankReport() *Report {
	return &Report{Version: 1, Run: s.id(), Provisioner: s.provisioner.Key, Identity: s.provisioner.Identity(), Trigger: s.req.Trigger,
		Commit: s.req.Commit, Started: s.started, Finished: s.now(), Changes: []Done{}, RosterVersion: s.Version}
}

// heldAtTheEnd is the digest of what is held, with the ids that the run has assigned.
func heldAtTheEnd(plan *Plan, results []Done) string {
	var held []Change
	for i := range results {
		if results[i].Result == ResultHeld {
			held = append(held, results[i].Change)
		}
	}
	if len(held) == 0 {
		return ""
	}
	return digest(plan.Identity, held, func(*Change) bool { return true })
}

func (r *Report) count() {
	c := &r.Counts
	c.Done, c.Held, c.Skipped, c.Failed, c.Waiting, c.Unknown = 0, 0, 0, 0, 0, 0
	for i := range r.Changes {
		switch r.Changes[i].Result {
		case ResultDone:
			c.Done++
		case ResultHeld:
			c.Held++
		case ResultSkipped:
			c.Skipped++
		case ResultFailed:
			c.Failed++
		case ResultWaiting:
			c.Waiting++
		case ResultUnknown:
			c.Unknown++
		}
	}
}

// judge names the run after its worst part.
func (r *Report) judge() Outcome {
	c := r.Counts
	switch {
	case c.Failed+c.Skipped+c.Unknown > 0:
		return RunPartial
	case c.Held+c.Waiting > 0:
		return RunHeld
	case c.Done > 0:
		return RunApplied
	}
	return RunInSync
}

// conclude publishes the report with what follows from it.
func (s *session) conclude(ctx context.Context, r *Report, ledger *Ledger) error {
	status := s.status(r, ledger)
	r.Changes = s.veil.done(r.Changes)
	s.out.Report = r
	// A stopped run still owes its report.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	receipt, err := s.Audit.Conclude(ctx, Conclusion{Report: r, Ledger: ledger, Status: status, TrustBranch: s.trusts()})
	if err != nil {
		if s.Memory != nil {
			s.Memory.Keep(s.provisioner.Key, nil)
		}
		return fmt.Errorf("publish the report: %w", err)
	}
	s.out.Receipt = receipt
	s.keep(r.Run, receipt)
	return nil
}

// trusts reports whether somebody has approved what the audit gate held: from here on the branch is trusted again.
func (s *session) trusts() bool {
	return s.past.DistrustReason != "" && s.out.Plan != nil && slices.ContainsFunc(s.out.Plan.overruled, func(h Hold) bool { return h.Gate == "audit" })
}

// status follows from the report and the status before it.
func (s *session) status(r *Report, ledger *Ledger) *Status {
	st := &Status{Version: 1, Provisioner: r.Provisioner, Identity: r.Identity, Run: r.Run, Outcome: r.Outcome, Commit: r.Commit,
		Finished: r.Finished, Digest: r.Digest, HeldDigest: r.HeldDigest}
	if before := s.past.Status; before != nil {
		st.LastApplied, st.EverEnabled, st.AdoptionDecided = before.LastApplied, before.EverEnabled, before.AdoptionDecided
		st.AuthFingerprint = before.AuthFingerprint
		st.UsedApprovals, st.ApprovalFirstSeen = maps.Clone(before.UsedApprovals), before.ApprovalFirstSeen
		for _, removal := range before.Removals {
			if r.Finished.Sub(removal.Time) < 24*time.Hour {
				st.Removals = append(st.Removals, removal)
			}
		}
	}
	st.Removals = append(st.Removals, r.removals()...)
	if plan := s.out.Plan; plan != nil && r.Run == s.runID {
		st.EverEnabled = st.EverEnabled || plan.Mode == ModeEnabled
		st.AdoptionDecided = st.AdoptionDecided || plan.Mode == ModeEnabled && len(r.Errors) == 0 && !slices.ContainsFunc(r.Changes, heldAtContact)
		st.AuthFingerprint = AuthFingerprint(s.provisioner)
		st.ApprovalFirstSeen, st.Deprovisioned = seen(st.ApprovalFirstSeen, s.req.Declarations.Approvals, s.started), s.retired(r, ledger)
		if len(r.Errors) == 0 && r.complete() && !plan.removed {
			st.LastApplied = &AppliedAt{Commit: r.Commit.ID, Time: s.started}
		}
		for _, approved := range plan.Approvals {
			if !r.carried(approved.Digest) {
				continue
			}
			if st.UsedApprovals == nil {
				st.UsedApprovals = map[string]time.Time{}
			}
			st.UsedApprovals[approved.Digest] = r.Finished
		}
	}
	return st
}

func heldAtContact(d Done) bool {
	return slices.ContainsFunc(d.Held, func(h Hold) bool { return h.Gate == "firstContact" })
}

// carried reports whether everything that an approval released is done: until then it goes on counting.
func (r *Report) carried(approval string) bool {
	return !slices.ContainsFunc(r.Changes, func(d Done) bool { return d.Approval == approval && d.Result != ResultDone })
}

// complete reports whether every intended change is done; drift never keeps the status back.
func (r *Report) complete() bool {
	return !slices.ContainsFunc(r.Changes, func(d Done) bool { return d.Origin == Intended && d.Result != ResultDone })
}

// removals counts what the run took away without an approval, for the gates that look back 24 hours.
func (r *Report) removals() []Removal {
	users, groups := 0, map[string]int{}
	for i := range r.Changes {
		d := &r.Changes[i]
		if d.Result != ResultDone && d.Result != ResultUnknown || d.Approval != "" { // what had a word does not count against the next
			continue
		}
		switch d.Kind {
		case DeactivateUser, DeleteUser:
			users++
		case RemoveMember:
			groups[d.Key]++
		}
	}
	var out []Removal
	if users > 0 {
		out = append(out, Removal{Time: r.Finished, Count: users})
	}
	for _, key := range sortedKeys(groups) {
		out = append(out, Removal{Time: r.Finished, Group: key, Count: groups[key]})
	}
	return out
}

// concludeFailure reports a run that came to no plan.
func (s *session) concludeFailure(ctx context.Context, failure error) error {
	r := s.blankReport()
	r.Outcome = RunFailed
	if errors.Is(failure, ErrNeedsAuthorization) {
		r.Outcome = RunNeedsAuthorization
	}
	r.Errors = []string{failure.Error()}
	return s.conclude(ctx, r, s.past.Ledger)
}

// Refuse reports that a commit's declarations are invalid, in the chain of a provisioner that an earlier commit declared. Nothing is
// read or sent.
func (r *Runner) Refuse(ctx context.Context, p *schema.Provisioner, commit CommitRef, trigger string, problems error) (*RunResult, error) {
	past, err := r.Audit.Past(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read what earlier runs left: %w", err)
	}
	s := &session{Runner: r, req: Request{Provisioner: p.Key, Commit: commit, Trigger: trigger, Apply: true}, provisioner: p, past: past,
		started: r.now(), out: &RunResult{}}
	s.memory = r.recall(p, past)
	if past.Interrupted != nil {
		return s.out, nil // the next valid run completes that one; its report must come first
	}
	return s.out, s.concludeFailure(ctx, problems)
}
