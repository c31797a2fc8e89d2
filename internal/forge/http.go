package forge

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// LimitedError says that the forge asks for patience.
type LimitedError struct{ Until time.Time }

func (e *LimitedError) Error() string {
	return "the forge asks for patience until " + e.Until.UTC().Format(time.RFC3339)
}

// How much is asked of a forge: writes at the pace that GitHub recommends to be spared its secondary limits, reads somewhat faster, and
// no answer longer than what a page of a hundred pull requests may come to.
const (
	writesPerSecond = 1
	readsPerSecond  = 10
	maxAnswer       = 32 << 20
	callTimeout     = time.Minute
)

// patient is the transport below all clients: it paces, heeds the forge's limits and bounds what is read.
type patient struct {
	next          http.RoundTripper
	now           func() time.Time
	reads, writes *rate.Limiter

	mu    sync.Mutex
	until time.Time
}

// newClient makes the HTTP client of a forge. Redirects stay at the host that the credential is for.
func newClient(c Config) (*http.Client, *patient) {
	next, now := c.HTTP, c.Now
	if next == nil {
		next = http.DefaultTransport
	}
	if now == nil {
		now = time.Now
	}
	p := &patient{next: next, now: now, reads: rate.NewLimiter(readsPerSecond, 50), writes: rate.NewLimiter(writesPerSecond, 20)}
	return &http.Client{Transport: p, Timeout: callTimeout, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) > 3 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
			return errors.New("the forge redirects elsewhere: the credential stays where it belongs")
		}
		return nil
	}}, p
}

func (p *patient) RoundTrip(req *http.Request) (*http.Response, error) {
	p.mu.Lock()
	until := p.until
	p.mu.Unlock()
	if p.now().Before(until) {
		return nil, &LimitedError{until}
	}
	pace := p.writes
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		pace = p.reads
	}
	if err := pace.Wait(req.Context()); err != nil {
		return nil, err
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
		return nil, &LimitedError{until}
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{&bounded{res.Body, maxAnswer}, res.Body}
	return res, nil
}

// limitOf reads how a forge says that it has had enough: 429, or GitHub's 403 with a wait or nothing left.
func limitOf(res *http.Response, now time.Time) (time.Time, bool) {
	h := res.Header
	if res.StatusCode != http.StatusTooManyRequests &&
		(res.StatusCode != http.StatusForbidden || h.Get("Retry-After") == "" && h.Get("X-RateLimit-Remaining") != "0") {
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

// bounded fails where io.LimitReader would pretend that the answer has ended.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the forge's answer is longer than %d bytes", int64(maxAnswer))
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
