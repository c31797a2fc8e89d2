package scim

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Retry says how a request is repeated after a 429, a 5xx or a network error:
// after a random part ("full jitter") of a time that doubles from Base up to
// Max, and never sooner than the server's Retry-After asks. The zero value
// stands for the defaults.
type Retry struct {
	Attempts int           // requests in all; 0 means 8, 1 means no retry
	Base     time.Duration // 0 means 500 ms
	Max      time.Duration // 0 means 10 s

	// Patience is the longest Retry-After that is waited for; a longer one ends
	// the call with an error that carries it. 0 means 2 minutes.
	Patience time.Duration
}

func (r Retry) withDefaults() Retry {
	if r.Attempts <= 0 {
		r.Attempts = 8
	}
	if r.Base <= 0 {
		r.Base = 500 * time.Millisecond
	}
	if r.Max <= 0 {
		r.Max = 10 * time.Second
	}
	if r.Patience <= 0 {
		r.Patience = 2 * time.Minute
	}
	return r
}

// pause is the time to wait after the given failed attempt, the first being 1.
func (r Retry) pause(attempt int, retryAfter time.Duration) time.Duration {
	ceiling := r.Max
	if shift := attempt - 1; shift < 30 && r.Base<<shift > 0 {
		ceiling = min(r.Max, r.Base<<shift)
	}
	jitter := rand.N(ceiling)
	if retryAfter > 0 {
		return retryAfter + min(jitter, r.Base)
	}
	return jitter
}

// request is a call on its way: what to send, how to read the answer, and what
// to do when nobody knows whether it took effect.
type request struct {
	op     string
	method string
	path   string // below the endpoint, escaped, with the query
	body   []byte // JSON; nil sends none

	// decode reads the body of a 2xx answer. An error means that the answer was
	// cut short or is not what was asked for.
	decode func(answer) error

	// recover looks for the object that this create may have made, and is nil
	// for requests that can simply be sent again. It returns errNoTwin when
	// nothing of ours is there.
	recover func(context.Context) error

	// conflictPasses says that a 409 can only be another's write at the same
	// moment, because the request touches nothing that must be unique.
	conflictPasses bool
}

// answer is a reply that arrived whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	id     string // the server's name for the request
}

var errNoTwin = errors.New("no object with our externalId is there")

// do sends a request until it succeeds, is refused, or hope runs out. All
// retries of the package happen here.
func (c *Client) do(ctx context.Context, r request) error {
	start := c.now()
	call := Call{Op: r.op, Method: r.method, Path: r.path}
	err := c.persist(ctx, r, &call)
	call.Duration, call.Err = c.now().Sub(start), err
	c.observed(ctx, call)
	return err
}

func (c *Client) persist(ctx context.Context, r request, call *Call) error {
	policy := c.Retry.withDefaults()
	maybe := false // an earlier attempt may have taken effect
	for attempt := 1; ; attempt++ {
		t := c.try(ctx, r, call)
		if t.err == nil {
			return nil
		}
		t.err.Attempts = call.Attempts
		maybe = maybe || t.maybe
		t.err.MaybeApplied = maybe
		if maybe && r.recover != nil {
			if found, err := c.settle(ctx, r, t); found {
				call.Recovered = true
				return nil
			} else if err != nil {
				t.err.Err = errors.Join(t.err.Err, err)
				return t.err
			}
		}
		if r.conflictPasses && t.err.Status == http.StatusConflict {
			t.again = true
		}
		if !t.again || attempt >= policy.Attempts || t.err.RetryAfter > policy.Patience {
			return t.err
		}
		if c.Log != nil {
			c.Log.DebugContext(ctx, "scim retry", "op", r.op, "attempt", attempt, "status", t.err.Status, "error", t.err.Err)
		}
		if err := c.sleep(ctx, policy.pause(attempt, t.err.RetryAfter)); err != nil {
			t.err.Err = err
			return t.err
		}
	}
}

// settle finds out whether a create that may have taken effect did. A server
// that keeps names unique is simply asked again and tells by a 409; any other is
// searched before the create is repeated, lest it make a twin.
func (c *Client) settle(ctx context.Context, r request, t trial) (found bool, err error) {
	conflict := t.err.Status == http.StatusConflict
	if !conflict && (!t.again || c.Profile.unique()) {
		return false, nil
	}
	policy := c.Retry.withDefaults()
	for attempt := 1; ; attempt++ {
		err = r.recover(ctx)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, errNoTwin) {
			return false, err
		}
		// After a 409 something is there, though a read may lag behind.
		if !conflict || attempt >= min(3, policy.Attempts) {
			break
		}
		if err := c.sleep(ctx, policy.pause(attempt, 0)); err != nil {
			return false, err
		}
	}
	if conflict {
		return false, err
	}
	return false, nil
}

// failedBeforeSending says that a network error came before the request could
// have reached the server.
func failedBeforeSending(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}

// hopeless says that a network error will be the same next time: a name that
// does not exist, a certificate that is not trusted, a request that our own side
// refuses to send.
func hopeless(err error) bool {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &dns) && dns.IsNotFound || errors.As(err, &cert) || errors.As(err, &record) || errors.Is(err, ErrReadOnly)
}

// transient says that a status may be another one next time.
func transient(status int) bool {
	switch status {
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// retryAfter reads the header of that name: seconds or a date (RFC 9110 section
// 10.2.3). What it cannot read asks for nothing.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseFloat(value, 64); err == nil {
		if !(seconds > 0) || seconds > 1e9 {
			return 0
		}
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
