package evaluator

import (
	"context"
	"errors"
	"sync"
)

// errPreempted is why a preview's child is killed when the branch waits for one.
var errPreempted = errors.New("an evaluation of the branch goes first")

// queue lets one child run at a time. An urgent one goes before all others, and ends a running one
// that is not urgent. The zero value is ready to use.
type queue struct {
	mu      sync.Mutex
	busy    bool
	preempt context.CancelCauseFunc // ends the running child; nil if it is urgent
	urgent  int                     // the number of urgent ones that wait
	changed chan struct{}           // closed at each change
}

// enter waits for the turn. The context that it returns ends with errPreempted if the child has to
// make room. The caller calls leave at the end.
func (q *queue) enter(ctx context.Context, urgent bool) (turn context.Context, leave func(), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if urgent {
		q.urgent++
		defer func() { q.urgent--; q.notify() }()
		if q.preempt != nil {
			q.preempt(errPreempted)
		}
	}
	for q.busy || !urgent && q.urgent > 0 {
		if q.changed == nil {
			q.changed = make(chan struct{})
		}
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		q.mu.Lock()
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
	}
	turn, cancel := context.WithCancelCause(ctx)
	if q.busy = true; !urgent {
		q.preempt = cancel
	}
	return turn, func() {
		cancel(nil)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.busy, q.preempt = false, nil
		q.notify()
	}, nil
}

// notify wakes all that wait. The caller holds the lock.
func (q *queue) notify() {
	if q.changed != nil {
		close(q.changed)
		q.changed = nil
	}
}
