package apply

import (
	"context"
	"errors"
	"fmt"
	"github.com/seed-d64a251c/roster/reconcile"
	"io/fs"
	"sync"
	"time"
)

// ApplyInput is a plan with all that is needed to apply it.
type Input struct {
	Directory reconcile.Directory
	Journal   Journal
	Plan      *reconcile.Plan
	Ledger    *reconcile.Ledger // updated as writes succeed
	Run       string            // id of the run, for the journal
	Now       func() time.Time
	Workers   int                   // calls under way at once
	Grace     time.Duration         // for calls in flight when the run is told to stop
	Progress  func(done, total int) // in writes; may be nil
}

// Apply sends what the plan releases. It returns an error only for what stopped the whole run; the result is complete either way.
func Apply(ctx context.Context, in Input) (*reconcile.ApplyResult, error) {
	a := newApplier(in)
	err := a.apply(ctx)
	return a.result, err
}

// ApplyNothing returns the result of a plan that releases no change.
func Nothing(in Input) *reconcile.ApplyResult { return newApplier(in).result }

// applier carries out the released changes of one plan. Each change ends done, failed or skipped; nothing is dropped.
type applier struct {
	dir      reconcile.Directory
	journal  Journal
	plan     *reconcile.Plan
	graph    *reconcile.Dependencies
	run      string
	now      func() time.Time
	workers  int
	grace    time.Duration
	progress func(done, total int)

	mu       sync.Mutex
	result   *reconcile.ApplyResult
	groupIDs map[string]string
	sequence int
	ended    int   // writes
	expected int   // writes, with those that have ended
	fatal    error // why nothing more is sent
}

// Journal is the part of Audit that encloses writes.
type Journal interface {
	Begin(reconcile.Entry) error
	End(reconcile.Entry) error
}

// write is one call to the directory, with the changes that it carries out.
type write struct {
	changes []int // indexes into the plan
	needs   []int // writes of the same stage that must have succeeded before
	follows []int // writes of the same stage that must have ended before
	do      func(ctx context.Context) (reconcile.CallReceipt, error)
}

// stages is the order in which writes are sent: all of one end before the next begins. Each builds its writes when its turn comes, from
// what has succeeded until then.
var stages = []func(*applier) []write{
	(*applier).userWrites,
	(*applier).groupWrites,
	(*applier).shrinkingGroupWrites,
	(*applier).deactivations,
	(*applier).groupDeletions,
	(*applier).userDeletions,
}

// apply sends what the plan releases.
func (a *applier) apply(ctx context.Context) error {
	for _, stage := range stages {
		writes := stage(a)
		a.expected = a.ended + a.remaining()
		a.reportProgress()
		a.runStage(ctx, writes)
		if a.stopped(ctx) != nil {
			break
		}
	}
	err := a.stopped(ctx)
	a.expected = a.ended // nothing more comes, whatever has become of the rest
	a.reportProgress()
	for i := range a.result.Changes {
		d := &a.result.Changes[i]
		a.identify(d) // what is held is approved by the ids that the next plan knows
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
	a := &applier{dir: in.Directory, journal: in.Journal, plan: in.Plan, graph: reconcile.NewDependencies(in.Plan.Changes), run: in.Run, now: in.Now,
		workers: in.Workers, grace: in.Grace, progress: in.Progress, groupIDs: map[string]string{}, result: reconcile.NewApplyResult(in.Plan, in.Ledger)}
	for key, g := range in.Plan.Linking.State.Groups {
		a.groupIDs[key] = g.ID
	}
	return a
}

// stopped returns why nothing more may be sent, or nil.
func (a *applier) stopped(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fatal != nil {
		return a.fatal
	}
	return context.Cause(ctx)
}

func (a *applier) stop(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fatal == nil {
		a.fatal = err
	}
}

// runStage runs writes with bounded concurrency, each as soon as what it waits for has ended. Half as many again write to the journal while
// the others' calls are under way: how many those are, the directory's limiter sees to.
func (a *applier) runStage(ctx context.Context, writes []write) {
	if len(writes) == 0 {
		return
	}
	s := newSchedule(writes)
	var workers sync.WaitGroup
	for range max(1, min(a.workers+a.workers/2, len(writes))) {
		workers.Go(func() {
			for {
				i, ok := s.next()
				if !ok {
					return
				}
				s.ended(i, a.attempt(ctx, &writes[i], s.failed(i)))
			}
		})
	}
	workers.Wait()
}

// attempt sends one write between its two journal entries and reports whether it succeeded.
func (a *applier) attempt(ctx context.Context, w *write, blocked bool) bool {
	if blocked {
		a.finish(w, reconcile.ResultSkipped, "what it stands on failed", reconcile.CallReceipt{}, 0)
		return false
	}
	if a.stopped(ctx) != nil {
		return false
	}
	entry := a.entry(w)
	if err := a.journal.Begin(entry); err != nil {
		a.stop(fmt.Errorf("write the journal: %w", err))
		return false
	}
	call, cancel := inFlight(ctx, a.grace)
	began := a.now()
	receipt, err := w.do(call)
	cancel()
	took := a.now().Sub(began)
	if err != nil {
		a.markUncertain(w, err)
		a.finish(w, reconcile.ResultFailed, explainConflict(&a.plan.Changes[w.changes[0]], err), receipt, took)
		if errors.Is(err, reconcile.ErrUnauthorized) {
			a.stop(err)
		}
	} else {
		a.finish(w, reconcile.ResultDone, "", receipt, took)
		a.recordOwnership(w)
	}
	entry.Ended, entry.Time, entry.Changes = true, a.now(), a.collect(w)
	if err := a.journal.End(entry); err != nil {
		a.stop(fmt.Errorf("write the journal: %w", err))
	}
	return err == nil
}

func (a *applier) markUncertain(w *write, err error) {
	if errors.Is(err, reconcile.ErrUncertain) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		a.mu.Lock()
		defer a.mu.Unlock()
		for _, i := range w.changes {
			a.result.Uncertain[i] = true
		}
	}
}

