package apply

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Input is a plan with what it takes to apply it.
type Input struct {
	Directory reconcile.Directory
	Journal   Journal
	Plan      *reconcile.Plan
	Ledger    *reconcile.Ledger // updated as writes succeed
	Attempt   reconcile.Attempt // the run, for the journal and the ledger
	Now       func() time.Time
	Workers   int                   // number of concurrent calls
	Grace     time.Duration         // how long calls in flight may take after a stop
	Progress  func(done, total int) // number of writes; may be nil
	// Cautious is set if the directory refused all writes before: the first write is sent alone,
	// and its refusal ends the run.
	Cautious bool
	// RefusalTime is how long the directory may take to refuse a call. Among the writes in flight,
	// only two may be younger. 0 means that only two writes are in flight.
	RefusalTime time.Duration
	// Probe makes one harmless read after a write was refused, to find out whether the directory
	// refuses everything. It gets the refused change. Nil makes no read.
	Probe func(context.Context, reconcile.Ref) error
	// CheckLease returns why nothing more may be sent. It is called before each request. Nil allows
	// all requests.
	CheckLease func() error
}

// Apply sends what the plan releases. The error is what stopped the whole run, for example a
// reconcile.RefusedError; the result is complete either way.
func Apply(ctx context.Context, in Input) (*reconcile.ApplyResult, error) {
	a := newApplier(in)
	a.admission = newAdmission(ctx, in)
	defer a.admission.close()
	err := a.apply(ctx)
	return a.result, err
}

// Nothing returns the result of a plan that releases no change.
func Nothing(in Input) *reconcile.ApplyResult { return newApplier(in).result }

// applier sends the released changes of one plan. Each of them ends done, failed or skipped.
type applier struct {
	dir          reconcile.Directory
	journal      Journal
	plan         *reconcile.Plan
	dependencies *reconcile.Dependencies
	by           reconcile.Attempt
	now          func() time.Time
	workers      int
	grace        time.Duration
	checkLease   func() error // nil: there is no lease
	progress     func(done, total int)
	admission    *admission

	mu       sync.Mutex
	result   *reconcile.ApplyResult
	groupIDs map[string]string
	sequence int
	ended    int // number of writes that have ended
	expected int // number of writes in all, as far as known
}

// Journal records each write before and after it; see reconcile.Audit.
type Journal interface {
	BeginWrites(...reconcile.Entry) error
	EndWrite(reconcile.Entry) error
}

// write is one call to the directory, with the changes that it makes: one change of a user or
// group, or of a group with memberships of the same group, additions first.
type write struct {
	changes []int // indexes into the plan
	needs   []int // writes of the same stage that must succeed first
	follows []int // writes of the same stage that must end first
	// takesAccess is set if a change of the write does.
	takesAccess bool
}

// apply sends what the plan releases. Each stage builds its writes when it starts, from what has
// succeeded until then.
func (a *applier) apply(ctx context.Context) error {
	for stage := range reconcile.Stages {
		writes := a.stageWrites(stage)
		a.expected = a.ended + a.remaining()
		a.reportProgress()
		a.runStage(ctx, writes)
		if a.stopped() != nil {
			break
		}
	}
	err := a.stopped()
	a.expected = a.ended // no more writes are sent
	a.reportProgress()
	for i := range a.result.Changes {
		d := &a.result.Changes[i]
		a.identify(d) // an approval of a held change names the id that the next plan has
		if d.Result == "" {
			d.Result = reconcile.ResultSkipped
			if err != nil {
				d.Error = "not sent: " + err.Error()
			}
		}
	}
	return err
}

func newApplier(in Input) *applier {
	a := &applier{
		dir:          in.Directory,
		journal:      in.Journal,
		plan:         in.Plan,
		dependencies: reconcile.NewDependencies(in.Plan.Changes),
		by:           in.Attempt,
		now:          in.Now,
		workers:      in.Workers,
		grace:        in.Grace,
		checkLease:   in.CheckLease,
		progress:     in.Progress,
		groupIDs:     map[string]string{},
		result:       reconcile.NewApplyResult(in.Plan, in.Ledger),
	}
	for key, g := range in.Plan.Linking.State.Groups {
		a.groupIDs[key] = g.ID
	}
	return a
}

// stopped returns why nothing more may be sent, or nil.
func (a *applier) stopped() error { return context.Cause(a.admission.ctx) }

