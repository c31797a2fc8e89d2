package preview

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// OutcomeForge is where outcomes are posted. Its methods return a *forge.RateLimitError when the
// forge limits the rate.
type OutcomeForge interface {
	Merged(ctx context.Context, branch, commit string) (pr forge.PullRequest, ok bool, err error)
	Comment(ctx context.Context, number int, body string) error
	SetStatus(ctx context.Context, commit string, s forge.Status) error
}

// Outcomes posts on merged pull requests what the runs after the merge did: it replaces the preview
// by the outcome, and sets a status on the commit that the merge brought to the branch. A pull
// request gets the outcome of each run until its commits are the last applied ones. Outcomes that
// wait to be posted are lost when the process ends. Those of held changes come back with the next
// run, and Resume adds those of applied commits.
type Outcomes struct {
	Forge  OutcomeForge
	Repo   *Repository
	Branch string
	Log    *slog.Logger

	mu    sync.Mutex
	ended []endedRun

	posting sync.Mutex
	writes  *writes // nil: no limit
	pulls   *mergedPulls
	merged  map[int]*mergedPull // by number
}

// endedRun is a run whose outcome was not posted yet.
type endedRun struct {
	report   *reconcile.Report
	since    string // the commit that was last applied before the run
	failures int
	retryAt  time.Time // zero: now
}

// mergedPull is a merged pull request with the newest outcome of each provisioner.
type mergedPull struct {
	pr       forge.PullRequest
	commits  []string // of the branch, the newest first
	outcomes map[string]render.Outcome
	posted   feedback
}

