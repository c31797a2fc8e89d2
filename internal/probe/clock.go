package probe

import (
	"net/http"
	"sync"
	"time"
)

// Clock is a transport that records the Date header of responses, to compare it with the local
// clock. It is safe for concurrent use.
type Clock struct {
	Next http.RoundTripper

	mu       sync.Mutex
	date, at time.Time
}

// RoundTrip sends the request with Next.
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

// Last returns the server's clock in the last response, and the local time of that moment. Both are
// zero if no response had a Date.
func (c *Clock) Last() (date, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.date, c.at
}
