package awssim

import (
	"sync"
	"time"
)

// rateLimiter is a token bucket for all callers.
type rateLimiter struct {
	mu    sync.Mutex
	limit Throttle
	level float64
	last  time.Time
}

func (l *rateLimiter) init(limit Throttle, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit, l.level, l.last = limit, float64(limit.Burst), now
}

// allow reports whether another call is allowed now. A rejected call does not use up the limit.
func (l *rateLimiter) allow(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limit.Unlimited {
		return true
	}
	if d := now.Sub(l.last); d > 0 {
		l.level = min(float64(l.limit.Burst), l.level+d.Seconds()*l.limit.PerSecond)
		l.last = now
	}
	if l.level < 1 {
		return false
	}
	l.level--
	return true
}
