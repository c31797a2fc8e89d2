package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/schema"
)

// Runner carries a provisioner from declarations to evidence. The command line and the daemon call the same function, Run.
type Runner struct {
	Audit   reconcile.Audit
	Archive reconcile.Archive
	Source  reconcile.Source
	// Review says what people approved, for provisioners that require a review; nil: there is no forge, and none of it counts.
	Review reconcile.Reviewer
	// Open connects to a provisioner's directory. With readOnly set, the connection must refuse everything that writes.
	// An ErrNeedsAuthorization is a run's outcome of its own.
	Open func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error)
	// Test makes one harmless call with a provisioner's credentials; an auth that was changed in Git has to pass it. Nil tests nothing.
	Test func(ctx context.Context, p *schema.Provisioner) error
	// Author, if set, names who committed the line of a declaration, "" where history does not tell.
	Author func(commit string, at schema.Pos) string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// RunID names runs; it must never repeat.
	RunID func() string
	// Host and Version are written into intents and reports.
	Host, Version string
	// Signed, if set, checks that every commit after since ("" for all of history) up to head is signed by somebody who may. Its error
	// names the first that is not; nothing of that commit is planned or sent.
	Signed func(ctx context.Context, since, head string) error
	// RedactKey is what values of attributes with redact: true are hashed with, wherever they would be shown; without it they are left out.
	RedactKey []byte
	// Grace is how long calls in flight may take when a run is told to stop; 0 means 10 seconds.
	Grace time.Duration
	// Memory, if set, spares reading what was read before; without it each run reads everything.
	Cache observe.Cache
	// Progress, if set, follows reads and writes: what is being done, and how many of the requests that it takes have ended. A phase ends
	// with as many as there are.
	Progress func(phase string, done, total int)
	Log      *slog.Logger
}

// Request asks for one run.
type Request struct {
	Provisioner  string
	Declarations *schema.Declarations
	Commit       reconcile.CommitRef
	Dirty        bool // the declarations are not what is committed; never applied
	// Notices are what somebody else has to say about this run: deadlines. Plan and report repeat them.
	Notices []string
	Trigger string // "command", "commit", "schedule"
	// Apply sends what the plan releases; without it nothing but reading happens.
	Apply bool
	// Dormant lets a provisioner that was never enabled sleep: not even its directory is read.
	Dormant bool
	// Digest, if set, refuses any plan but that one. It never approves anything.
	Digest string
	// Progress, if set, follows this run in the place of the Runner's.
	Progress func(phase string, done, total int)
}

// Result is what a run came to. Report is nil when nothing was to be applied.
type Result struct {
	Plan    *reconcile.Plan
	Report  *reconcile.Report
	Receipt reconcile.Receipt
	// Recovered is the report of an interrupted run that this one completed first; nil when there was none.
	Recovered *reconcile.Report
}

// DigestError says that the plan is not the one that was asked for.
type DigestError struct{ Want, Have string }

func (e *DigestError) Error() string {
	return fmt.Sprintf("the plan's digest is %s, not %s: something changed since; look at the plan again", e.Have, e.Want)
}

// ErrSuperseded is the cause to cancel a run's context with when a newer commit is to be applied instead.
var ErrSuperseded = errors.New("superseded by a newer commit")

// Run does one round for one provisioner: recover, observe, plan, and, if asked, apply and report. The error is what kept it from its
// end; what was sent until then is in the report all the same.
func (r *Runner) Once(ctx context.Context, req Request) (*Result, error) {
	p := req.Declarations.Provisioners[req.Provisioner]
	past, was, err := r.pastOf(ctx, req.Provisioner, p)
	if err != nil {
		return nil, err
	}
	if p == nil {
		if p, err = r.lastDeclared(ctx, req.Provisioner, past.Status); err != nil {
			return nil, err
		}
	}
	if past.Status != nil && past.Status.Identity != p.Identity() {
		return nil, fmt.Errorf("%s: provisioner %q was at %s and is now at %s: the endpoint's region and tenant can never be edited; declare another provisioner",
			p.EndpointPos, p.Key, past.Status.Identity, p.Identity())
	}
	out := &Result{}
	if req.Dormant && !p.Enabled && (past.Status == nil || !past.Status.EverEnabled) {
		return out, nil
	}
	s := &session{Runner: r, req: req, provisioner: p, past: past, was: was, started: r.now(), out: out}
	s.cached = observe.LoadCached(r.Cache, p, past)
	defer func() { out.Plan = s.redactor.Plan(out.Plan) }()
	if past.Interrupted != nil {
		if err := s.recover(ctx); err != nil {
			return out, fmt.Errorf("complete the interrupted run %s: %w", past.Interrupted.Intent.Run, err)
		}
	}
	err = s.plan(ctx)
	if !req.Apply {
		return out, err
	}
	if err != nil {
		if ctx.Err() != nil { // told to stop before anything happened: there is nothing to report
			return out, err
		}
		return out, errors.Join(err, s.concludeFailure(ctx, err))
	}
	if req.Digest != "" && req.Digest != out.Plan.Digest {
		return out, &DigestError{Want: req.Digest, Have: out.Plan.Digest}
	}
	return out, s.apply(ctx)
}

// Clock returns the time that a run would begin at.
func (r *Runner) Clock() time.Time { return r.now() }

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now().UTC()
	}
	return time.Now().UTC()
}

func (s *session) progressOf() func(phase string, done, total int) {
	if s.req.Progress != nil {
		return s.req.Progress
	}
	return s.Progress
}

func (s *session) progress(phase string) func(done, total int) {
	tell := s.progressOf()
	if tell == nil {
		return nil
	}
	return func(done, total int) { tell(phase, done, total) }
}
