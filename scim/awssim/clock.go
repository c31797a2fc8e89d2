package awssim

import (
	"sync"
	"time"
)

// clock is the server's time: a base clock plus an offset.
type clock struct {
	base func() time.Time // nil means time.Now

	mu     sync.Mutex
	offset time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base == nil {
		return time.Now().Add(c.offset)
	}
	return c.base().Add(c.offset)
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

// AdvanceClock moves the server's clock, so that tokens and cursors expire.
func (s *Server) AdvanceClock(by time.Duration) { s.clock.advance(by) }
