// Package daemon keeps directories as declared: it polls a repository, runs each provisioner at every new commit and on its schedule,
// and lets a newer commit supersede a run under way. It decides when to run, never what to change.
package daemon

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// Daemon is one repository under watch. All fields but the optional ones are required before Run.
type Daemon struct {
	// Head asks the repository for the newest commit.
	Head func(context.Context) (reconcile.CommitRef, error)
	// Load reads and checks a commit: schema.Problems if it is invalid.
	Load func(ctx context.Context, commit string) (*schema.Declarations, error)
	// Deadlines lists what ends by a commit's declarations and files; nil lists nothing.
	Deadlines func(decls *schema.Declarations, commit reconcile.CommitRef) ([]deadline.Deadline, error)
	// Runner carries a run out.
	Runner *run.Runner
	// Poll is how often Head is asked, with a tenth of jitter; after errors up to ten times as long.
	Poll time.Duration
	// Jitter is how much later than scheduled a run may begin.
	Jitter time.Duration
	Log    *slog.Logger
	// Wake, if set, makes the next poll come at once.
	Wake <-chan struct{}
	// Done, if set, is told of each run that came to a report or an error.
	Done func(provisioner string, result *run.Result, err error)

	mu      sync.Mutex
	commit  reconcile.CommitRef  // the newest seen
	decls   *schema.Declarations // of the newest valid commit
	valid   reconcile.CommitRef
	invalid error // why the newest commit is not the valid one
	polled  time.Time
	pollErr error
	workers map[string]*worker
	last    map[string]Last
	ends    []deadline.Deadline // of the newest valid commit
	warned  map[string]int      // the stage that was last warned of, by path
}

// Last is how a provisioner's last run went.
type Last struct {
	Report *reconcile.Report `json:"report,omitempty"`
	Error  string            `json:"error,omitempty"`
	Time   time.Time         `json:"time"`
}

// State is what the daemon knows, for people.
type State struct {
	NewestCommit  reconcile.CommitRef `json:"newestCommit"`
	ValidCommit   reconcile.CommitRef `json:"validCommit"`
	InvalidReason string              `json:"invalidReason,omitempty"`
	PolledAt      time.Time           `json:"polledAt,omitzero"`
	PollError     string              `json:"pollError,omitempty"`
	Provisioners  map[string]Last     `json:"provisioners"`
	// Deadlines are those that a warning is due for; Ends are all but people's.
	Deadlines []deadline.Deadline `json:"deadlines,omitempty"`
	Ends      []deadline.Deadline `json:"-"`
}

// State returns a copy.
func (d *Daemon) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := State{NewestCommit: d.commit, ValidCommit: d.valid, PolledAt: d.polled, Provisioners: map[string]Last{}}
	if d.invalid != nil {
		s.InvalidReason = d.invalid.Error()
	}
	if d.pollErr != nil {
		s.PollError = d.pollErr.Error()
	}
	for key := range d.workers {
		s.Provisioners[key] = d.last[key]
	}
	s.Deadlines = deadline.Due(d.ends, d.Runner.Clock())
	for _, e := range d.ends {
		if e.Kind != deadline.Membership && e.Kind != deadline.Validity {
			s.Ends = append(s.Ends, e)
		}
	}
	return s
}

// Run watches until the context ends, then waits for the calls in flight and their reports.
func (d *Daemon) Run(ctx context.Context) error {
	d.mu.Lock()
	d.workers, d.last = map[string]*worker{}, map[string]Last{}
	d.mu.Unlock()
	var running sync.WaitGroup
	defer running.Wait()
	for failures := 0; ; {
		err := d.poll(ctx, &running)
		d.warn()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			failures++
			d.Log.Error("poll failed", "error", err)
		} else {
			failures = 0
		}
		wait := d.Poll * time.Duration(min(10, 1+failures))
		select {
		case <-ctx.Done():
			return nil
		case <-d.Wake:
		case <-time.After(wait + rand.N(max(1, wait/10))):
		}
	}
}

