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

// Retry configures how a request is repeated after a 429, a 5xx or a network error. The delay is a
// random part ("full jitter") of a time that doubles from Base up to Max. It is never shorter than
// the server's Retry-After. The zero value selects the defaults.
type Retry struct {
	Attempts int           // maximum number of requests; 0 means 8, 1 means no retry
	Base     time.Duration // 0 means 500 ms
	Max      time.Duration // 0 means 10 s

	// MaxRetryAfter is the longest Retry-After that the client waits for. A longer one ends the
	// call with an error that contains it. 0 means 2 minutes.
	MaxRetryAfter time.Duration
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
	if r.MaxRetryAfter <= 0 {
		r.MaxRetryAfter = 2 * time.Minute
	}
	return r
}

// delay is the time to wait after a failed attempt. The first attempt is 1.
func (r Retry) delay(attempt int, retryAfter time.Duration) time.Duration {
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

// request is what a call sends, how it reads the response, and how it recovers when the response is
// lost.
type request struct {
	op     string
	method string
	path   string // below the endpoint, escaped, with the query
	body   []byte // JSON; nil sends none

	// decode reads the body of a 2xx response. An error means that the response was cut short or is
	// not what was requested. Nil ignores the body.
	decode func(response) error

	// recover searches for the object that this create may have made. It returns errNotCreated if
	// there is none. It is nil for requests that can be repeated without a search.
	recover func(context.Context) error

	// retryConflict is set if the request changes nothing that must be unique. A 409 then means
	// only that another write happened at the same moment.
	retryConflict bool
}

var errNotCreated = errors.New("there is no object with the external id of this create")

// do sends a request until it succeeds, fails permanently or exhausts its attempts. All retries of
// the package happen here.
func (c *Client) do(ctx context.Context, r request) error {
	start := c.now()
	call := Call{Op: r.op, Method: r.method, Path: r.path}
	err := c.doWithRetry(ctx, r, &call)
	call.Duration, call.Err = c.now().Sub(start), err
	c.observe(ctx, call)
	return err
}

func (c *Client) doWithRetry(ctx context.Context, r request, call *Call) error {
	policy := c.Retry.withDefaults()
	maybeApplied := false // by this or an earlier attempt
	renewed := false      // a request with another token was sent after a 401
	for attempt := 1; ; attempt++ {
		result := c.attempt(ctx, r, call)
		if result.err == nil {
			return nil
		}
		result.err.Attempts = call.Attempts
		maybeApplied = maybeApplied || result.maybeApplied
		result.err.MaybeApplied = maybeApplied
		if stopped := (*notSentError)(nil); maybeApplied && errors.As(result.err.Err, &stopped) {
			result.err.Err = stopped.cause // an earlier attempt was sent
		}
		if result.err.Status == http.StatusUnauthorized && !renewed {
			if renewed = true; c.renewed(ctx, result) {
				continue
			}
		}
		if maybeApplied && r.recover != nil {
			if found, err := c.recoverCreate(ctx, r, result); found {
				call.Recovered = true
				return nil
			} else if err != nil {
				result.err.Err = errors.Join(result.err.Err, err)
				return result.err
			}
		}
		if r.retryConflict && result.err.Status == http.StatusConflict {
			result.retry = true
		}
		if !result.retry || attempt >= policy.Attempts || result.err.RetryAfter > policy.MaxRetryAfter {
			return result.err
		}
		if c.Log != nil {
			c.Log.DebugContext(ctx, "scim retry", "op", r.op, "attempt", attempt, "status", result.err.Status,
				"error", result.err.Err)
		}
		if err := c.sleepUntilRetry(ctx, policy.delay(attempt, result.err.RetryAfter)); err != nil {
			result.err.Err = err
			if stopped := (*notSentError)(nil); maybeApplied && errors.As(err, &stopped) {
				result.err.Err = stopped.cause
			}
			return result.err
		}
	}
}

// sleepUntilRetry sleeps before another attempt. It returns an error as soon as the attempt must
// not be sent.
func (c *Client) sleepUntilRetry(ctx context.Context, d time.Duration) error {
	wait, cancel := untilSending(ctx)
	defer cancel()
	err := c.sleep(wait, d)
	if stopped := notSent(ctx); stopped != nil {
		return stopped
	}
	return err
}

// renewed reports whether there is another token than the one that a response with status 401
// rejected. If getting one fails, the result's error says why.
func (c *Client) renewed(ctx context.Context, result attemptResult) bool {
	token, err := c.token(ctx)
	if err != nil {
		result.err.Err = err
	}
	return err == nil && token != result.token
}

// recoverCreate finds out whether a create that may have taken effect did. A server that keeps
// names unique answers 409 to the repeated create. Any other server is searched before the create
// is repeated, to avoid creating a duplicate.
func (c *Client) recoverCreate(ctx context.Context, r request, result attemptResult) (found bool, err error) {
	conflict := result.err.Status == http.StatusConflict
	if !conflict && (!result.retry || c.Profile.keepsNamesUnique()) {
		return false, nil
	}
	policy := c.Retry.withDefaults()
	for attempt := 1; ; attempt++ {
		err = r.recover(ctx)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, errNotCreated) {
			return false, err
		}
		// After a 409 an object exists, but reads may lag behind writes.
		if !conflict || attempt >= min(3, policy.Attempts) {
			break
		}
		if err := c.sleep(ctx, policy.delay(attempt, 0)); err != nil {
			return false, err
		}
	}
	if conflict {
		return false, err
	}
	return false, nil
}

// failedBeforeSending reports whether a network error occurred before the request could reach the
// server.
func failedBeforeSending(err error) bool {
	var op *net.OpError
	var dns *net.DNSError
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial"
}

// permanent reports whether a network error will not go away: a host name that does not exist, a
// certificate that is not trusted, a request that the ReadOnly transport rejects.
func permanent(err error) bool {
	var dns *net.DNSError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &dns) && dns.IsNotFound || errors.As(err, &cert) || errors.As(err, &record) ||
		errors.Is(err, ErrReadOnly)
}

// transient reports whether another attempt may get another status.
func transient(status int) bool {
	switch status {
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// retryAfter reads a Retry-After header: seconds or a date (RFC 9110 section 10.2.3). An invalid
// value is 0.
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
