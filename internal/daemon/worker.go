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
	newCommit          bool // the commit has not been run
	refused            *refusal
	needsAuthorization bool                    // the last run ended with ErrNeedsAuthorization
	supersede          context.CancelCauseFunc // of the current run; nil if there is none
}

// refusal is an invalid commit that is not reported yet.
type refusal struct {
	commit   reconcile.CommitRef
	problems error
}

func newWorker(d *Daemon, key string) *worker {
	return &worker{daemon: d, key: key, trigger: make(chan struct{}, 1)}
}

// assign sets a new commit to run and stops the run of an older commit at a safe point.
func (w *worker) assign(p *schema.Provisioner, decls *schema.Declarations, commit reconcile.CommitRef) {
	w.mu.Lock()
	w.provisioner, w.decls, w.commit, w.newCommit, w.refused = p, decls, commit, true, nil
	if w.supersede != nil {
		w.supersede(run.ErrSuperseded)
	}
	w.mu.Unlock()
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
	}
	w.provisioner = nil
}

func (w *worker) notify() {
	select {
	case w.trigger <- struct{}{}:
	default:
	}
}

func (w *worker) run(ctx context.Context) {
	for {
		timer := time.NewTimer(w.untilNext())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-w.trigger:
			timer.Stop()
			w.work(ctx, "commit")
		case <-timer.C:
			w.work(ctx, "schedule")
		}
	}
}

// untilNext returns the time until the next scheduled run, or a day without a schedule. A
// provisioner without authorization tries again each minute.
func (w *worker) untilNext() time.Duration {
	w.mu.Lock()
	p, retry := w.provisioner, w.needsAuthorization
	w.mu.Unlock()
	if p != nil && retry {
		return time.Minute
	}
	if p == nil || p.Schedule == "" {
		return 24 * time.Hour
	}
	schedule, err := schema.ParseSchedule(p.Schedule, p.Timezone)
	if err != nil { // not possible: Load has checked the schedule
		return 24 * time.Hour
	}
	now := w.daemon.Runner.Clock()
	return schedule.Next(now).Sub(now) + rand.N(max(1, w.daemon.Jitter))
}

// work reports a refused commit, if there is one, and runs the newest valid commit.
func (w *worker) work(ctx context.Context, trigger string) {
	w.mu.Lock()
	p, refused, newCommit := w.provisioner, w.refused, w.newCommit
	req := run.Request{Provisioner: w.key, Declarations: w.decls, Commit: w.commit, Trigger: trigger, Apply: true,
		Dormant: true}
	w.refused, w.newCommit = nil, false
	if p == nil {
		w.mu.Unlock()
		return
	}
	runCtx, cancel := context.WithCancelCause(ctx)
	w.supersede = cancel
	w.mu.Unlock()
	defer cancel(nil)
	req.Notices, req.Progress = w.daemon.notices(p), w.progress()
	if refused != nil {
		result, err := w.daemon.Runner.Refuse(runCtx, p, refused.commit, "commit", refused.problems)
		w.daemon.finished(w.key, result, err)
	}
	if newCommit || trigger == "schedule" {
		result, err := w.daemon.Runner.Once(runCtx, req)
		w.daemon.finished(w.key, result, err)
		w.mu.Lock()
		w.needsAuthorization = errors.Is(err, run.ErrNeedsAuthorization)
		w.mu.Unlock()
	}
	w.mu.Lock()
	w.supersede = nil
	w.mu.Unlock()
}

// progressInterval is the time between two log messages about the progress of a run.
const progressInterval = time.Minute

// progress returns a function that logs the progress of a long run.
func (w *worker) progress() func(phase string, done, total int) {
	logged, estimator := w.daemon.Runner.Clock(), &eta.Estimator{Now: w.daemon.Runner.Clock}
	return func(phase string, done, total int) { // calls are sequential
		remaining := estimator.Remaining(phase, done, total)
		if now := w.daemon.Runner.Clock(); now.Sub(logged) >= progressInterval {
			logged = now
			w.daemon.Log.Info("run in progress", "provisioner", w.key, "phase", phase, "done", done, "of", total,
				"remaining", remaining)
		}
	}
}
