// Package daemon polls a repository and runs each provisioner for every new commit and on its
// schedule. A newer commit supersedes the current run. The package decides when to run, and never
// what to change.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// Daemon applies one repository. Fields are required before Run unless their comment says
// otherwise.
type Daemon struct {
	// Head fetches the newest commit of the branch.
	Head func(context.Context) (reconcile.CommitRef, error)
	// Known, if set, returns the newest commit that was fetched earlier. The daemon starts with it
	// if the first poll fails.
	Known func() (reconcile.CommitRef, error)
	// Load reads and checks a commit. The error is schema.Problems if it is invalid.
	Load func(ctx context.Context, commit string) (*schema.Declarations, error)
	// Deadlines lists the deadlines of a commit's declarations and files; nil means none.
	Deadlines func(decls *schema.Declarations, commit reconcile.CommitRef) ([]deadline.Deadline, error)
	// Recorded lists what ends because of what runs recorded; nil means nothing.
	Recorded func(*schema.Declarations, *schema.Provisioner, *run.After) []deadline.Deadline
	// Runner executes the runs.
	Runner *run.Runner
	// PollInterval is the time between two polls, plus up to a tenth of jitter. Consecutive errors
	// make it up to ten times as long.
	PollInterval time.Duration
	// Jitter is the maximum delay of a scheduled run.
	Jitter time.Duration
	Log    *slog.Logger
	// Trigger, if set, starts the next poll immediately.
	Trigger <-chan struct{}
	// Election, if set, decides which provisioners this process runs. Otherwise it runs all of
	// them, and waits while another process has a lease on the audit branch.
	Election Election
	// Operations, if set, lists the runs.
	Operations *operation.List
	// RunEnded, if set, is called after each run that has a report or an error.
	RunEnded func(provisioner string, result *run.Result, err error)

	mu        sync.Mutex
	commit    reconcile.CommitRef  // the newest commit
	decls     *schema.Declarations // of the newest valid commit
	valid     reconcile.CommitRef  // the newest valid commit
	invalid   error                // of the newest commit, if it is invalid
	polled    time.Time
	pollErr   error
	workers   map[string]*worker
	lastRuns  map[string]LastRun
	deadlines []deadline.Deadline            // of the newest valid commit
	recorded  map[string][]deadline.Deadline // of the last run of each provisioner that recorded something
	merged    []deadline.Deadline            // both, sorted; it is replaced and never changed
	logged    map[string]int                 // the stage of the last logged warning, by path
}

// LastRun is the result of a provisioner's last run.
type LastRun struct {
	// Role is what this process does for the provisioner now.
	Role Role `json:"role"`
	// Holder is the process for which a standby waits.
	Holder *LeaseHolder      `json:"leaseHolder,omitempty"`
	Report *reconcile.Report `json:"report,omitempty"`
	// Held are the groups of held changes of the newest report that an approval can release.
	Held  []render.HeldSet `json:"held,omitempty"`
	Error string           `json:"error,omitempty"`
	Time  time.Time        `json:"time"`
	// Quarantine is the quarantine of the provisioner now; nil if there is none.
	Quarantine *reconcile.Quarantine `json:"quarantine,omitempty"`
	// Timing is when the provisioner may run; nil if it is not declared any more.
	Timing *Timing `json:"timing,omitempty"`
	// Next is the next run; nil while one runs, and if this process makes none.
	Next *NextRun `json:"next,omitempty"`
	// PlanMismatches is how often a plan from what changed was not the plan from everything, since
	// the start of the process.
	PlanMismatches int `json:"-"`
}

// State is the daemon's state for pages, metrics and the API.
type State struct {
	Version       int                 `json:"version"`
	NewestCommit  reconcile.CommitRef `json:"newestCommit"`
	ValidCommit   reconcile.CommitRef `json:"validCommit"`
	InvalidReason string              `json:"invalidReason,omitempty"`
	PolledAt      time.Time           `json:"polledAt,omitzero"`
	PollError     string              `json:"pollError,omitempty"`
	// Notices name the flags that weaken a rule while they are set.
	Notices      []string           `json:"notices,omitempty"`
	Provisioners map[string]LastRun `json:"provisioners"`
	// DueDeadlines are the deadlines with a due warning.
	DueDeadlines []deadline.Deadline `json:"deadlines,omitempty"`
	// AllDeadlines has every deadline, the next end first: those of the declarations, and those
	// that the last runs of this process recorded.
	AllDeadlines []deadline.Deadline `json:"-"`
}

