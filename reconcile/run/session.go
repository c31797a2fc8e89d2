package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/apply"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/schema"
)

// session is one run under way.
type session struct {
	*Runner
	req         Request
	provisioner *schema.Provisioner
	past        *reconcile.AuditState
	started     time.Time
	dir         reconcile.Directory
	out         *Result
	redactor    *reconcile.Redactor
	cached      *observe.CachedDirectory // of the directory, as far as it can be relied on; after apply, with what was written
	view        *observe.View            // what the plan rests on
	was         string                   // the key under which earlier runs left their past; empty unless the provisioner was renamed
	runID       string
	cutOff      string // what a plan says of an interrupted run that apply will report
}

// plan observes the directory and decides what has to change.
func (s *session) plan(ctx context.Context) error {
	p, now := s.provisioner, s.started
	if err := s.signed(ctx); err != nil {
		return err
	}
	want, err := s.desire(now)
	if err != nil {
		return err
	}
	last, err := s.lastApplied(ctx)
	if err != nil {
		return err
	}
	s.redactor = s.redactorFor(last)
	printed, err := s.heldReports(ctx)
	if err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	rewound, err := s.rewound(ctx)
	if err != nil {
		return err
	}
	in := reconcile.PlanInput{Rewound: rewound, DistrustReason: s.past.DistrustReason, Provisioner: p, Want: want, Last: last.desired,
		Ledger: s.past.Ledger, Status: s.past.Status, Approvals: s.req.Declarations.Approvals, HeldReports: printed, Redactor: s.redactor, Lost: s.past.OpenIntent,
		Edit: s.mappingEdit(last, want), Commit: s.req.Commit, Now: now}
	history, err := s.reviewHistory(ctx)
	if err != nil {
		return err
	}
	reader := &observe.Reader{Directory: s.dir, Provisioner: p, Cached: s.cached, Started: now, Trigger: s.req.Trigger, Progress: s.progressOf()}
	if s.out.Plan, s.view, err = reader.ObserveAndPlan(ctx, in, history); err != nil {
		return err
	}
	s.out.Plan.Dirty = s.req.Dirty
	for i := range s.out.Plan.Approvals {
		if a := &s.out.Plan.Approvals[i]; s.Author != nil && !s.req.Dirty {
			a.Author = s.Author(s.req.Commit.ID, s.req.Declarations.Approvals[a.Digest].Pos)
		}
	}
	s.out.Plan.Violations = append(reconcile.AssertDeclared(s.req.Declarations, now, want), reconcile.AssertObserved(s.req.Declarations, s.view.Observed, s.out.Plan.Linking)...)
	for _, n := range append([]string{last.notice, s.cutOff}, s.req.Notices...) {
		if n != "" {
			s.out.Plan.AddNotice("%s", n)
		}
	}
	if s.was != "" {
		s.out.Plan.AddNotice("the provisioner was %q: its ledger and status go on under the new name", s.was)
	}
	return nil
}

func (s *session) desire(now time.Time) (*reconcile.Desired, error) {
	if s.req.Declarations.Provisioners[s.provisioner.Key] == nil {
		return reconcile.DesiredOfRemoved(s.provisioner), nil
	}
	return reconcile.Desire(s.req.Declarations, s.provisioner, now)
}

// applied is what was last applied: the zero value when nothing was, or when it cannot be known any more, which the notice says.
type applied struct {
	provisioner *schema.Provisioner
	decls       *schema.Declarations
	desired     *reconcile.Desired
	notice      string
}

// lastApplied recomputes what was desired at the commit and time of the last complete run.
func (s *session) lastApplied(ctx context.Context) (applied, error) {
	if s.past.Status == nil || s.past.Status.LastApplied == nil {
		return applied{}, nil
	}
	at := s.past.Status.LastApplied
	decls, err := s.Source.Declarations(ctx, at.Commit)
	if err != nil {
		if ctx.Err() != nil {
			return applied{}, err
		}
		return applied{notice: fmt.Sprintf("what was last applied (commit %.7s) cannot be read: %v; every change counts as intended", at.Commit, err)}, nil
	}
	p := decls.Provisioners[cmp.Or(s.was, s.provisioner.Key)]
	if p == nil { // renamed before, and complete since then only under the earlier name
		for _, old := range s.provisioner.Previously {
			p = cmp.Or(p, decls.Provisioners[old])
		}
	}
	if p == nil {
		return applied{}, nil
	}
	last, err := reconcile.Desire(decls, p, at.Time)
	if err != nil {
		return applied{notice: fmt.Sprintf("what was last applied (commit %.7s) cannot be recomputed: %v; every change counts as intended", at.Commit, err)}, nil
	}
	return applied{provisioner: p, decls: decls, desired: last}, nil
}

