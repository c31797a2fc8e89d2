package scim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// MaxMembers is the number of membership changes that IAM Identity Center takes
// in one request, whether it creates or patches a group (Developer Guide,
// CreateGroup and PatchGroup).
const MaxMembers = 100

// DefaultUserAgent is sent when Client.UserAgent is empty. IAM Identity Center
// refuses a PATCH without a User-Agent.
const DefaultUserAgent = "roster-scim/1"

// defaultTimeout bounds one attempt, body included.
const defaultTimeout = time.Minute

// Client speaks SCIM with one endpoint. Endpoint and Token are required, the
// zero value of everything else is useful. A Client may be used by many
// goroutines at once; its fields must not change after the first call.
type Client struct {
	// Endpoint is the base URL, ".../<tenant>/scim/v2". A trailing slash is
	// ignored. Plain http is accepted only to a loopback address, unless
	// PlainHTTP is set.
	Endpoint string

	// Token returns the bearer token. It is asked before each attempt, so a
	// token that is renewed takes effect at once. Never logged.
	Token func(context.Context) (string, error)

	// HTTP sends the requests. Nil, or one without a Transport, means
	// http.DefaultTransport with room for more idle connections. Redirects are
	// never followed, whatever it says: a token must not travel elsewhere.
	HTTP *http.Client

	// PlainHTTP allows http:// to hosts other than loopback, where anybody on
	// the way can read the token.
	PlainHTTP bool

	// Limiter paces the requests; nil means unlimited. Share one over all
	// clients of an endpoint.
	Limiter *Limiter

	// Profile is the dialect of the server: AWS unless set.
	Profile Profile

	// PageSize is the number of objects asked for in a page; 0 leaves the AWS
	// profile at the service's default, which is its maximum (100), and asks
	// other servers for 100.
	PageSize int

	// Retry says how often and how patiently a request is repeated.
	Retry Retry

	// Timeout bounds one attempt, from sending to the end of the answer; 0
	// means one minute.
	Timeout time.Duration

	// UserAgent is sent with every request; empty means DefaultUserAgent.
	UserAgent string

	// Log receives wire traffic at debug level: method, path, status and
	// durations, never bodies and never the token. Nil logs nothing.
	Log *slog.Logger

	// Observe, if set, is told about each finished call. It is called from the
	// goroutine that made the call and must be safe for concurrent use.
	Observe func(Call)

	// Now and Sleep stand in for the clock in tests. Sleep returns early with
	// the context's error when it ends. Nil means the real clock.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
}

// Call describes one finished call: a request and its retries.
type Call struct {
	Op        string // what was asked for: "create user", "list groups"
	Method    string
	Path      string // below the endpoint, with the query
	Status    int    // of the last answer; 0 if none came
	RequestID string // of the last answer, as the server named it
	Attempts  int    // requests sent
	Throttled int    // answers 429 among them
	Duration  time.Duration
	Recovered bool  // a create whose reply was lost, found by looking it up
	Err       error // nil when the call succeeded
}

type observerKey struct{}

// WithObserver returns a context whose calls are also reported to observe, in
// addition to Client.Observe. It gives a caller the request id and the duration
// of the very calls that it makes.
func WithObserver(ctx context.Context, observe func(Call)) context.Context {
	return context.WithValue(ctx, observerKey{}, observe)
}

// StaticToken returns a Token function for a token that does not change. White
// space around the token, such as the newline at the end of a file, is removed.
func StaticToken(token string) func(context.Context) (string, error) {
	token = strings.TrimSpace(token)
	return func(context.Context) (string, error) {
		if token == "" {
			return "", errors.New("the token is empty")
		}
		return token, nil
	}
}

// base returns the endpoint without its trailing slash, once it has been found
// fit to carry a token.
func (c *Client) base() (string, error) {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil:
		// The error of url.Parse repeats the URL, which may hold a password.
		return "", errors.New("endpoint: not a URL")
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return "", fmt.Errorf("endpoint: want https://HOST/TENANT/scim/v2, got scheme %q and host %q", u.Scheme, u.Host)
	case u.User != nil:
		return "", errors.New("endpoint: must not carry a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("endpoint: must not carry a query or fragment")
	case u.Scheme == "http" && !c.PlainHTTP && !loopback(u.Hostname()):
		return "", fmt.Errorf("endpoint: plain http to %s would show the token to everybody on the way; use https", u.Host)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// doer returns the HTTP client to use. It is a copy, because redirects are
// switched off.
func (c *Client) doer() *http.Client {
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

// sleep waits for d, or until the context ends.
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

// observed reports a finished call to whoever wants to know.
func (c *Client) observed(ctx context.Context, call Call) {
	if c.Observe != nil {
		c.Observe(call)
	}
	if observe, ok := ctx.Value(observerKey{}).(func(Call)); ok && observe != nil {
		observe(call)
	}
	if c.Log != nil {
		c.Log.DebugContext(ctx, "scim call", "op", call.Op, "method", call.Method, "path", call.Path, "status", call.Status,
			"attempts", call.Attempts, "duration", call.Duration, "request", call.RequestID)
	}
}