// State returns a copy of the state.
func (d *Daemon) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := State{
		Version: 1, NewestCommit: d.commit, ValidCommit: d.valid, PolledAt: d.polled,
		Provisioners: map[string]LastRun{}, Notices: d.Runner.Notices,
	}
	s.InvalidReason = reasonOf(d.invalid)
	if d.pollErr != nil {
		s.PollError = d.pollErr.Error()
	}
	for key, w := range d.workers {
		last := d.lastRuns[key]
		last.Quarantine = d.quarantine(key)
		last.Role, last.Holder = w.role()
		last.Timing, last.Next = w.timing()
		s.Provisioners[key] = last
	}
	s.AllDeadlines = d.merged
	s.DueDeadlines = deadline.Due(d.merged, d.Runner.Clock())
	return s
}

// record keeps what ends because of what a run recorded.
func (d *Daemon) record(key string, after *run.After) {
	if d.Recorded == nil || after == nil {
		return
	}
	d.mu.Lock()
	decls := d.decls
	d.mu.Unlock()
	if decls == nil || decls.Provisioners[key] == nil {
		return
	}
	list := d.Recorded(decls, decls.Provisioners[key], after)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.recorded == nil {
		d.recorded = map[string][]deadline.Deadline{}
	}
	d.recorded[key] = list
	d.mergeDeadlines()
}

// mergeDeadlines lists all deadlines. The caller holds d.mu.
func (d *Daemon) mergeDeadlines() {
	var recorded []deadline.Deadline
	for key, list := range d.recorded {
		if d.decls.Provisioners[key] != nil {
			recorded = append(recorded, list...)
		}
	}
	d.merged = deadline.Merge(d.deadlines, recorded)
}

// quarantine returns the quarantine of a provisioner; nil if there is none.
func (d *Daemon) quarantine(provisioner string) *reconcile.Quarantine {
	if d.Runner.Quarantines == nil {
		return nil
	}
	return d.Runner.Quarantines.Load(provisioner)
}

// maxProblems is the number of problems of a refused commit that the state has. roster check shows
// all of them.
const maxProblems = 100

// reasonOf returns the reason why a commit is invalid; "" if it is valid.
func reasonOf(err error) string {
	var problems schema.Problems
	switch {
	case err == nil:
		return ""
	case errors.As(err, &problems) && len(problems) > maxProblems:
		return fmt.Sprintf("%s\n... and %s", problems[:maxProblems].Error(),
			schema.Count(len(problems)-maxProblems, "more problem"))
	}
	return err.Error()
}

// Run works until the context ends. Then it waits for the calls in flight and their reports.
func (d *Daemon) Run(ctx context.Context) error {
	d.mu.Lock()
	d.workers, d.lastRuns = map[string]*worker{}, map[string]LastRun{}
	d.mu.Unlock()
	var running sync.WaitGroup
	defer running.Wait()
	for failures := 0; ; {
		err := d.poll(ctx, &running)
		d.logDeadlines()
		if err == nil {
			d.readReports(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			failures++
			d.Log.Error("poll failed", "error", err)
		} else {
			failures = 0
		}
		wait := d.PollInterval * time.Duration(min(10, 1+failures))
		select {
		case <-ctx.Done():
			return nil
		case <-d.Trigger:
		case <-time.After(wait + rand.N(max(1, wait/10))):
		}
	}
}

// poll fetches the newest commit. If it is new, poll assigns it to the workers. If the first poll
// fails, it assigns the commit that was fetched earlier.
func (d *Daemon) poll(ctx context.Context, running *sync.WaitGroup) error {
	head, err := d.Head(ctx)
	d.mu.Lock()
	recovered := err == nil && d.pollErr != nil
	d.polled, d.pollErr = d.Runner.Clock(), err
	first, same := d.commit.ID == "", err == nil && head.ID == d.commit.ID
	d.mu.Unlock()
	switch {
	case err != nil && first && d.Known != nil && ctx.Err() == nil:
		known, failed := d.Known()
		if failed == nil {
			failed = d.assign(ctx, known, running)
		}
		return errors.Join(err, failed)
	case err != nil:
		return err
	case !same:
		return d.assign(ctx, head, running)
	case recovered:
		d.retryRuns()
	}
	return nil
}

// retryRuns repeats the runs that Git kept from their end while it was out of reach.
func (d *Daemon) retryRuns() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.workers {
		w.gitAnswers()
	}
}

