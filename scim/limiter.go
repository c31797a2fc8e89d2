package scim

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// cutFactor is the part of the rate that remains after a 429.
	cutFactor = 0.7

	// cutInterval is the shortest time between two cuts. All 429s within it have one cause.
	cutInterval = time.Second

	// minShare is the lowest rate, as a share of the configured rate.
	minShare = 1.0 / 20

	// raiseShare is the share of the configured rate that is restored in a second without a 429. At
	// this speed, testing the server's limit costs about one call in a hundred, and the full rate
	// is back within a minute.
	raiseShare = 1.0 / 40

	// maxPause is the longest time that one Retry-After can delay all callers.
	maxPause = time.Minute
)

// Limiter limits the rate of requests to one endpoint, over all callers. It starts at the
// configured rate and cuts it by a third when the server answers 429. A Retry-After delays all
// callers. Without further 429s the rate rises again. The zero value has no limits. A Limiter must
// not be copied after first use.
type Limiter struct {
	// PerSecond is the highest rate of requests; 0 means unlimited. IAM Identity Center allows 20,
	// for all callers of an instance together.
	PerSecond float64

	// Concurrency is the maximum number of concurrent requests; 0 means unlimited.
	Concurrency int

	once    sync.Once
	slots   chan struct{}
	limiter *rate.Limiter

	mu          sync.Mutex
	rate        float64   // the current rate
	lastCut     time.Time // when the rate was last cut
	lastRaise   time.Time // up to when the rate was raised
	pausedUntil time.Time // no request is sent before
}

func (l *Limiter) start() {
	l.once.Do(func() {
		if l.Concurrency > 0 {
			l.slots = make(chan struct{}, l.Concurrency)
		}
		if l.PerSecond > 0 {
			l.rate = l.PerSecond
			l.limiter = rate.NewLimiter(rate.Limit(l.PerSecond), 1)
		}
		l.lastRaise = time.Now()
	})
}

// Rate returns the current rate in requests per second; 0 means unlimited.
func (l *Limiter) Rate() float64 {
	l.start()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate
}

// acquire waits until a request may be sent. If it returns nil, the caller must call release.
func (l *Limiter) acquire(ctx context.Context) error {
	if l == nil {
		return context.Cause(ctx)
	}
	l.start()
	if l.slots != nil {
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := l.wait(ctx)
	if err != nil {
		l.freeSlot()
	}
	return err
}

// wait sleeps until the rate and the last Retry-After allow a request. After a pause a caller waits
// for the rate again, so that the delayed requests are not sent all at once.
func (l *Limiter) wait(ctx context.Context) error {
	for {
		if l.limiter != nil {
			reservation := l.limiter.Reserve()
			if err := sleep(ctx, reservation.Delay()); err != nil {
				reservation.Cancel()
				return err
			}
		}
		l.mu.Lock()
		pause := time.Until(l.pausedUntil)
		l.mu.Unlock()
		if pause <= 0 {
			return context.Cause(ctx)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func (l *Limiter) freeSlot() {
	if l.slots != nil {
		<-l.slots
	}
}

// release frees the slot of a request and adapts the rate to its response.
func (l *Limiter) release(throttled bool, retryAfter time.Duration) {
	if l == nil {
		return
	}
	l.freeSlot()
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := now.Add(min(retryAfter, maxPause)); retryAfter > 0 && until.After(l.pausedUntil) {
		l.pausedUntil = until
	}
	if l.limiter == nil {
		return
	}
	switch since := now.Sub(l.lastCut); {
	case !throttled && since >= cutInterval:
		raise := l.PerSecond * raiseShare * now.Sub(l.lastRaise).Seconds()
		l.rate, l.lastRaise = min(l.PerSecond, l.rate+raise), now
	case throttled && since >= cutInterval:
		l.rate = max(l.PerSecond*minShare, l.rate*cutFactor)
		l.lastCut, l.lastRaise = now, now
	default:
		l.lastRaise = now
	}
	l.limiter.SetLimit(rate.Limit(l.rate))
}
