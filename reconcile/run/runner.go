package run

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/schema"
)

// Runner makes runs. The command line and the daemon both call Once.
type Runner struct {
	Audit   reconcile.Audit
	Archive reconcile.Archive
	Source  reconcile.Source
	// Review returns what was reviewed, for provisioners that require a review. Without it no
	// change counts as reviewed.
	Review reconcile.Reviewer
	// AllowSelfApproval lets an approval count without another person. Every plan names it.
	AllowSelfApproval bool
	// Open connects to a provisioner's directory. With readOnly set, the connection must refuse
	// every write. ErrNeedsAuthorization becomes the outcome of the run.
	Open func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error)
	// Test makes one harmless call with a provisioner's credentials. It must succeed before a
	// changed `auth` is used. Nil tests nothing.
	Test func(ctx context.Context, p *schema.Provisioner) error
	// Advise, if set, returns what to do about an error of the directory that ended a run; "" for
	// any other. status is that of the last run; nil if there was none.
	Advise func(p *schema.Provisioner, status *reconcile.Status, err error) string
	// Quarantines, if set, keeps the quarantines of provisioners between runs. Without it no
	// provisioner is ever in quarantine.
	Quarantines Quarantines
	// QuarantinePause is the first pause of a quarantine; 0 means reconcile.FirstQuarantinePause.
	QuarantinePause time.Duration
	// Notices are in every plan and report, for example about a flag that weakens a rule.
	Notices []string
	// Author, if set, returns the author of a declaration's line; "" if history does not have it.
	Author func(commit string, at schema.Pos) string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// RunID returns the id of the next run. Ids must be unique.
	RunID func() string
	// Host and Version are written into intents and reports.
	Host, Version string
	// Signed, if set, checks that every commit after since ("" for all of history) up to head has
	// an allowed signature. Its error names the first commit that has none; that commit is not
	// planned.
	Signed func(ctx context.Context, since, head string) error
	// RedactKey is the HMAC key of the values of attributes with `redact: true`. Without it the
	// values are left out.
	RedactKey []byte
	// Grace is how long calls in flight may take after a run was told to stop; 0 means 10 seconds.
	Grace time.Duration
	// Cache, if set, keeps what was read of a directory between runs. Without it each run reads
	// everything.
	Cache observe.Cache
	// VerifyKept compares in each run the plan from Request.Kept with the plan from everything.
	VerifyKept bool
	// Progress, if set, is called during reads and writes with the phase, and how many of its
	// requests have ended. A phase ends with done equal to total.
	Progress func(phase string, done, total int)
	Log      *slog.Logger
}

// Request asks for one run.
type Request struct {
	// ID is the id of the run; "" makes the Runner choose one.
	ID           string
	Provisioner  string
	Declarations *schema.Declarations
	Commit       reconcile.CommitRef
	Dirty        bool // the declarations have uncommitted changes; such a run must not apply
	// Notices are notices of the caller, for example about deadlines. Plan and report repeat them.
	Notices []string
	Trigger string // "command", "commit", "schedule", "date", "retry"
	// RequestedBy is the caller of the API who asked for the run; "" if there is none.
	RequestedBy string
	// OutOfReach is why the repository of the declarations cannot be reached, so that the commit
	// may not be the newest; empty if it can.
	OutOfReach string
	// Apply sends what the plan releases; without it the run only reads.
	Apply bool
	// Dormant ends the run before it reads the directory if the provisioner was never enabled.
	Dormant bool
	// Digest, if set, refuses a plan with another digest. It never approves anything.
	Digest string
	// Kept is that of the Result of an earlier run of the provisioner; nil: everything is computed.
	Kept *Kept
	// Progress, if set, is called instead of the Runner's.
	Progress func(phase string, done, total int)
	// Supersession says when a newer commit ends the run; the zero value means never.
	Supersession Supersession
	// Discard, if set, is called when a run with Apply has its plan, before it sends anything: the
	// process can free the declarations, because no other run of it needs them. The Result then has
	// no Plan and no Kept.
	Discard func()
}

// idOf returns the id of the run of a request.
func (r *Runner) idOf(req Request) string {
	if req.ID != "" {
		return req.ID
	}
	return r.RunID()
}

// Result is the result of a run.
type Result struct {
	Plan    *reconcile.Plan
	Report  *reconcile.Report // nil for a run that does not apply
	Receipt reconcile.Receipt
	// Recovered is the report of an interrupted run that this run completed; nil if there was none.
	Recovered *reconcile.Report
	// Replaced is what a run has read that ended with ErrSuperseded before its first write; nil if
	// there is nothing that the next run can use.
	Replaced *ReplacedRun
	// Ended is the quarantine that the run ended; nil if there was none, or if it continues.
	Ended *reconcile.Quarantine
	// LastApplied is the commit that was last applied before the run; "" if there was none.
	LastApplied string
	// OutOfReach is why Git could not be reached; empty if it could. The run held what cannot be
	// verified meanwhile.
	OutOfReach string
	// After is what the run recorded, or found recorded if it has a report of a failure; nil
	// without a report.
	After *After
	// LookAgain is when another run has to look at what this one left open: changes without a
	// response, and objects that one lookup did not find. Zero if it left nothing open.
	LookAgain time.Time
	// Kept is for the Request of the next run of the provisioner; nil if the run had no plan.
	Kept *Kept
	// Compared is true if the plan from Request.Kept was compared with the plan from everything, as
	// after each complete read. Mismatch is what differed; "" if nothing did. If something did, the
	// run used the plan from everything.
	Compared bool
	Mismatch string
	// Unanswered asks the forge again what it did not answer about reviews; nil if it answered
	// everything. It returns nil once the forge answers.
	Unanswered func(context.Context) error
}

// After is what is recorded of a provisioner after a run.
type After struct {
	// Desired is the desired state of the run; nil if the run did not compute it.
	Desired *reconcile.Desired
	Ledger  *reconcile.Ledger
	Status  *reconcile.Status
}

// DigestError is the error for a plan that does not have the requested digest.
type DigestError struct{ Want, Have string }

func (e *DigestError) Error() string {
	return fmt.Sprintf("the plan's digest is %s, not %s: something changed since that plan; review the plan again",
		e.Have, e.Want)
}

// Clock returns the time at which a run would start.
func (r *Runner) Clock() time.Time { return r.now() }

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now().UTC()
	}
	return time.Now().UTC()
}

// progress returns the progress function of a run; nil if there is none.
func (r *Runner) progress(req Request) func(phase string, done, total int) {
	if req.Progress != nil {
		return req.Progress
	}
	return r.Progress
}
