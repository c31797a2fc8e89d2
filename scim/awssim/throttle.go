package awssim

import (
	"sync"
	"time"
)

// bucket is a token bucket over all callers.
type bucket struct {
	mu    sync.Mutex
	limit Throttle
	level float64
	last  time.Time
}

func (b *bucket) start(limit Throttle, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.limit, b.level, b.last = limit, float64(limit.Burst), now
}

// take is whether another call is let through now. A refused one costs nothing.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit.Unlimited {
		return true
	}
	if d := now.Sub(b.last); d > 0 {
		b.level = min(float64(b.limit.Burst), b.level+d.Seconds()*b.limit.PerSecond)
		b.last = now
	}
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}
