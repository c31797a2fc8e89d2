package scim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/loopback"
)

// MaxMembers is the maximum number of membership changes in one request to IAM Identity Center, for
// creating and for patching a group (Developer Guide, CreateGroup and PatchGroup).
const MaxMembers = 100

// DefaultUserAgent is the User-Agent if Client.UserAgent is empty. IAM Identity Center rejects a
// PATCH without a User-Agent.
const DefaultUserAgent = "roster-scim/1"

// defaultTimeout is the timeout of one attempt, including the body.
const defaultTimeout = time.Minute

// Client is a client of one SCIM endpoint. Endpoint and Token are required; the zero values of all
// other fields are useful. A Client is safe for concurrent use. Its fields must not change after
// the first call.
type Client struct {
	// Endpoint is the base URL, ".../<tenant>/scim/v2". A trailing slash is ignored. The scheme
	// must be https, except for loopback addresses or if PlainHTTP is set.
	Endpoint string

	// Token returns the bearer token. It is called before each attempt, so a renewed token takes
	// effect immediately. The token is never logged.
	Token func(context.Context) (string, error)

	// HTTP sends the requests. If it is nil or has no Transport, the client uses
	// http.DefaultTransport with more idle connections. CheckRedirect is ignored: redirects are
	// never followed, because another server must not receive the token.
	HTTP *http.Client

	// PlainHTTP allows http to hosts other than loopback. Everyone on the network path can then
	// read the token.
	PlainHTTP bool

	// Limiter limits the rate of requests; nil means unlimited. All clients of an endpoint should
	// share one Limiter.
	Limiter *Limiter

	// Profile is the dialect of the server. The default is AWS.
	Profile Profile

	// PageSize is the number of objects to request per page. 0 means the default of the service for
	// the AWS profile, which is its maximum (100), and 100 for other servers.
	PageSize int

	// MaxObjects is the maximum number of objects of one listing; 0 means 1,000,000. A server could
	// send pages forever otherwise.
	MaxObjects int

	// Retry configures how a failed request is repeated.
	Retry Retry

	// Timeout is the timeout of one attempt, up to the end of the response; 0 means one minute.
	Timeout time.Duration

	// UserAgent is sent with every request; empty means DefaultUserAgent.
	UserAgent string

	// Log logs calls at debug level: method, path, status and duration, never bodies or the token.
	// Nil disables it.
	Log *slog.Logger

	// Observe, if set, is called for each finished call. It runs in the goroutine of the call and
	// must be safe for concurrent use.
	Observe func(Call)

	// Now and Sleep replace the clock in tests. Sleep must return the context's error early when
	// the context ends. Nil means the real clock.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Call is one finished call: a request and its retries.
type Call struct {
	Op        string // the operation: "create user", "list groups"
	Method    string
	Path      string // below the endpoint, with the query
	Status    int    // of the last response; 0 if there was none
	RequestID string // of the last response, assigned by the server
	Attempts  int    // number of requests sent
	Throttled int    // number of responses with status 429
	Duration  time.Duration
	Recovered bool  // the response of a create was lost, and a search found the object
	Err       error // nil when the call succeeded
}

type observerKey struct{}

// WithObserver returns a context that reports its calls to observe, in addition to Client.Observe.
// A caller can use it to get the request id and the duration of its own calls.
func WithObserver(ctx context.Context, observe func(Call)) context.Context {
	return context.WithValue(ctx, observerKey{}, observe)
}

// StaticToken returns a Token function for a token that does not change. White space around the
// token, such as the newline at the end of a file, is removed.
func StaticToken(token string) func(context.Context) (string, error) {
	token = strings.TrimSpace(token)
	return func(context.Context) (string, error) {
		if token == "" {
			return "", errors.New("the token is empty")
		}
		return token, nil
	}
}

// checkedEndpoint returns the endpoint without its trailing slash. It returns an error if the token
// must not be sent to the endpoint.
func (c *Client) checkedEndpoint() (string, error) {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil:
		// The error of url.Parse contains the URL, which may contain a password.
		return "", errors.New("endpoint: not a URL")
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return "", fmt.Errorf(
			"endpoint: want https://HOST/TENANT/scim/v2, got scheme %q and host %q",
			u.Scheme,
			u.Host,
		)
	case u.User != nil:
		return "", errors.New("endpoint: must not contain a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("endpoint: must not contain a query or fragment")
	case u.Scheme == "http" && !c.PlainHTTP && !loopback.IsHost(u.Hostname()):
		return "", fmt.Errorf("endpoint: plain http to %s would expose the token; use https", u.Host)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// httpClient returns a copy of the HTTP client that does not follow redirects.
func (c *Client) httpClient() *http.Client {
	var h http.Client
	if c.HTTP != nil {
		h = *c.HTTP
	}
	if h.Transport == nil {
		h.Transport = transport()
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &h
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	if c.Sleep != nil {
		return c.Sleep(ctx, d)
	}
	return sleep(ctx, d)
}

// sleep waits for d or until the context ends. Then it returns the cause.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Client) timeout() time.Duration {
	if c.Timeout > 0 {
		return c.Timeout
	}
	return defaultTimeout
}

func (c *Client) userAgent() string {
	if c.UserAgent != "" {
		return c.UserAgent
	}
	return DefaultUserAgent
}

// observe reports a finished call to the observers and to the log.
func (c *Client) observe(ctx context.Context, call Call) {
	if c.Observe != nil {
		c.Observe(call)
	}
	if observer, ok := ctx.Value(observerKey{}).(func(Call)); ok && observer != nil {
		observer(call)
	}
	if c.Log != nil {
		c.Log.DebugContext(ctx, "scim call", "op", call.Op, "method", call.Method, "path", call.Path,
			"status", call.Status, "attempts", call.Attempts, "duration", call.Duration, "request", call.RequestID)
	}
}