// outOfReach returns why the last poll failed; empty if it did not.
func (d *Daemon) outOfReach() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pollErr == nil {
		return ""
	}
	return d.pollErr.Error()
}

// assign loads a commit and assigns it to the workers.
func (d *Daemon) assign(ctx context.Context, head reconcile.CommitRef, running *sync.WaitGroup) error {
	decls, err := d.Load(ctx, head.ID)
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		return err // the next poll tries again
	}
	var removed map[string]*schema.Provisioner
	if err == nil {
		var failed error
		if removed, failed = d.Runner.Removed(ctx, decls); removed == nil {
			return failed
		} else if failed != nil { // the other provisioners continue
			d.Log.Error("a provisioner that is no longer declared is not changed", "error", failed)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commit, d.invalid = head, err
	if err != nil {
		d.Log.Error("commit refused: the declarations are invalid", "commit", head.ID, "problems", len(problems),
			"first", problems[0].String())
		for _, w := range d.workers {
			w.refuse(head, err)
		}
		return nil
	}
	d.Log.Info("new commit", "commit", head.ID, "subject", head.Subject)
	d.decls, d.valid = decls, head
	d.deadlines = nil
	if d.Deadlines != nil {
		if d.deadlines, err = d.Deadlines(decls, head); err != nil {
			d.Log.Error("cannot list deadlines", "commit", head.ID, "error", err)
		}
	}
	d.mergeDeadlines()
	for key, p := range decls.Provisioners {
		d.worker(ctx, key, running).assign(p, decls, head)
	}
	for key, p := range removed {
		d.Log.Warn("provisioner is no longer declared: the removal of its access is held for approval",
			"provisioner", key)
		d.worker(ctx, key, running).assign(p, decls, head)
	}
	for key, w := range d.workers {
		if decls.Provisioners[key] == nil && removed[key] == nil {
			w.deactivate()
		}
	}
	return nil
}

// worker returns the worker of a provisioner and starts it if it is new. The caller holds d.mu.
func (d *Daemon) worker(ctx context.Context, key string, running *sync.WaitGroup) *worker {
	w := d.workers[key]
	if w == nil {
		w = newWorker(d, key)
		d.workers[key] = w
		running.Go(func() {
			if d.Election == nil {
				w.run(ctx, nil)
			} else {
				d.Election.Lead(ctx, key, w.lead)
			}
		})
	}
	return w
}

// logDeadlines logs each deadline once per stage. After a restart, it logs the current stage again.
func (d *Daemon) logDeadlines() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, previous := d.Runner.Clock(), d.logged
	d.logged = map[string]int{} // without the deadlines that are no longer due
	for _, e := range deadline.Due(d.deadlines, now) {
		stage, _ := e.Stage(now)
		d.logged[e.Path] = stage
		if last, ok := previous[e.Path]; ok && last == stage {
			continue
		}
		level := slog.LevelWarn
		// The end of a membership or of a user's validity is intended, so it is not an error.
		if stage == 0 && e.Kind != deadline.Membership && e.Kind != deadline.Validity {
			level = slog.LevelError
		}
		d.Log.Log(context.Background(), level, "deadline", "text", e.Text(now), "path", e.Path, "at", e.Pos.String(),
			"days", stage)
	}
}

