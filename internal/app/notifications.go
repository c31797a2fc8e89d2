package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/notify"
	"github.com/seed-d64a251c/roster/internal/textfile"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// openNotifier returns the notifier of a configuration file; nil if there is none.
func openNotifier(
	s *Settings, file, stateDir, publicURL string, now func() time.Time,
) (*notify.Notifier, error) {
	if file == "" {
		return nil, nil
	}
	data, err := textfile.Read(file)
	if err != nil {
		return nil, err
	}
	config, err := notify.ParseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	config.PageURL = cmp.Or(config.PageURL, publicURL)
	return notify.New(notify.Options{Config: config, File: filepath.Join(stateDir, "notifications.json"),
		Resolve: s.secretOfChannel, Log: s.Log, Now: now})
}

// secretOfChannel returns the value of a secret of the notifications. The operator names it in the
// file of --notify, so the policy for declarations does not apply.
func (s *Settings) secretOfChannel(_ context.Context, ref notify.Secret) (string, error) {
	if ref.Env != "" {
		if v := s.secretOf(ref.Env); v != "" {
			return v, nil
		}
		return "", fmt.Errorf("environment variable %s is not set", ref.Env)
	}
	data, err := textfile.Read(ref.File)
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(data))
	s.Secrets.Add(value)
	if value == "" {
		return "", fmt.Errorf("%s is empty", ref.File)
	}
	return value, nil
}

// notifyAfter tells the notifier how a run of a provisioner ended, and what concerns the whole
// repository.
func (s *Server) notifyAfter(provisioner string, result *run.Result, err error) {
	if s.notifier == nil {
		return
	}
	log := s.workspace.settings.Log
	if problems, ended := runProblems(provisioner, result, err); ended {
		if err := s.notifier.Observe(provisioner, s.withoutSecrets(problems)); err != nil {
			log.Error("a notification is lost", "provisioner", provisioner, "error", err)
		}
	}
	if s.leaders != nil && !s.leaders.Leads(previewsKey) || s.leaders == nil && s.daemon.Standby() {
		return // another process does
	}
	state := s.daemon.State()
	problems := repositoryProblems(&state, s.workspace.runner().Clock())
	if err := s.notifier.Observe("", s.withoutSecrets(problems)); err != nil {
		log.Error("a notification is lost", "error", err)
	}
}

// withoutSecrets removes the secrets of the process from the texts of problems.
func (s *Server) withoutSecrets(problems []notify.Problem) []notify.Problem {
	secrets := s.workspace.settings.Secrets
	for i := range problems {
		p := &problems[i]
		p.Title = secrets.String(p.Title)
		for k := range p.Details {
			p.Details[k] = secrets.String(p.Details[k])
		}
	}
	return problems
}

// runProblems returns what is wrong with a provisioner after a run. ended is false if the run says
// nothing about that: a newer commit, or the end of the process, has interrupted it.
func runProblems(provisioner string, result *run.Result, err error) (problems []notify.Problem, ended bool) {
	page := "/provisioners/" + provisioner
	if result == nil || result.Report == nil {
		if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, reconcile.ErrLeased) ||
			errors.Is(err, reconcile.ErrLeaseLost) {
			return nil, false
		}
		return []notify.Problem{{Kind: notify.Failed, Title: "the run failed: " + err.Error(), Path: page}}, true
	}
	r := result.Report
	if r.Outcome == reconcile.RunInterrupted {
		return nil, false
	}
	if r.Outcome == reconcile.RunFailed && r.Quarantine == nil {
		title := "the run failed"
		if len(r.Errors) > 0 {
			title += ": " + r.Errors[0]
		}
		problems = append(problems, notify.Problem{Kind: notify.Failed, Title: title, Path: page})
	}
	if r.Audit.Holds() {
		problems = append(problems, notify.Problem{Kind: notify.Broken, Cause: r.Audit.Break, Path: page,
			Title:   "the audit branch is broken, so roster changes nothing: " + r.Audit.Reason,
			Details: []string{"to release it, declare " + r.Audit.Approval}})
	}
	if q := r.Quarantine; q != nil {
		problems = append(problems, notify.Problem{Kind: notify.Quarantine, Path: page,
			Title:   "AWS refuses all calls, so roster sends none: " + q.Reason,
			Details: []string{"the next try is at " + q.NextTry.UTC().Format("2006-01-02 15:04 MST")}})
	}
	if p, held := heldProblem(r); held {
		p.Path = page
		problems = append(problems, p)
	}
	if p, changed := driftProblem(r); changed {
		p.Path = page
		problems = append(problems, p)
	}
	return problems, true
}

