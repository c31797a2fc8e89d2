package probe

import (
	"net/http"
	"sync"
	"time"
)

// Clock notes the Date of answers, to compare it with ours. It may be used concurrently.
type Clock struct {
	Next http.RoundTripper

	mu       sync.Mutex
	date, at time.Time
}

// RoundTrip passes a request on.
func (c *Clock) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	res, err := c.Next.RoundTrip(r)
	if err != nil {
		return res, err
	}
	if date, bad := http.ParseTime(res.Header.Get("Date")); bad == nil {
		c.mu.Lock()
		c.date, c.at = date, sent.Add(time.Since(sent)/2)
		c.mu.Unlock()
	}
	return res, nil
}

// Last returns the server's clock in the last answer, and ours then; zero if no answer had one.
func (c *Clock) Last() (date, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.date, c.at
}
