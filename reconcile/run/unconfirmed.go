package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// resolveUnconfirmed looks up the objects of creations and adoptions that had no valid response.
// What AWS has enters the ledger, before the run plans. A failed lookup changes nothing. The lines
// of the report are in the state. resolveUnconfirmed connects to the directory only if there are
// such objects. It fails only if the run cannot go on.
func (r *Runner) resolveUnconfirmed(ctx context.Context, s runState, dir reconcile.Directory) (
	runState, reconcile.Directory, error,
) {
	refs := s.audit.Ledger.UnconfirmedRefs()
	if len(refs) == 0 || s.audit.Trust.Broken() {
		return s, dir, nil
	}
	if dir == nil {
		var err error
		if dir, err = r.connect(ctx, s); err != nil {
			return s, nil, err
		}
	}
	answers, err := lookUpKeys(ctx, dir, refs, len(s.audit.Ledger.Users), len(s.audit.Ledger.Groups))
	if err != nil {
		return s, dir, fmt.Errorf("look up what runs without a response may have created: %w", err)
	}
	if err := r.proveFound(ctx, s, answers); err != nil {
		return s, dir, err
	}
	audit := *s.audit
	audit.Ledger, s.audit = audit.Ledger.Clone(), &audit
	s.resolved = nil
	for _, ref := range refs {
		if line, ok := audit.Ledger.Resolve(ref, answers[ref], s.started); ok {
			s.resolved = append(s.resolved, line)
		}
	}
	return s, dir, nil
}

// takeOver records what the runs of other machines without a report may have created as
// unconfirmed. Their intents are not proved: other writers of the branch may have planted them.
func (s runState) takeOver() runState {
	if len(s.audit.OpenIntents) == 0 || s.audit.Trust.Broken() {
		return s
	}
	audit := *s.audit
	audit.Ledger, audit.Unproved.Unconfirmed = audit.Ledger.Clone(), maps.Clone(audit.Unproved.Unconfirmed)
	if audit.Unproved.Unconfirmed == nil {
		audit.Unproved.Unconfirmed = map[string]bool{}
	}
	for i := range audit.OpenIntents {
		intent := &audit.OpenIntents[i]
		for _, ref := range audit.Ledger.TakeOver(intent) {
			audit.Unproved.Unconfirmed[ref] = true
			s.resolved = append(s.resolved, audit.Ledger.Unconfirmed[ref].NotLookedUp(ref))
		}
		s.takenOver = append(s.takenOver, intent.Run)
	}
	s.audit = &audit
	return s
}

// lostRun returns the oldest run of another machine without a report; nil if there is none.
func (s runState) lostRun() *reconcile.Intent {
	if len(s.audit.OpenIntents) == 0 {
		return nil
	}
	return &s.audit.OpenIntents[0]
}

// lookUpKeys looks up objects by externalId. Where single lookups would take more calls than a
// listing, it lists all objects. The error is why no further call makes sense.
func lookUpKeys(ctx context.Context, dir reconcile.Directory, refs []string, users, groups int) (
	map[string]reconcile.LookupResult, error,
) {
	out := make(map[string]reconcile.LookupResult, len(refs))
	byKind := map[string][]string{}
	for _, ref := range refs {
		kind, _ := reconcile.ObjectKey(ref)
		byKind[kind] = append(byKind[kind], ref)
	}
	for _, kind := range []string{"user", "group"} {
		find, known := finderOf(dir, kind), map[string]int{"user": users, "group": groups}[kind]
		if n := len(byKind[kind]); n > 1+(known+n)/pageSize {
			found, err := listKeys(ctx, dir, kind)
			find = func(_ context.Context, key string) (reconcile.LookupResult, error) { return found[key], err }
		}
		for _, ref := range byKind[kind] {
			_, key := reconcile.ObjectKey(ref)
			answer, err := find(ctx, key)
			if reconcile.RefusalOf(err) != nil || ctx.Err() != nil {
				return nil, errors.Join(err, ctx.Err())
			}
			answer.Err = err
			out[ref] = answer
		}
	}
	return out, nil
}

// pageSize is the number of objects of a page of a listing.
const pageSize = 100

// finderOf returns the function that looks up one object of a kind by externalId.
func finderOf(dir reconcile.Directory, kind string) func(context.Context, string) (reconcile.LookupResult, error) {
	if kind == "user" {
		return func(ctx context.Context, key string) (reconcile.LookupResult, error) {
			u, ok, err := dir.UserByExternalID(ctx, key)
			if err != nil || !ok {
				return reconcile.LookupResult{}, err
			}
			return userResult(u), nil
		}
	}
	return func(ctx context.Context, key string) (reconcile.LookupResult, error) {
		g, ok, err := dir.GroupByExternalID(ctx, key)
		if err != nil || !ok {
			return reconcile.LookupResult{}, err
		}
		return groupResult(g), nil
	}
}

func userResult(u reconcile.RemoteUser) reconcile.LookupResult {
	return reconcile.LookupResult{ID: u.ID, Name: u.UserName(), Created: u.Created}
}

