package forge

import (
	"sync"
	"time"
)

// debouncer calls a function at most once in an interval. The first event calls it at once. Events
// within the interval after a call cause one call together, at its end. The zero value is ready to
// use. It is safe for concurrent use.
type debouncer struct {
	mu      sync.Mutex
	last    time.Time // of the last call
	pending bool      // a call is scheduled
}

// event calls do now or at the end of the interval. do must not block.
func (d *debouncer) event(now time.Time, interval time.Duration, do func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	wait := interval - now.Sub(d.last)
	switch {
	case d.pending:
	case d.last.IsZero() || wait <= 0:
		d.last = now
		do()
	default:
		d.pending = true
		time.AfterFunc(wait, func() {
			d.mu.Lock()
			d.pending, d.last = false, now.Add(wait)
			d.mu.Unlock()
			do()
		})
	}
}