// runStage sends the writes of a stage, each as soon as the writes that it waits for have ended. It
// begins writes in the journal while earlier ones wait for an answer: as many at once as there may
// be calls, because bringing them to disk takes the same time for one as for many. There are more
// senders than calls, because some write to the journal that a write has ended. The directory's
// limiter bounds the calls.
func (a *applier) runStage(ctx context.Context, writes []write) {
	if len(writes) == 0 {
		return
	}
	for i := range writes {
		w := &writes[i]
		w.takesAccess = slices.ContainsFunc(w.changes, func(j int) bool { return a.plan.Changes[j].Kind.TakesAccess() })
	}
	s := newSchedule(writes)
	var workers sync.WaitGroup
	workers.Go(func() {
		defer s.close()
		for batch := s.next(a.workers); len(batch) > 0; batch = s.next(a.workers) {
			a.begin(s, batch)
		}
	})
	for range max(1, min(a.workers+a.workers/2, len(writes))) {
		workers.Go(func() {
			for i, entry, ok := s.nextBegun(); ok; i, entry, ok = s.nextBegun() {
				s.ended(i, a.attempt(ctx, &writes[i], entry))
			}
		})
	}
	workers.Wait()
}

// begin brings the beginnings of writes to disk, and hands the writes out to be sent. Those end
// that need a write which failed, and all if the journal cannot be written.
func (a *applier) begin(s *schedule, batch []int) {
	var begun []int
	var entries []reconcile.Entry
	for _, i := range batch {
		w := &s.writes[i]
		switch {
		case a.stopped() != nil:
		case s.failed(i):
			a.finish(w, reconcile.ResultSkipped, "a change it depends on failed", reconcile.CallReceipt{}, 0)
		case a.admission.denies(&a.plan.Changes[w.changes[0]]):
			a.finish(w, reconcile.ResultSkipped, "AWS has refused a change of the same object",
				reconcile.CallReceipt{}, 0)
		default:
			begun, entries = append(begun, i), append(entries, a.entry(w))
			continue
		}
		s.ended(i, false)
	}
	if len(entries) == 0 {
		return
	}
	err := a.journal.BeginWrites(entries...)
	if err != nil {
		a.admission.stop(fmt.Errorf("write the journal: %w", err))
	}
	for k, i := range begun {
		if err != nil {
			s.ended(i, false)
		} else {
			s.begin(i, entries[k])
		}
	}
}

// attempt sends one write that the journal has begun, and ends it there. It reports whether the
// write succeeded.
func (a *applier) attempt(ctx context.Context, w *write, entry reconcile.Entry) bool {
	receipt, took, err := a.call(ctx, w)
	switch {
	case err == nil:
		a.finish(w, reconcile.ResultDone, "", receipt, took)
		a.recordOwnership(w)
	case errors.Is(err, reconcile.ErrNotSent):
		a.finish(w, reconcile.ResultSkipped, err.Error(), receipt, 0)
	default:
		a.finish(w, a.markUncertain(w, err), explainConflict(&a.plan.Changes[w.changes[0]], err), receipt, took)
	}
	entry.Ended, entry.Time, entry.Changes = true, a.now(), a.collect(w)
	if err := a.journal.EndWrite(entry); err != nil {
		a.admission.stop(fmt.Errorf("write the journal: %w", err))
	}
	return err == nil
}

// call sends a write as soon as it is admitted. A write that came back because another one was
// refused waits again. The error is ErrNotSent if nothing more may be sent.
func (a *applier) call(ctx context.Context, w *write) (reconcile.CallReceipt, time.Duration, error) {
	if !a.sendsRequest(w) {
		receipt, err := a.send(ctx, w)
		return receipt, 0, err
	}
	for {
		t, ok := a.admission.enter()
		if !ok {
			return reconcile.CallReceipt{}, 0, fmt.Errorf("%w: %w", reconcile.ErrNotSent, a.stopped())
		}
		call, cancel := inFlight(ctx, a.grace)
		began := a.now()
		receipt, err := a.send(reconcile.WithSending(call, a.whileLeased(t.sending)), w)
		cancel()
		took := a.now().Sub(began)
		a.admission.exit(t, &a.plan.Changes[w.changes[0]], err)
		if !errors.Is(err, reconcile.ErrNotSent) || a.stopped() != nil {
			return receipt, took, err
		}
	}
}