// RunEnded adds a run whose outcome is to be posted. lastApplied is the commit that was last
// applied before the run. RunEnded returns false if no pull request waits for an outcome.
func (o *Outcomes) RunEnded(report *reconcile.Report, lastApplied string) bool {
	if report.Commit.ID == lastApplied {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = slices.DeleteFunc(o.ended, func(e endedRun) bool { // the new run has the same commits, or more
		return e.report.Provisioner == report.Provisioner && e.since == lastApplied
	})
	o.ended = append(o.ended, endedRun{report: report, since: lastApplied})
	return true
}

// MaxResumed is the age of a report whose outcome is posted again after a restart.
const MaxResumed = 24 * time.Hour

// Resume adds the run of the newest report of a provisioner, whose outcome may not have been posted
// before the daemon was restarted. Runs that did not complete their commit are made again, so only
// a run that did is added. status is the one after the run. Resume returns false if nothing is to
// be posted.
func (o *Outcomes) Resume(report *reconcile.Report, status *reconcile.Status, now time.Time) bool {
	applied := status.LastApplied
	if applied == nil || applied.Commit != report.Commit.ID || !applied.Time.Equal(report.Started) ||
		now.Sub(report.Finished) > MaxResumed {
		return false
	}
	since := ""
	if len(status.EarlierApplied) > 0 {
		since = status.EarlierApplied[0].Commit
	}
	return o.RunEnded(report, since)
}

// maxAttempts is how often the outcome of a run is tried to be posted. With polls each minute, the
// last attempt is more than four hours after the first.
const maxAttempts = 10

// Post posts the outcomes of the runs that ended. A run whose outcome cannot be posted is logged,
// and has growing pauses of its own, which begin with poll. The error is one that concerns all.
func (o *Outcomes) Post(ctx context.Context, now time.Time, poll time.Duration) error {
	o.posting.Lock()
	defer o.posting.Unlock()
	o.mu.Lock()
	ended := o.ended
	o.ended = nil
	o.mu.Unlock()
	var later []endedRun
	defer func() { o.retry(later) }()
	for i, e := range ended {
		if now.Before(e.retryAt) {
			later = append(later, e)
			continue
		}
		err := o.post(ctx, e, now)
		if err != nil && (endsRound(err) || ctx.Err() != nil) {
			later = append(later, ended[i:]...)
			return err
		}
		if err == nil {
			continue
		}
		if e.failures++; e.failures == maxAttempts {
			o.Log.Error("the outcome of a run is not on its pull requests", "run", e.report.Run, "error", err)
			continue
		}
		e.retryAt = now.Add(pauseAfter(e.failures, poll))
		o.Log.Warn("cannot post the outcome of a run; retrying", "run", e.report.Run, "error", err,
			"nextAttempt", e.retryAt.Format(time.RFC3339))
		later = append(later, e)
	}
	return nil
}

// retry puts runs back before those that ended since, unless a newer run has their commits.
func (o *Outcomes) retry(runs []endedRun) {
	o.mu.Lock()
	defer o.mu.Unlock()
	newer := o.ended
	runs = slices.DeleteFunc(slices.Clone(runs), func(e endedRun) bool {
		return slices.ContainsFunc(newer, func(n endedRun) bool {
			return n.report.Provisioner == e.report.Provisioner && n.since == e.since
		})
	})
	o.ended = append(runs, newer...)
}

// post posts the outcome of one run on each of its pull requests. An error of one pull request does
// not stop the others.
func (o *Outcomes) post(ctx context.Context, e endedRun, now time.Time) error {
	pulls, err := o.pullRequests(ctx, e)
	if err != nil {
		return err
	}
	var failures []error
	for _, pull := range pulls {
		pull.outcomes[e.report.Provisioner] = render.Outcome{Report: e.report, Commits: pull.commits}
		if err := o.postOn(ctx, pull, now); err != nil {
			if endsRound(err) {
				return err
			}
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// postOn posts the outcome of a pull request, unless the forge has it already.
func (o *Outcomes) postOn(ctx context.Context, pull *mergedPull, now time.Time) error {
	f := pull.feedback()
	if f.body != pull.posted.body {
		write := func() error { return o.Forge.Comment(ctx, pull.pr.Number, f.body) }
		if err := o.writes.send(now, writeComment, write); err != nil {
			return err
		}
		pull.posted.body = f.body
	}
	if was := pull.posted.status; was.State != f.status.State || was.Description != f.status.Description {
		write := func() error { return o.Forge.SetStatus(ctx, pull.commits[0], f.status) }
		if err := o.writes.send(now, writeStatus, write); err != nil {
			return err
		}
		pull.posted.status = f.status
	}
	return nil
}

// feedback returns what is posted on a merged pull request. The author of a fork may not see what
// AWS has.
func (m *mergedPull) feedback() feedback {
	var list []render.Outcome
	state := forge.Success
	for _, key := range slices.Sorted(maps.Keys(m.outcomes)) {
		list = append(list, m.outcomes[key])
		state = worseState(state, stateOf(m.outcomes[key]))
	}
	return feedback{body: render.OutcomesMarkdown(list, !m.pr.Fork), status: forge.Status{
		Context: forge.Outcome, State: state, Description: render.OutcomesVerdict(list, !m.pr.Fork)}}
}

// stateOf returns the state for an outcome. Held changes of other pull requests do not matter.
func stateOf(o render.Outcome) forge.State {
	switch o.Report.Outcome {
	case reconcile.RunFailed, reconcile.RunPartial, reconcile.RunNeedsAuthorization:
		return forge.Error
	case reconcile.RunInterrupted:
		return forge.Pending
	case reconcile.RunHeld:
		if o.Holds() {
			return forge.Failure
		}
	}
	if o.Report.Counts.Waiting > 0 {
		return forge.Pending
	}
	return forge.Success
}

// worseState returns the state that needs more attention.
func worseState(a, b forge.State) forge.State {
	order := []forge.State{forge.Success, forge.Pending, forge.Failure, forge.Error}
	return order[max(slices.Index(order, a), slices.Index(order, b))]
}

// maxOutcomeCommits is the number of commits whose pull requests get the outcome of a run.
const maxOutcomeCommits = reconcile.MaxCauseCommits

// pullRequests returns the pull requests that were merged since the last applied commit, the newest
// first. Before a first applied commit, only that of the newest commit counts.
func (o *Outcomes) pullRequests(ctx context.Context, e endedRun) ([]*mergedPull, error) {
	head, err := o.Repo.branchCommit(e.report.Commit.ID)
	if err != nil {
		return nil, err
	}
	commits := []branchCommit{head}
	if e.since != "" {
		if since, err := o.Repo.branchCommits(e.since, head.commit); err == nil {
			commits = since[:min(len(since), maxOutcomeCommits)]
		}
	}
	if o.pulls == nil {
		o.pulls = &mergedPulls{forge: o.Forge, repo: o.Repo, branch: o.Branch}
	}
	defer o.pulls.forgetUnnamed() // the forge may name them later
	parts, err := o.pulls.parts(ctx, commits)
	if err != nil {
		return nil, err
	}
	var out []*mergedPull
	commitsOf := map[int][]string{}
	for _, part := range parts {
		if part.pr.Number == 0 {
			continue
		}
		if commitsOf[part.pr.Number] == nil {
			out = append(out, o.pull(part.pr))
		}
		commitsOf[part.pr.Number] = append(commitsOf[part.pr.Number], part.ids()...)
	}
	for _, pull := range out {
		pull.commits = commitsOf[pull.pr.Number]
	}
	return out, nil
}

// maxMerged is the number of merged pull requests whose outcomes are kept.
const maxMerged = 200

// pull returns the merged pull request, with the outcomes so far.
func (o *Outcomes) pull(pr forge.PullRequest) *mergedPull {
	if o.merged == nil {
		o.merged = map[int]*mergedPull{}
	}
	if o.merged[pr.Number] == nil {
		if len(o.merged) >= maxMerged {
			delete(o.merged, slices.Min(slices.Collect(maps.Keys(o.merged))))
		}
		o.merged[pr.Number] = &mergedPull{pr: pr, outcomes: map[string]render.Outcome{}}
	}
	return o.merged[pr.Number]
}
