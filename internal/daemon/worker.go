package daemon

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/eta"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// worker runs one provisioner for each new commit and on its schedule. It executes one run at a
// time.
type worker struct {
	daemon  *Daemon
	key     string
	trigger chan struct{} // its buffer of one holds a pending notification

	mu                 sync.Mutex
	provisioner        *schema.Provisioner // nil if it is no longer declared
	decls              *schema.Declarations
	commit             reconcile.CommitRef
	newCommit          bool      // the commit has not been run
	retry              bool      // the last run is to be repeated now
	requested          bool      // a caller asks for a run
	scheduledAt        time.Time // of the next scheduled run; zero until it is needed
	date               dateWait  // of the next run at a declared date
	tried              time.Time // the NextTry of the quarantine in which the last run was made
	idleTries          int       // consecutive runs in a quarantine that ended before they made a call
	nextTry            time.Time // after such a run
	refused            *refusal
	needsAuthorization bool                        // the last run ended with ErrNeedsAuthorization
	leads              bool                        // this process is the leader, if there is an election
	leased             error                       // the ErrLeased that ended the last run; nil if none did
	leaseEnds          time.Time                   // when the run is tried again
	repeatAt           time.Time                   // when the last run is repeated; zero if it is not
	failures           int                         // consecutive runs that failed, or some of their changes
	unreachable        int                         // consecutive runs that Git kept from their end
	unanswered         func(context.Context) error // that of the last run's result
	asked              int                         // how often the forge was asked again
	newer              chan struct{}               // closed by a commit newer than that of the current run; nil: no run
	superseded         int                         // consecutive runs that a newer commit ended
	replaced           *run.ReplacedRun            // what the last of them has read
	kept               *run.Kept                   // that of the last run that had a plan; only work uses it
	next               *NextRun                    // nil while it works, and before its first wait
}

// refusal is an invalid commit that is not reported yet.
type refusal struct {
	commit   reconcile.CommitRef
	problems error
}

func newWorker(d *Daemon, key string) *worker {
	return &worker{daemon: d, key: key, trigger: make(chan struct{}, 1)}
}

// assign sets a new commit to run. The run of an older commit ends early; see run.Supersession.
func (w *worker) assign(p *schema.Provisioner, decls *schema.Declarations, commit reconcile.CommitRef) {
	w.mu.Lock()
	w.provisioner, w.decls, w.commit, w.newCommit, w.refused = p, decls, commit, true, nil
	w.date = dateWait{}
	if w.newer != nil {
		close(w.newer)
		w.newer = nil
	}
	w.mu.Unlock()
	w.queueOperation()
	w.notify()
}

func (w *worker) refuse(commit reconcile.CommitRef, problems error) {
	w.mu.Lock()
	w.refused = &refusal{commit, problems}
	w.mu.Unlock()
	w.notify()
}

// deactivate stops the schedule of a provisioner that is no longer declared and has nothing left to
// remove.
func (w *worker) deactivate() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.provisioner != nil {
		w.daemon.Log.Info("provisioner is no longer declared and has nothing left to remove: its schedule is stopped",
			"provisioner", w.key)
		if cache := w.daemon.Runner.Cache; cache != nil {
			cache.Store(w.key, nil)
		}
		if w.daemon.quarantine(w.key) != nil {
			w.daemon.Runner.Quarantines.Store(w.key, nil)
		}
	}
	w.provisioner = nil
}

func (w *worker) notify() {
	select {
	case w.trigger <- struct{}{}:
	default:
	}
}

// gitAnswers repeats a run that Git kept from its end while it was out of reach.
func (w *worker) gitAnswers() {
	w.mu.Lock()
	repeat := w.unreachable > 0
	w.retry = w.retry || repeat
	w.mu.Unlock()
	if repeat {
		w.notify()
	}
}

// The reasons for a run, as reports name them, and one for a question.
const (
	triggerCommit   = "commit"
	triggerSchedule = "schedule"
	triggerDate     = "date" // access ends or begins, a pause ends, or a window opens
	triggerRetry    = "retry"
	triggerRequest  = "request" // of a caller of the API
	askForge        = "ask"     // no run: ask the forge again
)

// run runs the provisioner until ctx ends, or until handOver is closed and the current run has
// ended.
func (w *worker) run(ctx context.Context, handOver <-chan struct{}) {
	defer w.waits(nil)
	for {
		wait, next := w.untilNext()
		w.waits(&NextRun{w.daemon.Runner.Clock().Add(wait), next})
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-handOver:
			timer.Stop()
			return
		case <-w.trigger:
			timer.Stop()
			w.waits(nil)
			w.work(ctx, triggerCommit)
		case <-timer.C:
			w.waits(nil)
			w.work(ctx, next)
		}
	}
}

