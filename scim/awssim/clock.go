package awssim

import (
	"fmt"
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

// maxClockOffset is how far the management API moves the clock from the real time, in both
// directions.
const maxClockOffset = 100 * 366 * 24 * time.Hour

// moveWithin moves the clock. It fails and changes nothing if the clock would then differ from the
// base clock by more than limit.
func (c *clock) moveWithin(by, limit time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if by > limit-c.offset || by < -limit-c.offset { // c.offset is within the limit: no overflow
		return fmt.Errorf("the clock would differ from the real time by more than %d years", limit/(366*24*time.Hour))
	}
	c.offset += by
	return nil
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += by
}

// AdvanceClock moves the server's clock, so that tokens and cursors expire.
func (s *Server) AdvanceClock(by time.Duration) { s.clock.advance(by) }
