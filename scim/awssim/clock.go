package awssim

import (
	"sync"
	"time"
)

// clock is the server's time: the base, moved.
type clock struct {
	base func() time.Time

	mu    sync.Mutex
	moved time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base == nil {
		return time.Now().Add(c.moved)
	}
	return c.base().Add(c.moved)
}

// AdvanceClock moves the server's clock, to let tokens and cursors grow old.
func (s *Server) AdvanceClock(by time.Duration) { s.clock.advance(by) }

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += by
}