// explained says what a refusal means where AWS does not.
func explainConflict(c *reconcile.Change, err error) string {
	if !errors.Is(err, fs.ErrExist) || !c.TakesName() {
		return err.Error()
	}
	what := "displayName or externalId"
	if c.Kind.OfUser() {
		what = "userName, e-mail address or externalId; AWS does not say which, and SCIM cannot look an e-mail address up"
	}
	return fmt.Sprintf("%v: since the directory was read somebody else has taken the %s. It is not tried again in this run; the next one compares it with everybody", err, what)
}

// inFlight is a context for a call that has begun: it outlives a stop by the grace time, so that no answer is lost needlessly.
func inFlight(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() { time.AfterFunc(grace, cancel) })
	return call, func() { unhook(); cancel() }
}

func (a *applier) entry(w *write) reconcile.Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sequence++
	e := reconcile.Entry{Run: a.run, Provisioner: a.plan.Provisioner, Seq: a.sequence, Time: a.now()}
	for _, i := range w.changes {
		e.Changes = append(e.Changes, a.result.Changes[i])
	}
	return e
}

func (a *applier) collect(w *write) []reconcile.Done {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]reconcile.Done, 0, len(w.changes))
	for _, i := range w.changes {
		out = append(out, a.result.Changes[i])
	}
	return out
}

func (a *applier) finish(w *write, result reconcile.Result, text string, receipt reconcile.CallReceipt, took time.Duration) {
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

// remaining is how many writes the changes without a result take: one for each, but MaxMembers memberships of a group share one, and its own
// change goes along.
func (a *applier) remaining() int {
	n := 0
	own, members := map[string]int{}, map[string]int{} // by group
	for i := range a.plan.Changes {
		switch c := &a.plan.Changes[i]; {
		case a.result.Changes[i].Result != "":
		case c.Member != "":
			members[c.Key]++
			own[c.Key] += 0
		case c.Kind.OfUser(), c.Kind == reconcile.DeleteGroup:
			n++
		default:
			own[c.Key]++
		}
	}
	for key, k := range own {
		n += max(k, (members[key]+reconcile.MaxMembers-1)/reconcile.MaxMembers)
	}
	return n
}

// identify gives a change the id that a creation of this run has assigned to its object.
func (a *applier) identify(d *reconcile.Done) {
	switch {
	case d.ID != "":
	case d.Kind.OfUser():
		d.ID = a.result.UserIDs[d.Key]
	default:
		d.ID = a.groupIDs[d.Key]
	}
}

// own enters in the ledger what a write has made ours, or no longer ours.
func (a *applier) recordOwnership(w *write) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range w.changes {
		if d := &a.result.Changes[i]; d.Member == "" {
			a.result.Ledger.Record(&d.Change, d.ID, a.plan.Target.Leavers[d.Key], a.now())
		}
	}
}

// skip leaves a change out because what it stands on was not done.
func (a *applier) skip(i int) {
	a.result.Changes[i].Result, a.result.Changes[i].Error = reconcile.ResultSkipped, "what it stands on was not done"
}

// gone makes deleting what is gone succeed.
func ignoreNotFound(r reconcile.CallReceipt, err error) (reconcile.CallReceipt, error) {
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	return r, err
}
