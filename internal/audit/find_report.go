package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ErrBrokenChain: the chain of reports is not intact.
var ErrBrokenChain = errors.New("the chain of reports is broken")

// FindReport returns the newest of the last reports of a provisioner (at most limit) that has a
// change of a user or group, with its path and with these changes only; nil if there is none. ref
// is a reconcile.UserRef or reconcile.GroupRef. It follows the chain from the status, and returns
// ErrBrokenChain if the chain is broken before the report.
func (r *Recorder) FindReport(
	ctx context.Context, provisioner string, limit int, ref string,
) (*reconcile.Report, string, error) {
	head, err := r.head(ctx)
	if err != nil {
		return nil, "", err
	}
	return FindReport(ctx, head.files, provisioner, limit, ref)
}

// FindReport is like the method, for the files of the audit branch at one commit. A negative limit
// searches the whole chain.
func FindReport(
	ctx context.Context, files fs.FS, provisioner string, limit int, ref string,
) (*reconcile.Report, string, error) {
	for l, err := range Chain(files, provisioner) {
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && limit == 0:
			return nil, "", nil
		case err != nil:
			return nil, "", err
		case ctx.Err() != nil:
			return nil, "", context.Cause(ctx)
		case l.Problem != "":
			return nil, "", fmt.Errorf("report %s: %s: %w", l.Path, l.Problem, ErrBrokenChain)
		}
		limit--
		changes, err := changesOf(files, l.Report, ref)
		if err != nil {
			return nil, "", fmt.Errorf("read report %s: %w", l.Path, err)
		}
		if len(changes) > 0 {
			report := *l.Report
			report.Changes, report.Parts, report.Index = changes, nil, nil
			return &report, l.Path, nil
		}
	}
	return nil, "", nil
}

// changesOf collects what ChangesOf yields.
func changesOf(files fs.FS, r *reconcile.Report, ref string) ([]reconcile.Done, error) {
	var out []reconcile.Done
	for d, err := range ChangesOf(files, r, ref) {
		if err != nil {
			return nil, err
		}
		out = append(out, *d)
	}
	return out, nil
}
