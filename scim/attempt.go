package scim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	maxAnswer  = 64 << 20 // bytes of an answer; a page of 100 full users is under 4 MB
	maxRefusal = 64 << 10 // bytes that are read of an error body
)

// trial is the outcome of sending a request once.
type trial struct {
	err   *Error // nil: done
	again bool   // trying again may help
	maybe bool   // it may have taken effect
}

// try sends a request once, in its turn.
func (c *Client) try(ctx context.Context, r request, call *Call) trial {
	base, err := c.base()
	if err != nil {
		return trial{err: r.failed(err)}
	}
	token, err := c.token(ctx)
	if err != nil {
		return trial{err: r.failed(err)}
	}
	if err := c.Limiter.acquire(ctx); err != nil {
		return trial{err: r.failed(err)}
	}
	call.Attempts++
	res, err := c.exchange(ctx, r, base, token)
	res.id = requestID(res.header, token)
	call.Status, call.RequestID = res.status, res.id
	throttled, wait := res.status == http.StatusTooManyRequests, time.Duration(0)
	if throttled || res.status == http.StatusServiceUnavailable {
		wait = retryAfter(res.header.Get("Retry-After"), c.now())
	}
	c.Limiter.release(throttled, wait)
	if throttled {
		call.Throttled++
	}
	if err != nil {
		return c.unanswered(ctx, r, res, err)
	}
	t := r.judge(res, token)
	if t.err != nil {
		t.err.RetryAfter = retryAfter(res.header.Get("Retry-After"), c.now())
		call.RequestID = t.err.RequestID
	}
	return t
}

func (c *Client) token(ctx context.Context) (string, error) {
	if c.Token == nil {
		return "", errors.New("get token: Client.Token is not set")
	}
	token, err := c.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("get token: %w", err)
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", errors.New("get token: the token is empty")
	}
	return token, nil
}

// exchange sends the request and reads the answer to its end. With an error it
// returns as much of the answer as came.
func (c *Client) exchange(ctx context.Context, r request, base, token string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, base+r.path, bytes.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	if r.body == nil {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	} else {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	req.Header.Set("Accept", "application/scim+json, application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", c.userAgent())
	res, err := c.doer().Do(req)
	if err != nil {
		return answer{}, withoutURL(err)
	}
	defer res.Body.Close()
	limit := int64(maxAnswer)
	if res.StatusCode >= 300 {
		limit = maxRefusal
	}
	a := answer{status: res.StatusCode, header: res.Header}
	a.body, err = io.ReadAll(io.LimitReader(res.Body, limit))
	if err == nil && limit == maxAnswer && len(a.body) == maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	if err != nil && res.StatusCode >= 300 {
		err = nil // the status says enough, half an error body is still a help
	}
	return a, err
}

// withoutURL takes the method and URL out of an error of net/http: Error has
// them already, and the tenant id need not be everywhere.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// failed makes the error of a request that was never sent.
func (r request) failed(err error) *Error {
	return &Error{Op: r.op, Method: r.method, Path: r.path, Err: err}
}

// unanswered judges a request whose answer did not come, or not whole.
func (c *Client) unanswered(ctx context.Context, r request, res answer, err error) trial {
	e := r.failed(err)
	e.Status, e.RequestID = res.status, res.id
	t := trial{err: e, again: !hopeless(err)}
	t.maybe = r.method != http.MethodGet && !failedBeforeSending(err) && !hopeless(err)
	if ctx.Err() != nil {
		e.Err, t.again = context.Cause(ctx), false
	} else if errors.Is(err, context.DeadlineExceeded) {
		e.Err = fmt.Errorf("no answer within %s: %w", c.timeout(), err)
	}
	return t
}

// judge decides what an answer means.
func (r request) judge(res answer, token string) trial {
	e := r.failed(nil)
	e.Status, e.RequestID = res.status, res.id
	if res.status >= 200 && res.status < 300 {
		if r.decode == nil {
			return trial{}
		}
		err := r.decode(res)
		if err == nil {
			return trial{}
		}
		e.Err = fmt.Errorf("read answer: %w", err)
		return trial{err: e, again: true, maybe: r.method != http.MethodGet}
	}
	e.explain(res.body, token)
	if res.status >= 300 && res.status < 400 {
		e.Err = errors.New("redirects are not followed, lest the token travel elsewhere")
	}
	return trial{
		err:   e,
		again: transient(res.status),
		maybe: r.method != http.MethodGet && res.status >= 500 && transient(res.status),
	}
}

// requestID returns the server's name for a request.
func requestID(h http.Header, token string) string {
	for _, name := range []string{"X-Amzn-Requestid", "X-Request-Id"} {
		if id := h.Get(name); id != "" {
			return tidy(id, token)
		}
	}
	return ""
}
