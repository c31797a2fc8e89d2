package web

import (
	"context"

	"github.com/seed-d64a251c/roster/internal/reportindex"
	"github.com/seed-d64a251c/roster/reconcile"
)

// History has what the last reports of provisioners say. Its methods may be called concurrently.
type History interface {
	// Reports returns the reports of a provisioner that this machine has read.
	Reports(provisioner string) reportindex.Reports
	// Report reads a report, without the changes in its parts.
	Report(ctx context.Context, line *reportindex.Line) (*reconcile.Report, error)
	// ChangesOf reads a report, and its changes of a user or group. ref is a reconcile.UserRef or
	// reconcile.GroupRef.
	ChangesOf(ctx context.Context, line *reportindex.Line, ref string) (*reconcile.Report, []reconcile.Done, error)
	// Members returns the number of members of a group in AWS as it was last read. known is false
	// if it was not.
	Members(provisioner, group string) (n int, known bool)
}
