package app

import (
	"context"
	"iter"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
)

// reportChanges yields the changes of a report on the audit branch, without the first skip. It uses
// the branch as it was last read: the branch keeps the parts of all reports.
func (w *Workspace) reportChanges(
	ctx context.Context, r *reconcile.Report, skip int,
) iter.Seq2[*reconcile.Done, error] {
	return func(yield func(*reconcile.Done, error) bool) {
		_, files, err := w.auditFiles(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		audit.ChangesFrom(files, r, skip)(yield)
	}
}
