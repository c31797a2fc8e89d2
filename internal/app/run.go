package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// Plan plans the named provisioner, or all if provisioner is "". It writes nothing. If some
// provisioners fail, it returns the plans of the others and an error.
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

// Apply applies the commit with the named provisioner, or with all if provisioner is "". With a
// digest, it refuses any plan that has another one. If some provisioners fail, it returns the
// reports of the others and an error.
func (w *Workspace) Apply(ctx context.Context, provisioner, digest string) (*Applied, error) {
	requests, err := w.requests(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	if digest != "" && len(requests) > 1 {
		return nil, UsageError{errors.New("--digest is for one provisioner: add --provisioner")}
	}
	applied := &Applied{}
	var failed error
	for _, request := range requests {
		request.Apply, request.Digest = true, digest
		result, err := w.runner().Once(ctx, request)
		if result != nil && result.Recovered != nil {
			applied.Reports = append(applied.Reports, result.Recovered)
		}
		if result != nil && result.Report != nil {
			applied.Reports = append(applied.Reports, result.Report)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", request.Provisioner, err))
		} else if result.Receipt.Commit != "" {
			applied.Receipts = append(applied.Receipts, result.Receipt)
		}
	}
	return applied, failed
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
