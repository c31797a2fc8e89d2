package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Quarantines keeps the quarantines of provisioners. Its methods may be called concurrently.
type Quarantines interface {
	// Load returns the quarantine of a provisioner; nil if there is none.
	Load(provisioner string) *reconcile.Quarantine
	// Store replaces the quarantine of a provisioner; nil removes it. A quarantine that cannot be
	// stored costs a refused call after a restart, so Store reports no error.
	Store(provisioner string, q *reconcile.Quarantine)
}

// tryQuarantined begins the try of a run whose provisioner is in quarantine, and sets the
// quarantine of the state. It makes one call. The error says why that call failed.
func (r *Runner) tryQuarantined(ctx context.Context, s *runState) error {
	if !s.request.Apply || r.Quarantines == nil {
		return nil
	}
	q := r.Quarantines.Load(s.provisioner.Key)
	if q != nil && !q.Concerns(s.provisioner) {
		r.Quarantines.Store(s.provisioner.Key, nil)
	}
	if !q.Concerns(s.provisioner) {
		return nil
	}
	s.quarantine = q
	if r.Test == nil {
		return nil
	}
	err := r.Test(ctx, s.provisioner)
	if errors.Is(err, reconcile.ErrForbidden) {
		return &reconcile.RefusedError{Refused: reconcile.RefusedAll, Err: err}
	}
	return err
}

// refused stores and returns the quarantine after a run that failed before it sent some changes: a
// new one if the directory refuses all calls or all of a kind, the next pause if the provisioner
// was in quarantine, and nil otherwise.
func (r *Runner) refused(s runState, failure error, notSent int) *reconcile.Quarantine {
	refusal := refusalOf(failure)
	var q *reconcile.Quarantine
	switch {
	case r.Quarantines == nil || !s.request.Apply:
		return nil
	case s.quarantine != nil:
		q = s.quarantine.AfterFailedTry(refusal, r.now(), r.QuarantinePause)
	case refusal != nil:
		q = reconcile.NewQuarantine(s.provisioner, refusal, r.now(), r.QuarantinePause)
	default:
		return nil
	}
	if notSent > 0 {
		q.NotSent = notSent
	}
	r.Quarantines.Store(s.provisioner.Key, q)
	return q
}

// refusalOf returns the refusal that ended a run; nil if something else ended it. A run that needs
// an authorization was not refused: an operator must act.
func refusalOf(err error) *reconcile.RefusedError {
	if errors.Is(err, ErrNeedsAuthorization) {
		return nil
	}
	return reconcile.RefusalOf(err)
}

// endQuarantine ends the quarantine of a run that has read the directory, unless its writes were
// refused, and returns it. It returns nil if there was none, or if it continues.
func (r *Runner) endQuarantine(s runState, applied *reconcile.ApplyResult, stopped error) *reconcile.Quarantine {
	q := s.quarantine
	if q == nil || refusalOf(stopped) != nil {
		return nil
	}
	wrote := false
	for i := range applied.Changes {
		wrote = wrote || applied.Changes[i].Result == reconcile.ResultDone
	}
	if stopped != nil && !wrote && q.Refused == reconcile.RefusedWrites {
		return nil // the run ended before it could find out
	}
	r.Quarantines.Store(s.provisioner.Key, nil)
	return q
}

// reportQuarantine adds to a report which quarantine the run began, continued or ended. After a
// refusal, the changes that were not sent are only counted.
func (r *Runner) reportQuarantine(report *reconcile.Report, s runState, stopped error) {
	refusal := refusalOf(stopped)
	switch {
	case refusal != nil:
		report.CountNotSent()
		report.Quarantine = r.refused(s, stopped, report.Counts.NotSent)
	case s.quarantine != nil && r.Quarantines.Load(s.provisioner.Key) == nil:
		ended := fmt.Sprintf("AWS accepts calls again: the quarantine since %s has ended",
			s.quarantine.Since.UTC().Format(time.RFC3339))
		report.Warnings = append(slices.Clone(report.Warnings), ended)
	}
}

// probe makes one read of the object that a refused change is about.
func probe(ctx context.Context, f reconcile.Finder, refused reconcile.Ref) error {
	var err error
	if refused.Kind.OfUser() {
		_, _, err = f.UserByExternalID(ctx, refused.Key)
	} else {
		_, _, err = f.GroupByExternalID(ctx, refused.Key)
	}
	return err
}
