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

// worker runs one provisioner, one run at a time: at each new commit, and on its schedule.
type worker struct {
	daemon *Daemon
	key    string
	wake   chan struct{} // holds one: something to do

	mu          sync.Mutex
	provisioner *schema.Provisioner // nil: no longer declared
	decls       *schema.Declarations
	commit      reconcile.CommitRef
	fresh       bool // the commit has not been run yet
	refused     *refusal
	needy       bool                    // the last run ended for want of authorization
	supersede   context.CancelCauseFunc // of the run under way; nil when there is none
}

// refusal is an invalid commit that has yet to be reported.
type refusal struct {
	commit   reconcile.CommitRef
	problems error
}

func newWorker(d *Daemon, key string) *worker {
	return &worker{daemon: d, key: key, wake: make(chan struct{}, 1)}
}

// assign gives the worker a new commit and stops a run of an older one at a safe point.
func (w *worker) assign(p *schema.Provisioner, decls *schema.Declarations, commit reconcile.CommitRef) {
	w.mu.Lock()
	w.provisioner, w.decls, w.commit, w.fresh, w.refused = p, decls, commit, true, nil
	if w.supersede != nil {
		w.supersede(run.ErrSuperseded)
	}
	w.mu.Unlock()
	w.nudge()
}

func (w *worker) refuse(commit reconcile.CommitRef, problems error) {
	w.mu.Lock()
	w.refused = &refusal{commit, problems}
	w.mu.Unlock()
	w.nudge()
}

// retire stops the schedule of a provisioner that is no longer declared, and for which nothing is left to be done.
func (w *worker) retire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.provisioner != nil {
		w.daemon.Log.Info("provisioner is no longer declared, and nothing is left to be done for it", "provisioner", w.key)
		if memory := w.daemon.Runner.Cache; memory != nil {
			memory.Store(w.key, nil)
		}
	}
	w.provisioner = nil
}

func (w *worker) nudge() {
	select {
	case w.wake <- struct{}{}:
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
		case <-w.wake:
			timer.Stop()
			w.work(ctx, "commit")
		case <-timer.C:
			w.work(ctx, "schedule")
		}
	}
}

// untilNext is how long until the schedule says to run; a day when there is none. Who waits for authorization looks for it each minute.
func (w *worker) untilNext() time.Duration {
	w.mu.Lock()
	p, needy := w.provisioner, w.needy
	w.mu.Unlock()
	if p != nil && needy {
		return time.Minute
	}
	if p == nil || p.Schedule == "" {
		return 24 * time.Hour
	}
	schedule, err := schema.ParseSchedule(p.Schedule, p.Timezone)
	if err != nil { // Load has checked it
		return 24 * time.Hour
	}
	now := w.daemon.Runner.Clock()
	return schedule.Next(now).Sub(now) + rand.N(max(1, w.daemon.Jitter))
}

// work reports a refused commit, if there is one, and runs the newest valid one.
func (w *worker) work(ctx context.Context, trigger string) {
	w.mu.Lock()
	p, refused, fresh := w.provisioner, w.refused, w.fresh
	req := run.Request{Provisioner: w.key, Declarations: w.decls, Commit: w.commit, Trigger: trigger, Apply: true, Dormant: true}
	w.refused, w.fresh = nil, false
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
	if fresh || trigger == "schedule" {
		result, err := w.daemon.Runner.Once(runCtx, req)
		w.daemon.finished(w.key, result, err)
		w.mu.Lock()
		w.needy = errors.Is(err, run.ErrNeedsAuthorization)
		w.mu.Unlock()
	}
	w.mu.Lock()
	w.supersede = nil
	w.mu.Unlock()
}

// tellEvery is how often the log hears of a run that takes long.
const tellEvery = time.Minute

// progress logs how far a long run is.
func (w *worker) progress() func(phase string, done, total int) {
	told, estimator := w.daemon.Runner.Clock(), &eta.Estimator{Now: w.daemon.Runner.Clock}
	return func(phase string, done, total int) { // called by one at a time
		rest := estimator.Remaining(phase, done, total)
		if now := w.daemon.Runner.Clock(); now.Sub(told) >= tellEvery {
			told = now
			w.daemon.Log.Info("run under way", "provisioner", w.key, "phase", phase, "done", done, "of", total, "rest", rest)
		}
	}
}
