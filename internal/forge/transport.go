package forge

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// RateLimitError is returned for calls until the forge's rate limit ends.
type RateLimitError struct{ Until time.Time }

func (e *RateLimitError) Error() string {
	return "rate limited by the forge until " + e.Until.UTC().Format(time.RFC3339)
}

// The limits of a forge's client. GitHub limits clients that create more than 80 comments, statuses
// and the like in a minute: maxWriteBurst and a minute of writesPerSecond are 68. maxResponse is
// larger than any page of a hundred pull requests.
const (
	writesPerSecond = 0.8
	maxWriteBurst   = 20
	readsPerSecond  = 10
	maxResponse     = 32 << 20
	callTimeout     = time.Minute
)

// limitedTransport is the transport of all clients. It limits the rate of requests, honors the
// forge's own rate limit, and limits the size of responses.
type limitedTransport struct {
	next          http.RoundTripper
	now           func() time.Time
	reads, writes *rate.Limiter

	mu    sync.Mutex
	until time.Time
}

// newClient returns the HTTP client of a forge. It follows redirects only within the host of the
// credential.
func newClient(c Config) (*http.Client, *limitedTransport) {
	next, now := c.HTTP, c.Now
	if next == nil {
		next = http.DefaultTransport
	}
	if now == nil {
		now = time.Now
	}
	p := &limitedTransport{next: next, now: now, reads: rate.NewLimiter(readsPerSecond, 50),
		writes: rate.NewLimiter(writesPerSecond, maxWriteBurst)}
	return &http.Client{Transport: p, Timeout: callTimeout,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > 3 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
				return errors.New("the forge redirects to another host: roster does not send the credential there")
			}
			return nil
		}}, p
}

func (p *limitedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	until := p.until
	p.mu.Unlock()
	if p.now().Before(until) {
		return nil, &RateLimitError{until}
	}
	limiter := p.writes
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		limiter = p.reads
	}
	if err := limiter.Wait(req.Context()); err != nil {
		if cause := req.Context().Err(); cause != nil {
			return nil, cause
		}
		return nil, errors.New("roster sends the forge no more requests at this time, to stay below its rate limit")
	}
	res, err := p.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if until, limited := limitOf(res, p.now()); limited {
		res.Body.Close()
		p.mu.Lock()
		p.until = until
		p.mu.Unlock()
		return nil, &RateLimitError{until}
	}
	if err := notAPI(res); err != nil {
		res.Body.Close()
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{&boundedReader{res.Body, maxResponse}, res.Body}
	return res, nil
}

// notAPI returns an error for a page that a browser would show: a sign-in page, or the page of a
// proxy whose server does not answer. The status of a refused request says more than its page.
func notAPI(res *http.Response) error {
	media, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if media != "text/html" || res.StatusCode >= 400 && res.StatusCode < 500 {
		return nil
	}
	return fmt.Errorf("the forge answered with a page for browsers (status %d), not with its API: is the address of "+
		"the API right (--forge-api), and does a proxy or a sign-in page stand before it?", res.StatusCode)
}

// limitOf returns when a forge's rate limit ends. A limit is a status 429, or on GitHub a 403 with
// Retry-After or with no remaining requests.
func limitOf(res *http.Response, now time.Time) (time.Time, bool) {
	h := res.Header
	if res.StatusCode != http.StatusTooManyRequests &&
		(res.StatusCode != http.StatusForbidden || h.Get("Retry-After") == "" &&
			h.Get("X-RateLimit-Remaining") != "0") {
		return time.Time{}, false
	}
	if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s >= 0 {
		return now.Add(time.Duration(min(s, 24*3600)) * time.Second), true
	}
	for _, name := range []string{"X-RateLimit-Reset", "RateLimit-Reset"} { // GitHub; GitLab
		if s, err := strconv.ParseInt(h.Get(name), 10, 64); err == nil {
			if reset := time.Unix(s, 0); reset.After(now) && reset.Before(now.Add(24*time.Hour)) {
				return reset, true
			}
		}
	}
	return now.Add(time.Minute), true
}

// boundedReader returns an error at the limit, where io.LimitReader would return io.EOF.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the forge's response is longer than %d bytes", int64(maxResponse))
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
