package app

import (
	"context"
	"io/fs"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/reportindex"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// reportHistory has what the last reports of provisioners say, for the pages of the daemon. It is a
// web.History.
type reportHistory struct {
	*reportindex.Index
	cache observe.Cache
}

// newReportHistory returns the history of a repository. It reads nothing before Run.
func newReportHistory(w *Workspace, cache observe.Cache) *reportHistory {
	return &reportHistory{cache: cache, Index: &reportindex.Index{Log: w.settings.Log, Now: w.settings.now,
		Files: func(ctx context.Context) (string, fs.FS, error) { return w.auditFiles(ctx) }}}
}

// auditFiles returns the newest commit of the audit branch that this machine has, with its files.
// The commit is "" if there is none.
func (w *Workspace) auditFiles(ctx context.Context) (commit string, files fs.FS, err error) {
	branch := *w.recorder.Store.(*auditBranch)
	branch.fetch = false
	if commit, err = branch.Head(ctx); err != nil || commit == "" {
		return "", nil, err
	}
	files, err = branch.Files(ctx, commit)
	return commit, files, err
}

// Report reads a report, without the changes in its parts.
func (h *reportHistory) Report(ctx context.Context, line *reportindex.Line) (*reconcile.Report, error) {
	_, files, err := h.Files(ctx)
	if err != nil {
		return nil, err
	}
	return audit.ReadLinked(files, line.ReportLink)
}

// ChangesOf reads a report, and its changes of a user or group.
func (h *reportHistory) ChangesOf(
	ctx context.Context, line *reportindex.Line, ref string,
) (*reconcile.Report, []reconcile.Done, error) {
	_, files, err := h.Files(ctx)
	if err != nil {
		return nil, nil, err
	}
	report, err := audit.ReadLinked(files, line.ReportLink)
	if err != nil {
		return nil, nil, err
	}
	var out []reconcile.Done
	for d, err := range audit.ChangesOf(files, report, ref) {
		if err != nil {
			return nil, nil, err
		}
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		out = append(out, *d)
	}
	report.Changes = nil // the caller keeps many reports
	return report, out, nil
}

// Members returns the number of members of a group in AWS as it was last read.
func (h *reportHistory) Members(provisioner, group string) (n int, known bool) {
	view := h.cache.Load(provisioner)
	if view == nil || view.Observed == nil {
		return 0, false
	}
	for i := range view.Observed.Groups {
		if g := &view.Observed.Groups[i]; g.ExternalID == group {
			members, read := view.Observed.Members[g.ID]
			return len(members), read
		}
	}
	return 0, false
}
