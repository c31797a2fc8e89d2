package apply

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// admission decides when a write may be sent, and when refusals concern the whole directory. At
// most maxInFlight writes are in flight that the directory could still refuse, so a directory that
// begins to refuse all calls refuses no more than maxInFlight writes and one read.
//
//	answer                                   what follows
//	401                                      the run stops
//	403 to a write                           the other calls in flight end; writes that wait for
//	                                         the limiter are sent later
//	  ... three objects are refused          the run stops
//	  ... a read is refused as well          the run stops
//	  ... otherwise                          other objects are written one at a time
//	403 to the first write of a cautious run the run stops
//	success of a write that was sent         writes are sent concurrently again
//	after the refusal
type admission struct {
	// probe makes one harmless read; nil makes none. The error is that of the read.
	probe func(context.Context, reconcile.Ref) error
	// refusalTime is how long a write in flight counts as one that could be refused; 0: until it
	// ends.
	refusalTime time.Duration
	stop        context.CancelCauseFunc // of ctx
	ctx         context.Context         // ends when nothing more may be sent

	mu      sync.Mutex
	changed *sync.Cond
	// cautious is set until a write succeeds, if the directory refused writes before.
	cautious bool
	serial   bool // writes are sent one at a time
	deciding bool // no write is sent
	active   int  // number of admitted writes that have not ended
	atRisk   int  // number of those that the directory could still refuse
	admitted int  // number of writes admitted so far
	// refused are the objects that were refused since the last success. inFlight is the number of
	// the last write that was admitted before the first of these refusals: the success of such a
	// write proves nothing.
	refused  map[object]bool
	inFlight int
	// denied are all objects that were refused in the run.
	denied map[object]bool
	probes int

	sending context.Context // of the admitted writes: they are sent only until it ends
	recall  context.CancelCauseFunc
}

// object identifies a user or a group.
type object struct {
	user bool
	key  string
}

func objectOf(c *reconcile.Change) object { return object{c.Kind.OfUser(), c.Key} }

// denies reports whether the directory has refused a write of the same object in this run.
func (a *admission) denies(c *reconcile.Change) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.denied[objectOf(c)]
}

const (
	// maxInFlight is the number of writes in flight that the directory could still refuse. With the
	// read after them, no more than three calls are refused. Two writes in flight make 15 calls a
	// second if each takes up to 133 ms.
	maxInFlight = 2
	// maxRefused is the number of refused objects in a row that stops a run.
	maxRefused = 3
	// maxProbes is the number of reads in a run that find out what a refusal concerns. Objects that
	// are refused one by one must not double the number of calls.
	maxProbes = 10
)

// errRecalled is the cause with which writes come back that are not sent yet.
var errRecalled = errors.New("another write was refused")

// ticket is the admission of one write.
type ticket struct {
	number  int
	sending context.Context
	// accepted ends the time in which the write counts as one that could be refused. It needs a.mu.
	accepted func()
}

func newAdmission(ctx context.Context, in Input) *admission {
	a := &admission{probe: in.Probe, refusalTime: in.RefusalTime, cautious: in.Cautious, serial: in.Cautious,
		refused: map[object]bool{}, denied: map[object]bool{}}
	a.changed = sync.NewCond(&a.mu)
	a.ctx, a.stop = context.WithCancelCause(ctx)
	a.sending, a.recall = context.WithCancelCause(a.ctx)
	return a
}

// close releases the resources of the admission.
func (a *admission) close() {
	a.recall(nil)
	a.stop(nil)
}

// enter waits until a write may be sent. ok is false if nothing more may be sent. Otherwise the
// caller must call exit.
func (a *admission) enter() (t ticket, ok bool) {
	defer context.AfterFunc(a.ctx, a.wake)()
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.ctx.Err() == nil && (a.deciding || a.atRisk >= maxInFlight || a.serial && a.active > 0) {
		a.changed.Wait()
	}
	if a.ctx.Err() != nil {
		return ticket{}, false
	}
	a.active++
	a.admitted++
	return ticket{a.admitted, a.sending, a.risk()}, true
}

// risk counts a write as one that the directory could refuse, until the result is called or the
// refusal time is over. It needs a.mu, and so does the result.
func (a *admission) risk() (accepted func()) {
	a.atRisk++
	ended := false
	end := func() {
		if !ended {
			ended = true
			a.atRisk--
		}
	}
	if a.refusalTime == 0 {
		return end
	}
	timer := time.AfterFunc(a.refusalTime, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		end()
		a.changed.Broadcast()
	})
	return func() {
		timer.Stop()
		end()
	}
}

func (a *admission) wake() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed.Broadcast()
}

// exit records how a write ended whose first change is c. If the write was refused, it decides
// what that concerns, and returns then.
func (a *admission) exit(t ticket, c *reconcile.Change, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.changed.Broadcast()
	a.active--
	t.accepted()
	switch {
	case err == nil:
		if len(a.refused) == 0 || t.number > a.inFlight {
			clear(a.refused)
			a.cautious, a.serial = false, false
		}
	case errors.Is(err, reconcile.ErrUnauthorized):
		a.stop(&reconcile.RefusedError{Refused: reconcile.RefusedAll, Err: err})
	case errors.Is(err, reconcile.ErrForbidden):
		a.add(c)
		a.changed.Broadcast()
		if !a.deciding {
			a.decide(c, err)
		}
	}
}

// add records a refused write. It needs a.mu.
func (a *admission) add(c *reconcile.Change) {
	if len(a.refused) == 0 {
		a.inFlight = a.admitted
	}
	a.refused[objectOf(c)], a.denied[objectOf(c)] = true, true
	if !a.serial {
		a.serial = true
		a.recall(errRecalled)
		a.sending, a.recall = context.WithCancelCause(a.ctx)
	}
}

// decide stops the run if refusals concern the whole directory. It needs a.mu, and releases it
// while it waits.
func (a *admission) decide(c *reconcile.Change, err error) {
	if a.cautious {
		a.stop(&reconcile.RefusedError{Refused: reconcile.RefusedWrites, Err: err})
		return
	}
	a.deciding = true
	defer func() { a.deciding = false }()
	for a.active > 0 {
		a.changed.Wait()
	}
	switch {
	case len(a.refused) >= maxRefused:
		a.stop(&reconcile.RefusedError{Refused: reconcile.RefusedWrites, Err: err})
	case a.probe != nil && a.probes < maxProbes:
		a.probes++
		a.mu.Unlock()
		answer := a.probe(a.ctx, c.Ref())
		a.mu.Lock()
		if errors.Is(answer, reconcile.ErrForbidden) || errors.Is(answer, reconcile.ErrUnauthorized) {
			a.stop(&reconcile.RefusedError{Refused: reconcile.RefusedAll, Err: err})
		}
	}
}
