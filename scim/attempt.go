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
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/seed-d64a251c/roster/internal/neterror"
)

const (
	maxBody      = 64 << 20 // bytes of a response; a page of 100 full users is under 4 MB
	maxErrorBody = 64 << 10 // bytes that are read of an error response
	// maxValues is the number of values in a response. Small values need many times their size in
	// memory. A page of 100 full users has under 10,000.
	maxValues = 2_000_000
)

// response is an HTTP response that was read to its end.
type response struct {
	status    int
	header    http.Header
	body      []byte
	requestID string        // assigned by the server
	buffer    *bytes.Buffer // with the body
}

// bodies are buffers of earlier responses.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooledBody is the size of the largest buffer that is used again.
const maxPooledBody = 4 << 20

// release lets the buffer of the body be used again. The body must not be used afterward.
func (r *response) release() {
	if r.buffer != nil && r.buffer.Cap() <= maxPooledBody {
		r.buffer.Reset()
		bodies.Put(r.buffer)
	}
	r.body, r.buffer = nil, nil
}

// attemptResult is the result of sending a request once.
type attemptResult struct {
	err          *Error // nil: success
	retry        bool   // another attempt may succeed
	maybeApplied bool   // the request may have taken effect
	token        string // with which the request was sent; "" if it was not sent
}

// attempt waits for the limiter and sends a request once.
func (c *Client) attempt(ctx context.Context, r request, call *Call) attemptResult {
	endpoint, err := c.checkedEndpoint()
	if err != nil {
		return attemptResult{err: r.failed(err)}
	}
	token, err := c.token(ctx)
	if err != nil {
		return attemptResult{err: r.failed(err)}
	}
	if err := c.acquire(ctx); err != nil {
		return attemptResult{err: r.failed(err)}
	}
	call.Attempts++
	res, err := c.exchange(ctx, r, endpoint, token)
	defer res.release()
	res.requestID = requestID(res.header, token)
	call.Status, call.RequestID = res.status, res.requestID
	throttled, wait := res.status == http.StatusTooManyRequests, time.Duration(0)
	if throttled || res.status == http.StatusServiceUnavailable {
		wait = retryAfter(res.header.Get("Retry-After"), c.now())
	}
	c.Limiter.release(throttled, wait)
	if throttled {
		call.Throttled++
	}
	if err != nil {
		return c.exchangeFailed(ctx, r, res, err)
	}
	result := r.interpret(res, token)
	result.token = token
	if result.err != nil {
		result.err.RetryAfter = retryAfter(res.header.Get("Retry-After"), c.now())
		call.RequestID = result.err.RequestID
	}
	return result
}

// acquire waits until the limiter lets a request be sent. If it returns nil, the request must be
// sent.
func (c *Client) acquire(ctx context.Context) error {
	if err := notSent(ctx); err != nil {
		return err
	}
	wait, cancel := untilSending(ctx)
	defer cancel()
	err := c.Limiter.acquire(wait)
	stopped := notSent(ctx)
	switch {
	case stopped == nil:
		return err
	case err == nil:
		c.Limiter.release(false, 0)
	}
	return stopped
}

func (c *Client) token(ctx context.Context) (string, error) {
	if c.Token == nil {
		return "", errors.New("get token: Client.Token is not set")
	}
	token, err := c.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("get token: %w", err)
	}
	if err := CheckToken(token); err != nil {
		return "", fmt.Errorf("get token: %w", err)
	}
	return strings.TrimSpace(token), nil
}

// exchange sends the request and reads the response to its end. With an error it returns the part
// of the response that arrived.
func (c *Client) exchange(ctx context.Context, r request, endpoint, token string) (response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, endpoint+r.path, bytes.NewReader(r.body))
	if err != nil {
		return response{}, err
	}
	if r.body == nil {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	} else {
		req.Header.Set("Content-Type", "application/scim+json")
	}
	req.Header.Set("Accept", "application/scim+json, application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", c.userAgent())
	httpResponse, err := c.httpClient().Do(req)
	if err != nil {
		return response{}, withoutURL(err)
	}
	defer httpResponse.Body.Close()
	limit := int64(maxBody)
	if httpResponse.StatusCode >= 300 {
		limit = maxErrorBody
	}
	res := response{status: httpResponse.StatusCode, header: httpResponse.Header}
	res.buffer = bodies.Get().(*bytes.Buffer)
	_, err = res.buffer.ReadFrom(io.LimitReader(httpResponse.Body, limit))
	res.body = res.buffer.Bytes()
	switch {
	case err != nil || limit != maxBody:
	case len(res.body) == maxBody:
		err = tooLargeError(fmt.Sprintf("the response is longer than %d bytes", maxBody))
	case bytes.Count(res.body, []byte(",")) >= maxValues:
		err = tooLargeError(fmt.Sprintf("the response has more than %d values", maxValues))
	}
	if _, tooLarge := err.(tooLargeError); tooLarge {
		res.body = nil
	}
	if err != nil && res.status >= 300 {
		err = nil // the status is enough, and a part of an error body still helps
	}
	return res, err
}

