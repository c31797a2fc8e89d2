package scim

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// cutFactor is what remains of the rate after a 429, cutPause how long
	// further 429s belong to the same cut: those of one crowded second are one
	// piece of news.
	cutFactor = 0.7
	cutPause  = time.Second

	// floorShare bounds the cut, as a share of the configured rate.
	floorShare = 1.0 / 20

	// riseShare is the share of the configured rate that comes back in a second
	// without a 429. Slow enough that feeling for the limit costs about one
	// call in a hundred, fast enough that a storm is forgotten within a minute.
	riseShare = 1.0 / 40

	// maxPause bounds how long one Retry-After can hold everybody up.
	maxPause = time.Minute
)

// Limiter paces the requests to one endpoint, over all its callers. It starts at
// the configured rate, cuts it by a third when the server answers 429, holds
// everybody back for as long as a Retry-After asks, and climbs again while no
// 429 comes. The zero value limits nothing. Not to be copied after first use.
type Limiter struct {
	// PerSecond is the highest rate of requests; 0 means unlimited. IAM Identity
	// Center allows 20, collectively for all callers of an instance.
	PerSecond float64

	// Concurrency is the number of requests under way at once; 0 means
	// unlimited.
	Concurrency int

	once  sync.Once
	slots chan struct{}
	pace  *rate.Limiter

	mu     sync.Mutex
	rate   float64   // now in force
	cut    time.Time // of the last cut
	risen  time.Time // up to when the rate has risen
	resume time.Time // nobody sends before
}

func (l *Limiter) start() {
	l.once.Do(func() {
		if l.Concurrency > 0 {
			l.slots = make(chan struct{}, l.Concurrency)
		}
		if l.PerSecond > 0 {
			l.rate = l.PerSecond
			l.pace = rate.NewLimiter(rate.Limit(l.PerSecond), 1)
		}
		l.risen = time.Now()
	})
}

// Rate returns the rate now in force, in requests a second; 0 means unlimited.
func (l *Limiter) Rate() float64 {
	l.start()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rate
}

// acquire waits for a turn. Whoever gets one must give it back with release.
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
		l.leave()
	}
	return err
}

// wait sleeps until the pace and the last Retry-After allow a request. Whoever
// was held back queues again, lest all of them go off together.
func (l *Limiter) wait(ctx context.Context) error {
	for {
		if l.pace != nil {
			turn := l.pace.Reserve()
			if err := sleep(ctx, turn.Delay()); err != nil {
				turn.Cancel()
				return err
			}
		}
		l.mu.Lock()
		pause := time.Until(l.resume)
		l.mu.Unlock()
		if pause <= 0 {
			return context.Cause(ctx)
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

func (l *Limiter) leave() {
	if l.slots != nil {
		<-l.slots
	}
}

// release ends a turn and learns from how it went.
func (l *Limiter) release(throttled bool, retryAfter time.Duration) {
	if l == nil {
		return
	}
	l.leave()
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := now.Add(min(retryAfter, maxPause)); retryAfter > 0 && until.After(l.resume) {
		l.resume = until
	}
	if l.pace == nil {
		return
	}
	switch since := now.Sub(l.cut); {
	case !throttled && since >= cutPause:
		rise := l.PerSecond * riseShare * now.Sub(l.risen).Seconds()
		l.rate, l.risen = min(l.PerSecond, l.rate+rise), now
	case throttled && since >= cutPause:
		l.rate = max(l.PerSecond*floorShare, l.rate*cutFactor)
		l.cut, l.risen = now, now
	default:
		l.risen = now
	}
	l.pace.SetLimit(rate.Limit(l.rate))
}