// rewound says why the commit does not descend from the one that the status names, or "".
func (s *session) rewound(ctx context.Context) (string, error) {
	if s.past.Status == nil || s.req.Dirty {
		return "", nil
	}
	applied := s.past.Status.Commit.ID
	if s.past.Status.LastApplied != nil {
		applied = s.past.Status.LastApplied.Commit
	}
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
	ledger := reconcile.NextLedger(s.past.Ledger, plan, s.confirmGone(ctx), s.started)
	in := apply.Input{Directory: s.dir, Journal: redactingJournal{s.Audit, s.redactor}, Plan: plan, Ledger: ledger, Run: s.id(), Now: s.now,
		Workers: s.provisioner.Rate.Concurrency, Grace: s.Grace, Progress: s.progress("apply")}
	if in.Grace == 0 {
		in.Grace = 10 * time.Second
	}
	if plan.Released() == 0 {
		return s.applied(ctx, apply.Nothing(in), nil)
	}
	intent := reconcile.Intent{Version: 1, Run: s.id(), Provisioner: plan.Provisioner, Identity: plan.Identity, Digest: plan.Digest,
		ReleasedChanges: plan.Released(), Commit: s.req.Commit, Trigger: s.req.Trigger, Started: s.started, Host: s.Host, RosterVersion: s.Version}
	if err := s.Audit.Intend(ctx, intent); err != nil {
		return fmt.Errorf("publish the intent: %w", err)
	}
	result, stopped := apply.Apply(ctx, in)
	return s.applied(ctx, result, stopped)
}

// applied records what was sent and reports it. stopped is what ended it early, or nil.
func (s *session) applied(ctx context.Context, result *reconcile.ApplyResult, stopped error) error {
	s.view.Record(result, s.now())
	s.cached = s.view.CachedDirectory
	return errors.Join(stopped, s.conclude(ctx, s.report(result.Changes, stopped), result.Ledger))
}

func (s *session) id() string {
	if s.runID == "" {
		s.runID = s.RunID()
	}
	return s.runID
}

// mappingEdit maps everybody in scope by the mapping of before and by that of now, and counts the difference. Nil when neither the mapping
// nor the choice of it was edited.
func (s *session) mappingEdit(last applied, want *reconcile.Desired) *reconcile.MappingEdit {
	if last.provisioner == nil || want.Removed {
		return nil
	}
	before, now := last.decls.Mappings[last.provisioner.Mapping], s.req.Declarations.Mappings[s.provisioner.Mapping]
	if before == nil || now == nil || before.SameAs(now) {
		return nil
	}
	return reconcile.NewMappingEdit(before, now, s.req.Declarations, want, s.started)
}

// veilOf is the veil of a run: over what the declarations redact, and over what those did that were last applied.
func (s *session) redactorFor(last applied) *reconcile.Redactor {
	mappings := []*schema.Mapping{s.req.Declarations.Mappings[s.provisioner.Mapping]}
	if last.decls != nil {
		mappings = append(mappings, last.decls.Mappings[last.provisioner.Mapping])
	}
	return reconcile.NewRedactor(s.RedactKey, mappings...)
}

// reviewHistory reads what was reviewed since the last applied commit. It is nil where no review is required: neither now, nor by what was
// last applied, so that a commit cannot lift the rule for itself.
func (s *session) reviewHistory(ctx context.Context) (*reconcile.ReviewHistory, error) {
	out := &reconcile.ReviewHistory{}
	if s.past.Status != nil && s.past.Status.LastApplied != nil {
		decls, err := s.Source.Declarations(ctx, s.past.Status.LastApplied.Commit)
		if ctx.Err() != nil {
			return nil, err
		}
		if err == nil {
			out.Applied = decls
		}
	}
	if !reconcile.ReviewRequired(s.req.Declarations, s.provisioner.Key) && !reconcile.ReviewRequired(out.Applied, s.provisioner.Key) {
		return nil, nil
	}
	if out.Applied == nil {
		out.Missing = []string{"nothing was applied before, so there is nothing that a reviewed change could be compared with"}
		return out, nil
	}
	if s.past.Status.LastApplied.Commit == s.req.Commit.ID {
		return out, nil
	}
	if s.Review == nil {
		out.Missing = []string{"no forge is configured that could say what was approved"}
		return out, nil
	}
	var err error
	out.Merges, err = s.Review.Approved(ctx, s.past.Status.LastApplied.Commit, s.req.Commit.ID)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		out.Missing = []string{"the forge cannot say what was approved: " + err.Error()}
	}
	return out, nil
}

// keep hands on what is known of the directory after a run: under the run that the status names from here on.
func (s *session) store(run string, receipt reconcile.Receipt) {
	if s.Cache == nil {
		return
	}
	if s.was != "" {
		s.Cache.Store(s.was, nil)
	}
	if s.cached == nil {
		s.Cache.Store(s.provisioner.Key, nil)
		return
	}
	r := *s.cached
	if r.Run = run; receipt.Commit == "" { // only counted: the status is still the one before
		r.Run = s.past.Status.Run
	}
	s.Cache.Store(s.provisioner.Key, &r)
}