// maxEventText is the number of characters of the sentences about changes in the title of an event.
const maxEventText = 300

// driftProblem returns the problem that AWS was changed by hand. Each run that finds such changes
// is another problem, except for those that stay held.
func driftProblem(r *reconcile.Report) (p notify.Problem, changed bool) {
	var manual []reconcile.Effect
	for _, e := range reconcile.Effects(reconcile.Finished(r.Changes), r.Facts) {
		if e.Manual != "" && e.State != reconcile.ResultHeld {
			manual = append(manual, e)
		}
	}
	if len(manual) == 0 {
		return notify.Problem{}, false
	}
	return notify.Problem{Kind: notify.Drift, Cause: r.Run,
		Title: "AWS was changed by hand: " + reconcile.Line(manual, maxEventText)}, true
}

// heldProblem returns the problem that changes are held. Other changes are another problem.
func heldProblem(r *reconcile.Report) (p notify.Problem, held bool) {
	if r.Counts.Held == 0 {
		return notify.Problem{}, false
	}
	p = notify.Problem{Kind: notify.Held, Cause: r.HeldDigest, Title: schema.Count(r.Counts.Held, "change") + " held"}
	if effects := heldEffects(r); len(effects) > 0 {
		p.Title += ": " + reconcile.Line(effects, maxEventText)
	}
	for _, set := range render.HeldSets(r) {
		p.Details = append(p.Details, fmt.Sprintf("%s: %s by %s; to release: %s", set.Title,
			schema.Count(set.Changes, "change"), strings.Join(set.Gates, ", "), set.Approve))
	}
	return p, true
}

// heldEffects returns what the held changes of a report mean for people if they are released.
func heldEffects(r *reconcile.Report) []reconcile.Effect {
	held := slices.DeleteFunc(reconcile.Effects(reconcile.Finished(r.Changes), r.Facts),
		func(e reconcile.Effect) bool { return e.State != reconcile.ResultHeld })
	for i := range held {
		held[i].State = ""
	}
	return held
}

// unreachableAfter is how long the repository may be out of reach before it is a problem.
const unreachableAfter = 10 * time.Minute

// repositoryProblems returns what concerns no single provisioner.
func repositoryProblems(s *daemon.State, now time.Time) []notify.Problem {
	var problems []notify.Problem
	if s.InvalidReason != "" {
		problems = append(problems, notify.Problem{Kind: notify.Failed, Cause: s.NewestCommit.ID, Path: "/",
			Title:   fmt.Sprintf("commit %.7s is refused, so its changes are not applied", s.NewestCommit.ID),
			Details: strings.Split(s.InvalidReason, "\n")})
	}
	if s.PollError != "" && now.Sub(s.PolledAt) > unreachableAfter {
		problems = append(problems, notify.Problem{Kind: notify.Failed, Cause: "repository", Path: "/",
			Title: "the repository cannot be read: " + s.PollError})
	}
	for _, d := range s.DueDeadlines {
		if p, ok := deadlineProblem(&d, now); ok {
			problems = append(problems, p)
		}
	}
	return problems
}

// deadlineProblem returns the problem that something ends soon. There is another one at each stage.
// ok is false for what ends every day: memberships, users, deletions and pauses.
func deadlineProblem(d *deadline.Deadline, now time.Time) (p notify.Problem, ok bool) {
	days, due := d.Stage(now)
	if !due || d.Personal() || d.Kind == deadline.Pause {
		return notify.Problem{}, false
	}
	p = notify.Problem{Kind: notify.Deadline, Severity: notify.Info, Title: d.Text(now), Path: "/deadlines",
		Cause: fmt.Sprint(d.Path, " ", d.EndsAt.Unix(), " ", days)}
	switch {
	case days <= 1:
		p.Severity = notify.Critical
	case days <= 7:
		p.Severity = notify.Warning
	}
	if d.Kind == deadline.Approval { // it ends after a day in any case
		p.Severity = notify.Info
	}
	return p, true
}