// tooLargeError is the error for a response that is not read. The server would send it again.
type tooLargeError string

func (e tooLargeError) Error() string { return string(e) }

// withoutURL removes the method and the URL from an error of net/http. Error has the method and the
// path, and the tenant id of the URL should not be in every message.
//
// The text of the others is for people.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return neterror.Explain(err)
}

// withoutDecoder returns the error of a decoder with a text that shows the response instead of the
// names of types and packages, and without the token.
func withoutDecoder(err error, body []byte, token string) error {
	var syntax *jsontext.SyntacticError
	var kind *json.SemanticError
	var syntaxV1 *jsonv1.SyntaxError
	var kindV1 *jsonv1.UnmarshalTypeError
	switch {
	case strings.Contains(err.Error(), "exceeded max depth"):
		return &decodeError{"the answer is nested too deeply", err}
	case !errors.As(err, &syntax) && !errors.As(err, &kind) && !errors.As(err, &syntaxV1) && !errors.As(err, &kindV1):
		return err
	}
	begin := cleanText(string(body[:min(len(body), 40+len(token))]), token)
	if kindV1 != nil {
		text := fmt.Sprintf("the answer has %.40s in %q, where another type is expected", kindV1.Value, kindV1.Field)
		return &decodeError{cleanText(text, token), err}
	}
	return &decodeError{fmt.Sprintf("the answer is not the JSON that was expected; it begins with %.40q", begin), err}
}

// decodeError is the error of a decoder with another text.
type decodeError struct {
	text string
	err  error
}

func (e *decodeError) Error() string { return e.text }
func (e *decodeError) Unwrap() error { return e.err }

// failed returns the error of a request that did not succeed because of err.
func (r request) failed(err error) *Error {
	return &Error{Op: r.op, Method: r.method, Path: r.path, Err: err}
}

// exchangeFailed is the result of a request whose response did not arrive, or only in part.
func (c *Client) exchangeFailed(ctx context.Context, r request, res response, err error) attemptResult {
	e := r.failed(err)
	e.Status, e.RequestID = res.status, res.requestID
	var tooLarge tooLargeError
	result := attemptResult{err: e, retry: !permanent(err) && !errors.As(err, &tooLarge)}
	result.maybeApplied = r.method != http.MethodGet && !failedBeforeSending(err) && !permanent(err)
	if ctx.Err() != nil {
		e.Err, result.retry = context.Cause(ctx), false
	} else if errors.Is(err, context.DeadlineExceeded) {
		e.Err = fmt.Errorf("no response within %s: %w", c.timeout(), err)
	}
	return result
}

// interpret is the result of a request that was answered.
func (r request) interpret(res response, token string) attemptResult {
	e := r.failed(nil)
	e.Status, e.RequestID = res.status, res.requestID
	if res.status >= 200 && res.status < 300 {
		if r.decode == nil {
			return attemptResult{}
		}
		err := r.decode(res)
		if err == nil {
			return attemptResult{}
		}
		e.Err = fmt.Errorf("read response: %w", neterror.Explain(withoutDecoder(err, res.body, token)))
		return attemptResult{err: e, retry: true, maybeApplied: r.method != http.MethodGet}
	}
	e.readBody(res.body, token)
	if res.status >= 300 && res.status < 400 {
		e.Err = errors.New("redirects are not followed, to keep the token from other servers")
	}
	return attemptResult{
		err:          e,
		retry:        transient(res.status),
		maybeApplied: r.method != http.MethodGet && res.status >= 500 && transient(res.status),
	}
}

// requestID returns the id that the server assigned to a request, or "".
func requestID(h http.Header, token string) string {
	for _, name := range []string{"X-Amzn-Requestid", "X-Request-Id"} {
		if id := h.Get(name); id != "" {
			return cleanText(id, token)
		}
	}
	return ""
}