// poll asks for the newest commit and, if there is one, hands it to the workers.
func (d *Daemon) poll(ctx context.Context, running *sync.WaitGroup) error {
	head, err := d.Head(ctx)
	d.mu.Lock()
	d.polled, d.pollErr = d.Runner.Clock(), err
	same := err == nil && head.ID == d.commit.ID
	d.mu.Unlock()
	if err != nil || same {
		return err
	}
	decls, err := d.Load(ctx, head.ID)
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		return err // not read: asked for again at the next poll
	}
	var removed map[string]*schema.Provisioner
	if err == nil {
		var failed error
		if removed, failed = d.Runner.Removed(ctx, decls); removed == nil {
			return failed
		} else if failed != nil { // the others go on
			d.Log.Error("a provisioner that is no longer declared is left alone", "error", failed)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commit, d.invalid = head, err
	if err != nil {
		d.Log.Error("commit refused: the declarations are invalid", "commit", head.ID, "problems", len(problems), "first", problems[0].String())
		for _, w := range d.workers {
			w.refuse(head, err)
		}
		return nil
	}
	d.Log.Info("new commit", "commit", head.ID, "subject", head.Subject)
	d.decls, d.valid = decls, head
	d.ends = nil
	if d.Deadlines != nil {
		if d.ends, err = d.Deadlines(decls, head); err != nil {
			d.Log.Error("deadlines are not known", "commit", head.ID, "error", err)
		}
	}
	for key, p := range decls.Provisioners {
		d.worker(ctx, key, running).assign(p, decls, head)
	}
	for key, p := range removed {
		d.Log.Warn("provisioner is no longer declared: what its people lose is held for approval", "provisioner", key)
		d.worker(ctx, key, running).assign(p, decls, head)
	}
	for key, w := range d.workers {
		if decls.Provisioners[key] == nil && removed[key] == nil {
			w.retire()
		}
	}
	return nil
}

// worker returns the worker of a provisioner, started if it is new. d.mu is held.
func (d *Daemon) worker(ctx context.Context, key string, running *sync.WaitGroup) *worker {
	w := d.workers[key]
	if w == nil {
		w = newWorker(d, key)
		d.workers[key] = w
		running.Go(func() { w.run(ctx) })
	}
	return w
}

// warn logs each deadline once at each stage, and again when the daemon starts anew.
func (d *Daemon) warn() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, before := d.Runner.Clock(), d.warned
	d.warned = map[string]int{} // what is no longer due is forgotten
	for _, e := range deadline.Due(d.ends, now) {
		stage, _ := e.Stage(now)
		d.warned[e.Path] = stage
		if said, ok := before[e.Path]; ok && said == stage {
			continue
		}
		level := slog.LevelWarn
		if stage == 0 && e.Kind != deadline.Membership && e.Kind != deadline.Validity { // that people leave is what was wanted
			level = slog.LevelError
		}
		d.Log.Log(context.Background(), level, "deadline", "text", e.Text(now), "path", e.Path, "at", e.Pos.String(), "days", stage)
	}
}

// notices are the deadlines that a run of a provisioner repeats.
func (d *Daemon) notices(p *schema.Provisioner) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return deadline.Notices(d.ends, p, d.Runner.Clock())
}

func (d *Daemon) finished(key string, result *run.Result, err error) {
	last := Last{Time: d.Runner.Clock()}
	if result != nil && result.Report != nil {
		last.Report = result.Report
		d.Log.Info("run ended", "provisioner", key, "outcome", result.Report.Outcome, "done", result.Report.Counts.Done, "held", result.Report.Counts.Held,
			"failed", result.Report.Counts.Failed, "audit", result.Receipt.Commit)
	}
	if err != nil {
		last.Error = err.Error()
		if errors.Is(err, run.ErrSuperseded) || errors.Is(err, context.Canceled) {
			d.Log.Info("run stopped", "provisioner", key, "reason", err)
		} else {
			d.Log.Error("run failed", "provisioner", key, "error", err)
		}
	}
	d.mu.Lock()
	d.last[key] = last
	d.mu.Unlock()
	if d.Done != nil {
		d.Done(key, result, err)
	}
}
