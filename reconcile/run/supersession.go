package run

import (
	"context"
	"errors"
	"time"

	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// ErrSuperseded is why a run ended early if a newer commit is to be applied instead.
var ErrSuperseded = errors.New("superseded by a newer commit")

// Supersession says when a newer commit ends a run. However often people merge, the provisioner
// makes progress:
//
//	while the run reads     the read goes on; a newer commit waits for its end
//	before the first write  the run ends; that of the newer commit starts with what was read
//	                        (not twice in a row)
//	while the run applies   the run ends at a safe point; after a superseded run, it first applies
//	                        for as long as it took to plan, and at least for a second
//
// With each further superseded run, the time that the next one applies doubles, until a run reaches
// its end. So of two runs one writes, and a plan of any size ends after few runs.
type Supersession struct {
	// Newer is closed when there is a newer commit. Nil means never.
	Newer <-chan struct{}
	// Before is the number of runs directly before this one that ended with ErrSuperseded.
	Before int
	// Replaced is that of the result of the run before; nil if there is none.
	Replaced *ReplacedRun
}

// ReplacedRun is what a run has read that ended before its first write.
type ReplacedRun struct {
	status   string // the run in the status; then nobody else has run
	identity string // of the provisioner
	view     *observe.View
}

// maxApplyTime is how long a run applies at most although there is a newer commit. A commit that
// reverts another one must not wait longer. minApplyTime is how long it applies at least after a
// superseded run, so that it sends something at every rate of a call a second and more.
const minApplyTime, maxApplyTime = time.Second, 5 * time.Minute

// isSuperseded reports whether there is a newer commit.
func (s Supersession) isSuperseded() bool {
	select {
	case <-s.Newer:
		return true
	default:
		return false
	}
}

// replacesPlan reports whether the run ends with its read, so that the newer commit is planned.
func (s Supersession) replacesPlan() bool { return s.Before == 0 && s.isSuperseded() }

// applyTime returns how long a run applies although there is a newer commit. planned is how long it
// took to plan.
func (s Supersession) applyTime(planned time.Duration) time.Duration {
	if s.Before == 0 {
		return 0
	}
	return min(max(planned, minApplyTime)<<min(s.Before-1, 10), maxApplyTime)
}

// whileCurrent returns a context that ends with ErrSuperseded when a newer commit ends the run. It
// is called before the first write. planned is how long the run took to plan. The caller must call
// release.
func (s Supersession) whileCurrent(ctx context.Context, planned time.Duration) (_ context.Context, release func()) {
	if s.Newer == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	timer := time.NewTimer(s.applyTime(planned))
	go func() {
		defer close(ended)
		defer timer.Stop()
		for _, event := range []func() bool{
			func() bool { return waitFor(ctx, timer.C) }, func() bool { return waitFor(ctx, s.Newer) },
		} {
			if !event() {
				return
			}
		}
		cancel(ErrSuperseded)
	}()
	return ctx, func() { cancel(nil); <-ended }
}

// waitFor waits for a channel. It returns false if the context ends before.
func waitFor[T any](ctx context.Context, events <-chan T) bool {
	select {
	case <-events:
		return true
	case <-ctx.Done():
		return false
	}
}

// known is what earlier runs know of the directory.
type known struct {
	cached    *observe.CachedDirectory
	notCached string        // why cached is nil; empty if there is nothing to say
	replaced  *observe.View // of the run that this run replaces; nil if there is none
}

// known returns what earlier runs know of the directory.
func (r *Runner) known(s *runState) known {
	cached, reason := observe.LoadCached(r.Cache, s.provisioner, s.audit)
	replaced := s.request.Supersession.Replaced
	if replaced == nil || observe.Distrust(s.audit) != "" || replaced.status != s.audit.Status.RunID() ||
		replaced.identity != s.provisioner.Identity() {
		return known{cached: cached, notCached: reason}
	}
	return known{cached: replaced.view.CachedDirectory, replaced: replaced.view}
}

// keep stores what is known of the directory for the next run, if the run leaves no report.
func (r *Runner) keep(s runState, cached *observe.CachedDirectory) {
	if r.Cache == nil || cached == nil || !s.request.Apply || s.previousKey != "" || observe.Distrust(s.audit) != "" {
		return
	}
	c := *cached
	c.Run = s.audit.Status.RunID()
	r.Cache.Store(s.provisioner.Key, &c)
}
