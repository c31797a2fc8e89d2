package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// Plan plans the named provisioner, or all if provisioner is "". It writes nothing except the
// index for explanations. If some provisioners fail, it returns the plans of the others and an
// error.
func (w *Workspace) Plan(ctx context.Context, provisioner string) ([]*reconcile.Plan, error) {
	w.recorder.ReadOnly = true
	requests, err := w.requests(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	plans := []*reconcile.Plan{}
	var failed error
	for _, request := range requests {
		request.Dirty = w.dirty
		result, err := w.runner().Once(ctx, request)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", request.Provisioner, err))
			continue
		}
		plans = append(plans, result.Plan)
	}
	return plans, failed
}

// Applied is what an apply left.
type Applied struct {
	Reports  []*reconcile.Report // including those of interrupted runs that it completed
	Receipts []reconcile.Receipt // the reports' commits on the audit branch
}

// ApplyOptions choose what an apply does.
type ApplyOptions struct {
	Provisioner string // "": all
	Digest      string // refuses any plan that has another one; "" refuses none
	// Wait is how long the apply waits for the leases of other processes in all. Meanwhile it reads
	// nothing from the directory and sends nothing.
	Wait time.Duration
}

// Apply applies the commit. If some provisioners fail, it returns the reports of the others and an
// error. The error is a reconcile.ErrLeased if another process still has a lease.
func (w *Workspace) Apply(ctx context.Context, options ApplyOptions) (*Applied, error) {
	provisioner, digest, waitUntil := options.Provisioner, options.Digest, w.settings.now().Add(options.Wait)
	requests, err := w.requests(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	if digest != "" && len(requests) > 1 {
		return nil, UsageError{errors.New("--digest is for one provisioner: add --provisioner")}
	}
	applied := &Applied{}
	var failed error
	for i := range requests {
		request := &requests[i]
		request.Apply, request.Digest = true, digest
		if i == len(requests)-1 { // no other run needs the declarations
			request.Discard = func() { request.Declarations, w.declarations = nil, nil; w.source.forget() }
		}
		result, err := w.onceUnleased(ctx, request, waitUntil, applied)
		if result != nil && result.Report != nil {
			applied.Reports = append(applied.Reports, result.Report)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", request.Provisioner, err))
		} else if result.Receipt.Commit != "" {
			applied.Receipts = append(applied.Receipts, result.Receipt)
		}
		request.Declarations = nil // the slice lives as long as the last run
	}
	return applied, failed
}

// pollLease is the longest time between two looks at the lease of another process, which may end
// before it expires.
const pollLease = 10 * time.Second

// onceUnleased makes a run. While another process has the lease, it tries again until a time. It
// adds the reports of interrupted runs to applied.
func (w *Workspace) onceUnleased(ctx context.Context, request *run.Request, waitUntil time.Time, applied *Applied) (
	*run.Result, error,
) {
	for {
		if request.Declarations == nil { // an earlier attempt has discarded them
			var err error
			if request.Declarations, err = w.Declarations(ctx); err != nil {
				return nil, err
			}
		}
		result, err := w.runner().Once(ctx, *request)
		if result != nil && result.Recovered != nil {
			applied.Reports = append(applied.Reports, result.Recovered)
		}
		now := w.settings.now()
		if !errors.Is(err, reconcile.ErrLeased) || !now.Before(waitUntil) {
			return result, err
		}
		next := now.Add(pollLease)
		var leased *reconcile.LeaseError
		if errors.As(err, &leased) && !leased.Until.IsZero() && leased.Until.Before(next) {
			next = leased.Until.Add(time.Second) // clocks may differ
		}
		if waitUntil.Before(next) {
			next = waitUntil
		}
		w.settings.Log.Warn("waiting for another process", "provisioner", request.Provisioner, "reason", err,
			"until", waitUntil.UTC().Format(time.RFC3339))
		select {
		case <-ctx.Done():
			return result, errors.Join(err, context.Cause(ctx))
		case <-time.After(next.Sub(now)):
		}
	}
}

// requests returns a request for each selected provisioner.
func (w *Workspace) requests(ctx context.Context, provisioner string) ([]run.Request, error) {
	keys, err := w.selectProvisioners(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	deadlines, err := w.deadlinesOf(w.declarations, w.commit)
	if err != nil {
		return nil, err
	}
	w.keepIndex()
	var out []run.Request
	for _, key := range keys {
		request := run.Request{Provisioner: key, Declarations: w.declarations, Commit: w.commit,
			Trigger: "command"}
		if p := w.declarations.Provisioners[key]; p != nil { // nil: it was removed from Git
			request.Notices = deadline.Notices(deadlines, p, w.settings.now())
		}
		out = append(out, request)
	}
	return out, nil
}