// untilNext returns the time until the next run or question, and which it is: the scheduled run, in
// a day without a schedule, one at a declared date, or an earlier attempt after one that failed,
// could not end, or left something open. A provisioner in quarantine tries again after its pause,
// and one without authorization each minute.
func (w *worker) untilNext() (time.Duration, string) {
	gitFails := w.daemon.outOfReach() != "" // then the next poll that succeeds starts the run
	quarantine := w.daemon.quarantine(w.key)
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.provisioner
	wait, next := w.untilSchedule(p), triggerSchedule
	earlier := func(d time.Duration, what string) {
		if d < wait {
			wait, next = d, what
		}
	}
	switch {
	case p == nil:
		return wait, next
	case quarantine.Concerns(p):
		return w.untilTry(quarantine), triggerSchedule
	case w.leased != nil:
		earlier(max(0, w.leaseEnds.Sub(w.daemon.Runner.Clock())), triggerRetry)
	case w.needsAuthorization:
		return time.Minute, triggerSchedule
	case w.unreachable > 0 && !gitFails:
		earlier(reconcile.Pause(w.unreachable, time.Minute, 10*time.Minute), triggerRetry)
	}
	if at := w.date.next(w.decls, p, w.daemon.Runner.Clock()); !at.IsZero() {
		earlier(max(0, at.Sub(w.daemon.Runner.Clock())), triggerDate)
	}
	if !w.repeatAt.IsZero() {
		earlier(max(0, w.repeatAt.Sub(w.daemon.Runner.Clock())), triggerRetry)
	}
	if w.unanswered != nil {
		earlier(reconcile.Pause(w.asked+1, 5*time.Second, 40*time.Second), askForge)
	}
	return wait, next
}

// untilTry returns the time until the next try of a quarantine. A try that ended before it could
// make a call, for example because another process has the lease, is repeated after a minute, and
// then with growing pauses. The caller holds w.mu.
func (w *worker) untilTry(q *reconcile.Quarantine) time.Duration {
	now := w.daemon.Runner.Clock()
	next := q.TryAt(now)
	if q.NextTry.Equal(w.tried) {
		next = w.nextTry
	}
	return max(0, next.Sub(now))
}

// untilSchedule returns the time until the scheduled run of a provisioner. Questions to the forge
// do not move it. The caller holds w.mu.
func (w *worker) untilSchedule(p *schema.Provisioner) time.Duration {
	if p == nil || p.Schedule == "" {
		return 24 * time.Hour
	}
	now := w.daemon.Runner.Clock()
	if w.scheduledAt.IsZero() {
		schedule, err := schema.ParseSchedule(p.Schedule, p.Timezone)
		if err != nil { // not possible: Load has checked the schedule
			return 24 * time.Hour
		}
		w.scheduledAt = schedule.Next(now).Add(rand.N(max(1, w.daemon.Jitter)))
	}
	return w.scheduledAt.Sub(now)
}

// forgeAnswers asks the forge again what it did not answer. It reports whether the forge answers
// now, so that the run can be repeated.
func (w *worker) forgeAnswers(ctx context.Context) bool {
	w.mu.Lock()
	ask := w.unanswered
	w.asked++
	w.mu.Unlock()
	if ask == nil {
		return false
	}
	if err := ask(ctx); err != nil {
		w.daemon.Log.DebugContext(ctx, "the forge does not answer", "provisioner", w.key, "error", err)
		return false
	}
	w.daemon.Log.InfoContext(ctx, "the forge answers again: the run is repeated", "provisioner", w.key)
	return true
}

// work reports a refused commit, if there is one, and runs the newest valid commit. While the
// provisioner waits in quarantine, the run is made later.
func (w *worker) work(ctx context.Context, trigger string) {
	if trigger == askForge {
		if !w.forgeAnswers(ctx) {
			return
		}
		trigger = triggerRetry
	}
	w.mu.Lock()
	p, refused := w.provisioner, w.refused
	due := w.newCommit || w.retry || w.requested || trigger != triggerCommit
	switch {
	case w.newCommit:
		trigger = triggerCommit // also if a quarantine has delayed it
	case w.requested:
		trigger = triggerRequest
	case w.retry && trigger == triggerCommit:
		trigger = triggerRetry
	}
	req := run.Request{Provisioner: w.key, Declarations: w.decls, Commit: w.commit, Trigger: trigger, Apply: true,
		Dormant: true}
	quarantine := w.daemon.quarantine(w.key)
	if p != nil && quarantine.Waits(p, w.daemon.Runner.Clock()) { // what is due stays due
		due = false
	} else {
		w.newCommit, w.retry, w.requested = false, false, false
	}
	w.refused = nil
	if due {
		w.scheduledAt, w.tried, w.date = time.Time{}, time.Time{}, dateWait{}
	}
	if due && quarantine != nil {
		w.tried = quarantine.NextTry
	}
	if p == nil {
		w.mu.Unlock()
		return
	}
	newer := make(chan struct{})
	w.newer = newer
	req.Supersession = run.Supersession{Newer: newer, Before: w.superseded, Replaced: w.replaced}
	w.mu.Unlock()
	req.Notices, req.OutOfReach = w.daemon.notices(p), w.daemon.outOfReach()
	if refused != nil {
		result, err := w.daemon.Runner.Refuse(ctx, p, refused.commit, triggerCommit, refused.problems)
		w.daemon.finished(ctx, w.key, result, err)
	}
	if due {
		req.Kept = w.kept
		ctx, operation := w.startOperation(ctx, &req)
		result, err := w.daemon.Runner.Once(ctx, req)
		w.endOperation(ctx, operation, result, err)
		if result != nil && result.Kept != nil {
			w.kept = result.Kept
		}
		w.daemon.finished(ctx, w.key, result, err)
		w.ended(trigger, result, err)
		if w.isStandby() {
			w.daemon.readReport(ctx, w.key)
		}
	}
	w.mu.Lock()
	w.newer = nil
	w.mu.Unlock()
}

