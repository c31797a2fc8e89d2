package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Runner carries a provisioner from declarations to evidence. The command line and the daemon call the same function, Run.
type Runner struct {
	Audit  Audit
	Source Source
	// Open connects to a provisioner's directory. With readOnly set, the connection must refuse everything that writes.
	Open func(ctx context.Context, p *schema.Provisioner, readOnly bool) (Directory, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// RunID names runs; it must never repeat.
	RunID func() string
	// Host and Version are written into intents and reports.
	Host, Version string
	// Grace is how long calls in flight may take when a run is told to stop; 0 means 10 seconds.
	Grace time.Duration
	// Progress, if set, follows reads and writes: what is being done, and how much of it is.
	Progress func(phase string, done, total int)
	Log      *slog.Logger
}

// Source is where declarations come from. Both methods may be called concurrently.
type Source interface {
	// Declarations loads and checks a commit: schema.Problems if it is invalid, fs.ErrNotExist if there is no such commit.
	Declarations(ctx context.Context, commit string) (*schema.Declarations, error)
	// IsAncestor reports whether b descends from a, or is a: fs.ErrNotExist if a is not there any more.
	IsAncestor(ctx context.Context, a, b string) (bool, error)
}

// Request asks for one run.
type Request struct {
	Provisioner  string
	Declarations *schema.Declarations
	Commit       CommitRef
	Dirty        bool   // the declarations are not what is committed; never applied
	Trigger      string // "command", "commit", "schedule"
	// Apply sends what the plan releases; without it nothing but reading happens.
	Apply bool
	// Dormant lets a provisioner that was never enabled sleep: not even its directory is read.
	Dormant bool
	// Digest, if set, refuses any plan but that one. It never approves anything.
	Digest string
}

// Result is what a run came to. Report is nil when nothing was to be applied.
type RunResult struct {
	Plan    *Plan
	Report  *Report
	Receipt Receipt
	// Recovered is the report of an interrupted run that this one completed first; nil when there was none.
	Recovered *Report
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
func (r *Runner) Run(ctx context.Context, req Request) (*RunResult, error) {
	p := req.Declarations.Provisioners[req.Provisioner]
	if p == nil {
		return nil, fmt.Errorf("there is no provisioner %q", req.Provisioner)
	}
	past, err := r.Audit.Past(ctx, p.Key)
	if err != nil {
		return nil, fmt.Errorf("read what earlier runs left: %w", err)
	}
	if past.Status != nil && past.Status.Identity != p.Identity() {
		return nil, fmt.Errorf("%s: provisioner %q was at %s and is now at %s: the endpoint's region and tenant can never be edited; declare another provisioner",
			p.EndpointPos, p.Key, past.Status.Identity, p.Identity())
	}
	out := &RunResult{}
	if req.Dormant && !p.Enabled && (past.Status == nil || !past.Status.EverEnabled) {
		return out, nil
	}
	s := &session{Runner: r, req: req, provisioner: p, past: past, started: r.now(), out: out}
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

func (r *Runner) progress(phase string) func(done, total int) {
	if r.Progress == nil {
		return nil
	}
	return func(done, total int) { r.Progress(phase, done, total) }
}

// session is one run under way.
type session struct {
	*Runner
	req         Request
	provisioner *schema.Provisioner
	past        *Past
	started     time.Time
	dir         Directory
	out         *RunResult
	runID       string
	cutOff      string // what a plan says of an interrupted run that apply will report
}

// plan observes the directory and decides what has to change.
func (s *session) plan(ctx context.Context) error {
	p, now := s.provisioner, s.started
	want, err := Desire(s.req.Declarations, p, now)
	if err != nil {
		return err
	}
	last, notice, err := s.lastApplied(ctx)
	if err != nil {
		return err
	}
	if s.dir == nil {
		if s.dir, err = s.Open(ctx, p, !s.req.Apply); err != nil {
			return fmt.Errorf("connect to %s: %w", p.Identity(), err)
		}
	}
	observed, err := Observe(ctx, s.dir, s.look(want), now)
	if err != nil {
		return fmt.Errorf("read %s: %w", p.Identity(), err)
	}
	rewound, err := s.rewound(ctx)
	if err != nil {
		return err
	}
	s.out.Plan = NewPlan(PlanInput{Rewound: rewound, Distrust: s.past.Distrust, Provisioner: p, Want: want, Last: last, Observed: observed, Ledger: s.past.Ledger, Status: s.past.Status,
		Approvals: s.req.Declarations.Approvals, Commit: s.req.Commit, Now: now})
	s.out.Plan.Dirty = s.req.Dirty
	for _, n := range []string{notice, s.cutOff} {
		if n != "" {
			s.out.Plan.Notices = append(s.out.Plan.Notices, n)
		}
	}
	return nil
}

// look asks for the members of our groups and of those that we might adopt; other people's groups stay unread.
func (s *session) look(want *Desired) Look {
	ours := map[string]bool{}
	for _, owned := range s.past.Ledger.Groups {
		ours[owned.ID] = true
	}
	sizes := map[string]int{} // by folded name and by externalId
	for key, g := range want.Groups {
		sizes["name/"+fold(g.DisplayName)], sizes["key/"+key] = len(g.Members), len(g.Members)
	}
	size := func(g RemoteGroup) (int, bool) {
		if n, ok := sizes["name/"+fold(g.DisplayName)]; ok {
			return n, true
		}
		n, ok := sizes["key/"+g.ExternalID]
		return n, ok
	}
	return Look{Groups: s.provisioner.PushGroups, Concurrency: s.provisioner.Rate.Concurrency, Progress: s.progress("read memberships"),
		Wanted: func(g RemoteGroup) bool { _, wanted := size(g); return wanted || ours[g.ID] },
		Sizes:  func(g RemoteGroup) int { n, _ := size(g); return n }}
}

// lastApplied recomputes what was desired at the commit and time of the last complete run. What cannot be known any more is said in
// the notice.
func (s *session) lastApplied(ctx context.Context) (*Desired, string, error) {
	if s.past.Status == nil || s.past.Status.Applied == nil {
		return nil, "", nil
	}
	applied := s.past.Status.Applied
	decls, err := s.Source.Declarations(ctx, applied.Commit)
	if err != nil {
		if ctx.Err() != nil {
			return nil, "", err
		}
		return nil, fmt.Sprintf("what was last applied (commit %.7s) cannot be read: %v; every change counts as intended", applied.Commit, err), nil
	}
	p := decls.Provisioners[s.provisioner.Key]
	if p == nil {
		return nil, "", nil
	}
	last, err := Desire(decls, p, applied.Time)
	if err != nil {
		return nil, fmt.Sprintf("what was last applied (commit %.7s) cannot be recomputed: %v; every change counts as intended", applied.Commit, err), nil
	}
	return last, "", nil
}

// rewound says why the commit does not descend from the one that the status names, or "".
func (s *session) rewound(ctx context.Context) (string, error) {
	if s.past.Status == nil || s.past.Status.Applied == nil || s.req.Dirty {
		return "", nil
	}
	applied := s.past.Status.Applied.Commit
	ok, err := s.Source.IsAncestor(ctx, applied, s.req.Commit.ID)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("the repository no longer has commit %.7s, which was last applied", applied), nil
	case err != nil:
		return "", fmt.Errorf("compare with what was last applied: %w", err)
	case !ok:
		return fmt.Sprintf("commit %.7s does not descend from %.7s, which was last applied: was the branch force-pushed?", s.req.Commit.ID, applied), nil
	}
	return "", nil
}

// apply sends what the plan releases, between an intent and a report.
func (s *session) apply(ctx context.Context) error {
	plan := s.out.Plan
	ledger := settle(s.past.Ledger, plan, s.started)
	a := &applier{dir: s.dir, journal: s.Audit, plan: plan, ledger: ledger, now: s.now, workers: s.provisioner.Rate.Concurrency,
		grace: s.Grace, progress: s.progress("apply"), run: s.id()}
	if a.grace == 0 {
		a.grace = 10 * time.Second
	}
	var stopped error
	if plan.Released() > 0 {
		intent := Intent{Version: 1, Run: s.id(), Provisioner: plan.Provisioner, Identity: plan.Identity, Digest: plan.Digest,
			Changes: plan.Released(), Commit: s.req.Commit, Trigger: s.req.Trigger, Started: s.started, Host: s.Host, Roster: s.Version}
		if err := s.Audit.Intend(ctx, intent); err != nil {
			return fmt.Errorf("publish the intent: %w", err)
		}
		stopped = a.apply(ctx)
	} else {
		a.prepare()
	}
	return errors.Join(stopped, s.conclude(ctx, s.report(a.results, stopped), ledger))
}

func (s *session) id() string {
	if s.runID == "" {
		s.runID = s.RunID()
	}
	return s.runID
}
