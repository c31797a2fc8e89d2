package awssim

import (
	"cmp"
	"context"
	"math"
	"time"
)

// Latency is the time that the server waits before it handles a call. The zero value does not wait.
type Latency struct {
	// Fixed is the minimum for each call.
	Fixed time.Duration
	// Median and P99 add a random time from a log-normal distribution, like that of real response
	// times. Half of the calls wait less than Median, and one in a hundred waits longer than P99.
	// No call waits longer than four times P99.
	Median, P99 time.Duration
}

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

// draw returns a random latency. normal returns a number from the standard normal distribution.
func (l Latency) draw(normal func() float64) time.Duration {
	d := l.Fixed
	if l.Median > 0 {
		sigma := 0.0
		if l.P99 > l.Median {
			sigma = math.Log(float64(l.P99)/float64(l.Median)) / z99
		}
		drawn := time.Duration(float64(l.Median) * math.Exp(sigma*normal()))
		d += min(drawn, 4*max(l.P99, l.Median))
	}
	return d
}

// delay waits for the call's latency and for the fault slow. It returns early if the caller
// disconnects.
func (s *Server) delay(c *call) error {
	d := s.Options.Latency.draw(s.random.normal)
	if f, ok := c.faults.get(FaultSlow); ok {
		d += cmp.Or(f.Delay, 5*time.Second)
	}
	return sleep(c.ctx, d)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