func groupResult(g reconcile.RemoteGroup) reconcile.LookupResult {
	return reconcile.LookupResult{ID: g.ID, Name: g.DisplayName, Created: g.Created}
}

// listKeys lists all objects of a kind by externalId. A listing that did not end has no answers.
func listKeys(ctx context.Context, dir reconcile.Directory, kind string) (map[string]reconcile.LookupResult, error) {
	out := map[string]reconcile.LookupResult{}
	if kind == "user" {
		for u, err := range dir.Users(ctx) {
			if err != nil {
				return nil, fmt.Errorf("list users: %w", err)
			}
			if key := u.ExternalID(); key != "" {
				out[key] = userResult(u)
			}
		}
		return out, nil
	}
	for g, err := range dir.Groups(ctx) {
		if err != nil {
			return nil, fmt.Errorf("list groups: %w", err)
		}
		if g.ExternalID != "" {
			out[g.ExternalID] = groupResult(g)
		}
	}
	return out, nil
}

// unsettled returns the lines of the report about unconfirmed objects: those that were found, and
// those that the ledger after the run still has.
func (s runState) unsettled(ledger *reconcile.Ledger) []reconcile.Done {
	return slices.DeleteFunc(slices.Clone(s.resolved), func(d reconcile.Done) bool {
		_, open := ledger.Unconfirmed[d.ObjectRef()]
		return d.Result != reconcile.ResultDone && !open
	})
}

// proveFound sets why it is not proved that roster owns an object that was found. An entry that
// other writers of the audit branch added or changed needs the evidence that an unproved entry of
// the ledger needs.
func (r *Runner) proveFound(ctx context.Context, s runState, answers map[string]reconcile.LookupResult) error {
	attempts := map[string]string{} // ref -> run
	for ref, answer := range answers {
		if answer.ID != "" && s.audit.Unproved.Unconfirmed[ref] {
			attempts[ref] = s.audit.Ledger.Unconfirmed[ref].Run
		}
	}
	if len(attempts) == 0 {
		return nil
	}
	found, err := r.provenances(ctx, s, reconcile.ProvenanceQuery{Attempts: attempts})
	if err != nil {
		return err
	}
	commits := map[string]*schema.Declarations{}
	for ref := range attempts {
		if len(found[ref]) == 0 {
			if found[ref], err = r.announced(ctx, s, ref, commits); err != nil {
				return err
			}
		}
		answer := answers[ref]
		answer.Unproved = s.audit.Ledger.Unconfirmed[ref].Unproved(ref, found[ref], answer.Created)
		answers[ref] = answer
	}
	return nil
}

// announced returns the provenance of an unconfirmed object whose run has no report yet: its intent
// announced the object. The intent cannot date itself back before the newest report.
func (r *Runner) announced(ctx context.Context, s runState, ref string, commits map[string]*schema.Declarations) (
	[]reconcile.Provenance, error,
) {
	u := s.audit.Ledger.Unconfirmed[ref]
	if !slices.Contains(s.takenOver, u.Run) {
		return nil, nil
	}
	p := u.Provenance(ref)
	if st := s.audit.Status; st != nil && st.Finished.After(p.Started) {
		p.Started = st.Finished
	}
	err := r.readProvenance(ctx, s, &p, commits)
	return []reconcile.Provenance{p}, err
}

// noteMissing adds to a plan what the lookups of managed objects left open that were not listed.
func noteMissing(plan *reconcile.Plan, missing reconcile.Missing, ledger *reconcile.Ledger) {
	if notice := missedNotice(plan.Entries(ledger).MissedCount()); notice != "" {
		plan.AddNotice("%s", notice)
	}
	if n := missing.Unlisted; n > 0 {
		plan.AddNotice("AWS did not list %s of the ledger that a lookup found; the next run decides about them",
			schema.Count(n, "object"))
	}
}

// unlistedAfter is the time until a run decides about objects that AWS has and did not list.
const unlistedAfter = time.Minute

// leaveOpen completes the outcome of a report, and returns when another run has to look at what
// this one left open; zero if it left nothing open.
func leaveOpen(report *reconcile.Report, missing reconcile.Missing, ledger *reconcile.Ledger, now time.Time) time.Time {
	at := report.NextLookup(ledger, now)
	if missing.Unlisted == 0 {
		return at
	}
	if report.Outcome == reconcile.RunInSync || report.Outcome == reconcile.RunApplied {
		report.Outcome = reconcile.RunWaiting
	}
	if soon := now.Add(unlistedAfter); at.IsZero() || soon.Before(at) {
		at = soon
	}
	return at
}

// missedNotice returns the notice about entries that wait for a second lookup; "" if there are
// none.
func missedNotice(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("AWS did not show 1 object of the ledger that is not declared any more; "+
			"roster looks again after %s before it forgets it", reconcile.ConfirmAfter)
	}
	return fmt.Sprintf("AWS did not show %d objects of the ledger that are not declared any more; "+
		"roster looks again after %s before it forgets them", n, reconcile.ConfirmAfter)
}