// notices returns the warnings of deadlines for a run of a provisioner.
func (d *Daemon) notices(p *schema.Provisioner) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return deadline.Notices(d.deadlines, p, d.Runner.Clock())
}

// maxKeptChanges is the number of changes of a last run that stay in memory.
const maxKeptChanges = 2000

// withoutParts returns the report of a run as it stays in memory. If it is long and on the audit
// branch, its changes stay there: the report is the one that the branch has, which names its parts.
func (d *Daemon) withoutParts(ctx context.Context, key string, result *run.Result) *reconcile.Report {
	report := result.Report
	if len(report.Changes) <= maxKeptChanges || result.Receipt.Commit == "" || d.Runner.Archive == nil {
		return report
	}
	// The run has ended, even if the daemon was told to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	manifest, err := d.Runner.Archive.SearchManifests(ctx, key,
		func(*reconcile.Report) (bool, error) { return true, nil })
	switch {
	case err != nil:
		d.Log.WarnContext(ctx, "the changes of the last run stay in memory, because the audit branch cannot be read",
			"provisioner", key, "error", err)
		return report
	case manifest.Run != report.Run || len(manifest.Parts) == 0:
		return report
	}
	return manifest
}

func (d *Daemon) finished(ctx context.Context, key string, result *run.Result, err error) {
	if errors.Is(err, reconcile.ErrLeased) { // then nothing was reported
		d.Log.InfoContext(ctx, "another process runs the provisioner", "provisioner", key, "role", Standby,
			"reason", err)
		return // the last run is that of the other process
	}
	last := LastRun{Time: d.Runner.Clock()}
	if result != nil && result.Report != nil {
		last.Report, last.Held = d.withoutParts(ctx, key, result), render.HeldSets(result.Report)
		d.Log.InfoContext(ctx, "run ended", "provisioner", key, "outcome", result.Report.Outcome,
			"done", result.Report.Counts.Done, "held", result.Report.Counts.Held, "failed", result.Report.Counts.Failed,
			"audit", result.Receipt.Commit)
	}
	if err != nil {
		last.Error = err.Error()
		if errors.Is(err, run.ErrSuperseded) || errors.Is(err, context.Canceled) {
			d.Log.InfoContext(ctx, "run stopped", "provisioner", key, "reason", err)
		} else {
			d.Log.ErrorContext(ctx, "run failed", "provisioner", key, "error", err)
		}
	}
	d.logQuarantine(ctx, key, result)
	mismatch := result != nil && result.Mismatch != ""
	if mismatch {
		d.Log.ErrorContext(ctx, "the plan from what changed since the last run was wrong; the plan from everything "+
			"was used", "provisioner", key, "difference", result.Mismatch)
	}
	d.mu.Lock()
	last.PlanMismatches = d.lastRuns[key].PlanMismatches
	if mismatch {
		last.PlanMismatches++
	}
	if last.Report == nil {
		last.Held = d.lastRuns[key].Held
	}
	d.lastRuns[key] = last
	d.mu.Unlock()
	if result != nil {
		d.record(key, result.After)
	}
	if d.RunEnded != nil {
		d.RunEnded(key, result, err)
	}
}

// logQuarantine logs that a run began, continued or ended the quarantine of a provisioner.
func (d *Daemon) logQuarantine(ctx context.Context, key string, result *run.Result) {
	switch {
	case result == nil:
	case result.Ended != nil:
		d.Log.InfoContext(ctx, "the quarantine has ended", "provisioner", key, "since", result.Ended.Since,
			"tries", result.Ended.Tries+1)
	case result.Report != nil && result.Report.Quarantine != nil:
		q := result.Report.Quarantine
		level, message := slog.LevelError, "the provisioner is in quarantine"
		if q.Tries > 0 {
			level, message = slog.LevelWarn, "the provisioner stays in quarantine"
		}
		d.Log.Log(ctx, level, message, "provisioner", key, "reason", q.Reason, "notSent", q.NotSent,
			"tries", q.Tries, "nextTry", q.NextTry)
	}
}
