package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/seed-d64a251c/roster/internal/eta"
	"github.com/seed-d64a251c/roster/internal/logcontext"
	"github.com/seed-d64a251c/roster/internal/notexist"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// ErrStandby means that another process runs the provisioner.
var ErrStandby = errors.New("another process runs the provisioner")

// Sync asks for a run of a provisioner now, and returns its operation. The error is fs.ErrNotExist
// if there is no such provisioner, and ErrStandby if another process runs it.
func (d *Daemon) Sync(provisioner, requestedBy string) (operation.Operation, error) {
	d.mu.Lock()
	w := d.workers[provisioner]
	d.mu.Unlock()
	if w == nil || !w.declared() {
		return operation.Operation{}, notexist.Errorf("there is no provisioner %q", provisioner)
	}
	if role, holder := w.role(); role == Standby {
		return operation.Operation{}, fmt.Errorf("%w: %s", ErrStandby, holder)
	}
	o := d.Operations.Queue(provisioner, triggerRequest, requestedBy)
	w.mu.Lock()
	w.requested = true
	w.mu.Unlock()
	w.notify()
	return o, nil
}

// declared reports whether the provisioner is declared.
func (w *worker) declared() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.provisioner != nil
}

// queueOperation lists the run of a new commit, unless another process makes it.
func (w *worker) queueOperation() {
	if w.daemon.Operations != nil && !w.isStandby() {
		w.daemon.Operations.Queue(w.key, triggerCommit, "")
	}
}

// startOperation begins the operation of a run, which reports its progress then. It returns the id,
// and a context whose lines in the log have the ids of the operation and the run.
func (w *worker) startOperation(ctx context.Context, req *run.Request) (context.Context, string) {
	req.ID = w.daemon.Runner.RunID()
	ctx = logcontext.With(ctx, slog.String("run", req.ID))
	list := w.daemon.Operations
	var o operation.Operation
	if list != nil {
		o = list.Start(w.key, req.Trigger, req.Commit.ID)
		ctx = logcontext.With(ctx, slog.String("operation", o.ID))
	}
	req.RequestedBy = o.RequestedBy
	w.daemon.Log.InfoContext(ctx, "run began", "provisioner", w.key, "trigger", req.Trigger, "commit", req.Commit.ID,
		"requestedBy", o.RequestedBy)
	if list == nil {
		req.Progress = w.progress(ctx)
		return ctx, ""
	}
	estimator, log := &eta.Estimator{Now: w.daemon.Runner.Clock}, w.progress(ctx)
	req.Progress = func(phase string, done, total int) { // calls are sequential
		log(phase, done, total)
		list.Progress(o.ID, operation.Progress{Phase: phase, Done: done, Total: total,
			SecondsLeft: int(estimator.Left(phase, done, total).Seconds())})
	}
	return ctx, o.ID
}

// endOperation records how a run ended.
func (w *worker) endOperation(ctx context.Context, id string, result *run.Result, err error) {
	list := w.daemon.Operations
	if list == nil {
		return
	}
	if errors.Is(err, reconcile.ErrLeased) { // the other process has the operation
		list.Drop(id)
		return
	}
	r := operation.Result{Err: err, Superseded: errors.Is(err, run.ErrSuperseded),
		Stopped: err != nil && ctx.Err() != nil}
	if result != nil {
		r.Report, r.AuditCommit, r.ReportPath = result.Report, result.Receipt.Commit, result.Receipt.Report.Path
	}
	list.End(id, r)
}
