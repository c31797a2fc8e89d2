// Package operation keeps a list of what the daemon does: each run of a provisioner is an operation
// with an id, from the moment when it is due until it has ended. The list is stored on disk, so
// that it outlives the process.
package operation

import (
	"errors"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// State is the state of an operation.
type State string

// The states. An operation is queued, then it runs, then it has one of the others.
const (
	Queued      State = "queued"
	Running     State = "running"
	Completed   State = "completed"   // AWS is as declared
	Waiting     State = "waiting"     // changes wait for a window, the end of a pause, or enabled
	Held        State = "held"        // changes wait for an approval
	Partial     State = "partial"     // some changes failed
	Failed      State = "failed"      // the run failed
	Interrupted State = "interrupted" // the process ended
	Superseded  State = "superseded"  // another operation does its work
)

// Ended reports whether an operation in this state has ended.
func (s State) Ended() bool { return s != Queued && s != Running }

// outcomes are the states after runs, by their outcome.
var outcomes = map[reconcile.Outcome]State{
	reconcile.RunInSync: Completed, reconcile.RunApplied: Completed, reconcile.RunWaiting: Waiting,
	reconcile.RunHeld: Held, reconcile.RunPartial: Partial, reconcile.RunFailed: Failed,
	reconcile.RunInterrupted: Interrupted, reconcile.RunNeedsAuthorization: Failed,
}

// Operation is one run of a provisioner.
type Operation struct {
	ID          string `json:"id"`
	Provisioner string `json:"provisioner"`
	State       State  `json:"state"`
	// Trigger is why the run was made: commit, schedule, date, retry or request.
	Trigger string `json:"trigger"`
	// RequestedBy is the caller who asked for it; "" if there is none.
	RequestedBy string `json:"requestedBy,omitempty"`
	// Commit is the id of the commit of the declarations.
	Commit   string    `json:"commit,omitempty"`
	QueuedAt time.Time `json:"queuedAt"`
	// StartedAt and EndedAt are zero before that.
	StartedAt time.Time `json:"startedAt,omitzero"`
	EndedAt   time.Time `json:"endedAt,omitzero"`
	// Progress is set while it runs.
	Progress *Progress `json:"progress,omitempty"`
	// Run is the id of the run, as in its report; "" if it made none.
	Run string `json:"run,omitempty"`
	// Counts are those of the report.
	Counts *reconcile.Counts `json:"counts,omitempty"`
	// Summary is what the changes mean for people, as one line.
	Summary string `json:"summary,omitempty"`
	// Report is the path of the report on the audit branch, and AuditCommit the commit that added
	// it. They are empty if the report is not published yet.
	Report      string `json:"report,omitempty"`
	AuditCommit string `json:"auditCommit,omitempty"`
	Error       string `json:"error,omitempty"`
}

// Progress is how far a run is.
type Progress struct {
	Phase string `json:"phase"` // such as "read memberships" or "apply"
	Done  int    `json:"done"`
	Total int    `json:"total"`
	// SecondsLeft is an estimate for the phase; 0 if there is none yet.
	SecondsLeft int `json:"secondsLeft,omitempty"`
}

// Result is how a run ended.
type Result struct {
	Report      *reconcile.Report // nil if the run made none
	AuditCommit string
	ReportPath  string
	Err         error
	// Superseded is set if another operation does the work.
	Superseded bool
	// Stopped is set if the process ended.
	Stopped bool
}

// end returns an operation after its run.
func (o Operation) end(r Result, now time.Time) Operation {
	o.EndedAt, o.Progress = now, nil
	switch {
	case r.Superseded:
		o.State = Superseded
	case r.Stopped:
		o.State = Interrupted
	case r.Report != nil:
		o.State = outcomes[r.Report.Outcome]
	case r.Err != nil:
		o.State = Failed
	default:
		o.State = Completed
	}
	if report := r.Report; report != nil {
		counts := report.Counts
		o.Run, o.Counts, o.Summary, o.Commit = report.Run, &counts, report.Summary, report.Commit.ID
		o.Report, o.AuditCommit = r.ReportPath, r.AuditCommit
		if len(report.Errors) > 0 {
			o.Error = report.Errors[0]
		}
	}
	if r.Err != nil {
		o.Error = r.Err.Error()
	}
	return o
}

// quiet reports whether an operation changed and held nothing.
func (o *Operation) quiet() bool {
	return o.State == Completed && o.RequestedBy == "" && (o.Counts == nil || o.Counts.Done == 0)
}

// ErrNotFound means that the list has no operation of an id: it never had, or it was so long ago
// that it is forgotten.
var ErrNotFound = errors.New("there is no operation of this id")