// markUncertain records that a failed write may have taken effect, if its error leaves that open.
// It returns the result of its changes.
func (a *applier) markUncertain(w *write, err error) reconcile.Result {
	if !errors.Is(err, reconcile.ErrUncertain) && !errors.Is(err, context.Canceled) &&
		!errors.Is(err, context.DeadlineExceeded) {
		return reconcile.ResultFailed
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range w.changes {
		a.result.Uncertain[i] = true
		a.result.Ledger.RecordUncertain(&a.plan.Changes[i], a.by, a.now())
	}
	return reconcile.ResultUnknown
}

// explainConflict returns the text of an error. If a unique name is taken, it says what that means
// and what happens next, because AWS does not.
func explainConflict(c *reconcile.Change, err error) string {
	if !errors.Is(err, fs.ErrExist) || !c.TakesName() {
		return err.Error()
	}
	what := "displayName or externalId"
	if c.Kind.OfUser() {
		what = "userName, email address or externalId (AWS does not say which; SCIM cannot look up email addresses)"
	}
	return fmt.Sprintf("%v: another object took the %s after the directory was read; the next run will retry", err,
		what)
}

// inFlight returns the context of a call that has started. It outlives a stop by the grace time, so
// that the answer of the call is not lost.
func inFlight(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return call, func() { unhook(); cancel() }
}

// entry returns the journal entry before a write.
func (a *applier) entry(w *write) reconcile.Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sequence++
	e := reconcile.Entry{Run: a.by.Run, Provisioner: a.plan.Provisioner, Seq: a.sequence, Time: a.now(),
		Changes: make([]reconcile.Done, 0, len(w.changes))}
	for _, i := range w.changes {
		e.Changes = append(e.Changes, a.result.Changes[i])
	}
	return e
}

// collect returns the changes of a write with their results.
func (a *applier) collect(w *write) []reconcile.Done {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]reconcile.Done, 0, len(w.changes))
	for _, i := range w.changes {
		out = append(out, a.result.Changes[i])
	}
	return out
}

// finish sets the result of the changes of a write.
func (a *applier) finish(w *write, result reconcile.Result, text string, receipt reconcile.CallReceipt,
	took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range w.changes {
		d := &a.result.Changes[i]
		d.Result, d.Error, d.RequestID, d.Duration = result, text, receipt.RequestID, took
		a.identify(d)
	}
	a.ended++
	a.expected = max(a.expected, a.ended)
	a.reportProgress()
}

func (a *applier) reportProgress() {
	if a.progress != nil {
		a.progress(a.ended, a.expected)
	}
}

// remaining returns the number of writes that the changes without a result take: one for each, but
// MaxMembers memberships of a group share one write, and that of the group's groups change.
func (a *applier) remaining() int {
	n := 0
	groups, members := map[string]int{}, map[string]int{} // by group
	for i := range a.plan.Changes {
		switch c := &a.plan.Changes[i]; {
		case a.result.Changes[i].Result != "":
		case c.Member != "":
			members[c.Key]++
			groups[c.Key] += 0
		case c.Kind.OfUser(), c.Kind.Info().Stage == reconcile.StageGroupDeletions:
			n++
		default:
			groups[c.Key]++
		}
	}
	for key, k := range groups {
		n += max(k, (members[key]+reconcile.MaxMembers-1)/reconcile.MaxMembers)
	}
	return n
}

// identify sets the id of a change whose object this run created.
func (a *applier) identify(d *reconcile.Done) {
	switch {
	case d.ID != "":
	case d.Kind.OfUser():
		d.ID = a.result.UserIDs[d.Key]
	default:
		d.ID = a.groupIDs[d.Key]
	}
}

// recordOwnership updates the ledger with the objects that a write made managed or unmanaged.
func (a *applier) recordOwnership(w *write) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range w.changes {
		if d := &a.result.Changes[i]; d.Member == "" {
			a.result.Ledger.Record(d.Change, d.ID, a.plan.Target.Leavers[d.Key], a.now())
		}
	}
}

// skip skips a change because a change that it depends on was not applied.
func (a *applier) skip(i int) {
	d := &a.result.Changes[i]
	d.Result, d.Error = reconcile.ResultSkipped, "a change it depends on was not applied"
}
