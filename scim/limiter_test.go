package scim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

// bucket is a server with a token bucket, as AWS has one, and a latency. It is a transport, so that
// it works with the synthetic time of a test.
type bucket struct {
	rate, burst float64
	latency     time.Duration
	retryAfter  string

	mu        sync.Mutex
	tokens    float64
	last      time.Time
	at        []time.Time // when each request came
	throttled int
	under, up int // requests under way, and the most there were
}

func (b *bucket) RoundTrip(r *http.Request) (*http.Response, error) {
	res := b.take()
	select {
	case <-time.After(b.latency):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.under--
	return res, nil
}

func (b *bucket) take() *http.Response {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.last.IsZero() {
		b.tokens = b.burst
	} else {
		b.tokens = min(b.burst, b.tokens+b.rate*now.Sub(b.last).Seconds())
	}
	b.last = now
	b.at = append(b.at, now)
	b.under++
	b.up = max(b.up, b.under)
	res := &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"id":"u1"}`))}
	if b.tokens < 1 {
		b.throttled++
		res.StatusCode = 429
		if b.retryAfter != "" {
			res.Header.Set("Retry-After", b.retryAfter)
		}
	} else {
		b.tokens--
	}
	return res
}

// callConcurrently makes n calls from 20 goroutines and returns the duration.
func callConcurrently(t testing.TB, c *scim.Client, n int) time.Duration {
	t.Helper()
	start := time.Now()
	work := make(chan struct{})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range work {
				if _, err := c.GetUser(t.Context(), "u1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range n {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	return time.Since(start)
}

func limited(b *bucket, l *scim.Limiter) *scim.Client {
	return &scim.Client{
		Endpoint: "https://192.0.2.1/t/scim/v2",
		Token:    scim.StaticToken(secret),
		HTTP:     &http.Client{Transport: b},
		Limiter:  l,
		Retry:    scim.Retry{Attempts: 100},
	}
}

func TestLimiterUsesTheAllowedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{rate: 20, burst: 20, latency: 100 * time.Millisecond}
		took := callConcurrently(t, limited(b, &scim.Limiter{PerSecond: 20, Concurrency: 5}), 600)
		if took < 29*time.Second || took > 31*time.Second || b.throttled != 0 {
			t.Errorf("600 calls at 20 a second took %v, %d of them answered 429", took, b.throttled)
		}
		if b.up > 5 {
			t.Errorf("%d requests at once", b.up)
		}
	})
}

func TestLimiterAdaptsToASharedRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{rate: 12, burst: 20, latency: 100 * time.Millisecond} // others take 8 of the 20
		l := &scim.Limiter{PerSecond: 20, Concurrency: 5}
		took := callConcurrently(t, limited(b, l), 3000)
		if share := float64(b.throttled) / float64(len(b.at)); share > 0.03 {
			t.Errorf("%.1f %% of the requests answered 429", 100*share)
		}
		if rate := 3000 / took.Seconds(); rate < 9 {
			t.Errorf("%.1f calls a second got through, of 12", rate)
		}
	})
}

func TestLimiterBacksOffAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{rate: 2, burst: 2}
		l := &scim.Limiter{PerSecond: 20, Concurrency: 5}
		c := limited(b, l)
		if l.Rate() != 20 {
			t.Errorf("it starts at %v", l.Rate())
		}
		callConcurrently(t, c, 100)
		low := l.Rate()
		if low > 10 || low < 1 { // it rises a little after each success, and the last ones may be many
			t.Errorf("a server that takes 2 a second leaves the rate at %v", low)
		}
		b.mu.Lock()
		b.rate, b.burst = 100, 100
		b.mu.Unlock()
		callConcurrently(t, c, 1000)
		if l.Rate() != 20 {
			t.Errorf("after recovery the rate is %v, want 20", l.Rate())
		}
	})
}

func TestRetryAfterDelaysAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{rate: 1000, burst: 1000, retryAfter: "5"}
		l := &scim.Limiter{Concurrency: 5}
		c := limited(b, l)
		b.tokens, b.last = -1000, time.Now() // the next is refused
		b.rate = 0
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := c.GetUser(t.Context(), "u1"); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		time.Sleep(time.Millisecond)
		b.mu.Lock()
		b.tokens, b.rate = 1000, 1000
		first := b.at[0]
		b.mu.Unlock()
		callConcurrently(t, c, 10)
		wg.Wait()
		for _, at := range b.at[1:] {
			if wait := at.Sub(first); wait < 5*time.Second {
				t.Errorf("a request came %v after the 429", wait)
			}
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{rate: 1000, burst: 1000, latency: time.Hour}
		c := limited(b, &scim.Limiter{Concurrency: 1})
		stop := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := c.DeleteUser(ctx, "u1"); !errors.Is(err, stop) {
					t.Errorf("error %v, want the cause", err)
				}
			})
		}
		synctest.Wait()
		cancel(stop)
		wg.Wait()
		if len(b.at) != 1 {
			t.Errorf("%d requests", len(b.at))
		}
	})
}

func TestZeroLimiterLimitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bucket{rate: 1e6, burst: 1e6, latency: time.Second}
		if took := callConcurrently(t, limited(b, new(scim.Limiter)), 100); took != 5*time.Second || b.up != 20 {
			t.Errorf("100 calls by 20 callers took %v, %d at once", took, b.up)
		}
	})
}
