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
// change for which match is true, with its path; nil if there is none. It follows the chain from
// the status, and returns ErrBrokenChain if the chain is broken before the report.
func (r *Recorder) FindReport(
	ctx context.Context, provisioner string, limit int, match func(*reconcile.Done) bool,
) (*reconcile.Report, string, error) {
	head, err := r.head(ctx)
	if err != nil {
		return nil, "", err
	}
	for l, err := range Chain(head.files, provisioner) {
		switch {
		case errors.Is(err, fs.ErrNotExist), err == nil && limit == 0:
			return nil, "", nil
		case err != nil:
			return nil, "", err
		case l.Problem != "":
			return nil, "", fmt.Errorf("report %s: %s: %w", l.Path, l.Problem, ErrBrokenChain)
		}
		limit--
		report, err := ReadReport(head.files, l.Path)
		if err != nil {
			return nil, "", err
		}
		for i := range report.Changes {
			if match(&report.Changes[i]) {
				return report, l.Path, nil
			}
		}
	}
	return nil, "", nil
}