// ended records what a run could not do. A commit that another process kept from being run stays
// new.
func (w *worker) ended(trigger string, result *run.Result, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replaced = nil
	if errors.Is(err, run.ErrSuperseded) {
		w.superseded++
		w.replaced = result.Replaced
	} else {
		w.superseded = 0
	}
	w.leased = nil
	if errors.Is(err, reconcile.ErrLeased) {
		now := w.daemon.Runner.Clock()
		w.leased, w.leaseEnds = err, now.Add(untilLeaseEnds(err, now))
		w.newCommit = w.newCommit || trigger == triggerCommit
	}
	w.needsAuthorization = errors.Is(err, run.ErrNeedsAuthorization)
	if errors.Is(err, reconcile.ErrUnreachable) || result != nil && result.OutOfReach != "" {
		w.unreachable++
	} else {
		w.unreachable = 0
	}
	w.repeatAt = w.repeatsAt(w.repeatAt, result, err)
	if q := w.daemon.quarantine(w.key); q != nil && q.NextTry.Equal(w.tried) {
		w.idleTries++
		w.nextTry = w.daemon.Runner.Clock().Add(reconcile.Pause(w.idleTries, time.Minute, reconcile.MaxQuarantinePause))
	} else {
		w.idleTries = 0
	}
	w.unanswered = nil
	if result != nil {
		w.unanswered = result.Unanswered
	}
	if w.unanswered == nil {
		w.asked = 0
	}
}

// The times between a run that failed, or some of its changes, and the next attempt. They double
// with each failure, up to the longest.
const (
	firstRetry   = 5 * time.Minute
	longestRetry = time.Hour
)

// repeatsAt returns when a run is repeated before its schedule; zero if it is not: when it has to
// look again at what it left open, and after failures. planned is when it was to be repeated before
// the run; it stays due if the run could not report. The caller holds w.mu.
func (w *worker) repeatsAt(planned time.Time, result *run.Result, failure error) time.Time {
	now := w.daemon.Runner.Clock()
	var at time.Time
	switch {
	case result != nil && result.Report != nil:
		at = result.LookAgain
	case !planned.IsZero() && failure != nil:
		at = now.Add(reconcile.ConfirmAfter)
	}
	if !failed(result, failure) {
		w.failures = 0
		return at
	}
	w.failures++
	retry := now.Add(reconcile.Pause(w.failures, firstRetry, longestRetry))
	if at.IsZero() || retry.Before(at) {
		at = retry
	}
	return at
}

// failed reports whether a run failed, or some of its changes. A run that was told to stop, that
// another process kept from its begin, or that needs an authorization did not fail.
func failed(result *run.Result, failure error) bool {
	for _, other := range []error{reconcile.ErrLeased, run.ErrSuperseded, run.ErrNeedsAuthorization, context.Canceled} {
		if errors.Is(failure, other) {
			return false
		}
	}
	if result == nil || result.Report == nil {
		return failure != nil
	}
	return result.Report.Outcome == reconcile.RunFailed || result.Report.Outcome == reconcile.RunPartial
}

// progressInterval is the time between two log messages about the progress of a run.
const progressInterval = time.Minute

// progress returns a function that logs the progress of a long run.
func (w *worker) progress(ctx context.Context) func(phase string, done, total int) {
	logged, estimator := w.daemon.Runner.Clock(), &eta.Estimator{Now: w.daemon.Runner.Clock}
	return func(phase string, done, total int) { // calls are sequential
		remaining := estimator.Remaining(phase, done, total)
		if now := w.daemon.Runner.Clock(); now.Sub(logged) >= progressInterval {
			logged = now
			w.daemon.Log.InfoContext(ctx, "run in progress", "provisioner", w.key, "phase", phase, "done", done,
				"of", total, "remaining", remaining)
		}
	}
}
