package awssim

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Server is the simulated endpoint: the protocol is its ServeHTTP, all else its methods. The zero value works: profile aws,
// a random tenant and token made on first use, AWS's 20 calls a second, the real clock. The exported fields are read on
// first use and must not change after that. All methods may be called concurrently.
//
// It must see paths as they were sent, so it is mounted at the root of a listener: an [http.ServeMux] would tidy a doubled
// slash that the service answers with 404.
type Server struct {
	Profile Profile
	// Tenant is the path element before /scim/v2; "" is a random one.
	Tenant string
	// Tokens are the bearer tokens there are at first, at most two: more are passed over. None makes one. Of a token whose
	// times are zero, Created is now and Expires a year later.
	Tokens []Token
	// Now is the clock; nil is time.Now.
	Now     func() time.Time
	Options Options
	// Logger is told of each call at debug level; nil is silence.
	Logger *slog.Logger

	once   sync.Once
	rules  *rules
	key    [32]byte // signs cursors
	clock  clock
	random random

	mu      sync.RWMutex // guards the directory, its followers and the journal
	dir     *directory
	replica *replica // what stale reads see; nil without that fault
	journal *journal // nil without persistence

	tokens   tokenStore
	bucket   bucket
	counters counters
	faults   injectedFaults
}

// init makes what the zero value lacks.
func (s *Server) init() {
	s.once.Do(func() {
		s.rules = newRules(s.Profile, s.Options)
		s.dir = newDirectory(s.rules)
		s.clock.base = s.Now
		s.random.seed(s.Options.Seed)
		s.random.fill(s.key[:])
		if s.Tenant == "" {
			s.Tenant = s.random.tenant()
		}
		s.tokens.start(s.Tokens, s.clock.now(), &s.random)
		s.bucket.start(s.throttle(), s.clock.now())
	})
}

// throttle is the configured limit with its defaults.
func (s *Server) throttle() Throttle {
	t := s.Options.Throttle
	if t == (Throttle{}) && s.rules.rfc {
		t.Unlimited = true
	}
	t.PerSecond = cmp.Or(t.PerSecond, 20)
	t.Burst = cmp.Or(t.Burst, max(1, int(t.PerSecond)))
	return t
}

// Path is where the endpoint is below its host: "/<tenant>/scim/v2".
func (s *Server) Path() string {
	s.init()
	return "/" + s.Tenant + "/scim/v2"
}

// ServeHTTP answers one call of the protocol.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.init()
	c := &call{s: s, rules: s.rules, r: r, ctx: r.Context(), now: s.clock.now(), requestID: s.random.uuid()}
	started := time.Now()
	resp, err := c.answer()
	if err != nil {
		resp = c.failure(err)
	}
	delivery := c.delivery()
	status := resp.status
	if delivery == deliverReset || delivery == deliverNothing {
		status = 0
	}
	s.counters.add(Request{
		Time: c.now, ID: c.requestID, Method: r.Method, Target: r.URL.RequestURI(), Operation: c.operation(),
		Status: status, Reason: resp.reason, Faults: c.faults.names(), Duration: time.Since(started),
	})
	s.log(c, status, resp.reason)
	resp.send(w, c, delivery)
}

func (s *Server) log(c *call, status int, reason string) {
	if s.Logger == nil {
		return
	}
	s.Logger.DebugContext(c.ctx, "call", "operation", c.operation(), "status", status, "reason", reason,
		"faults", c.faults.names(), "request", c.requestID)
}

// call is one request on its way.
type call struct {
	s         *Server
	rules     *rules
	r         *http.Request
	ctx       context.Context
	now       time.Time
	requestID string

	op     *operation // nil where the request fits none
	id     string     // of the object, or the schema
	query  url.Values
	token  string // id of the token that was presented
	faults activeFaults

	body    []byte
	bodyErr error
}

func (c *call) operation() string {
	if c.op == nil {
		return "Unknown"
	}
	return c.op.name
}

// answer takes the request through every gate: latency, path, faults of the network, tenant and token, throttle, faults of
// the service, and the operation itself.
func (c *call) answer() (response, error) {
	c.readBody()
	routing := c.route()
	c.faults = c.s.faults.activate(c, &c.s.random)
	if err := c.s.delay(c); err != nil {
		return response{}, err
	}
	if resp, done := c.interrupted(); done {
		return resp, nil
	}
	if err := c.authorize(); err != nil {
		return response{}, err
	}
	if routing != nil {
		return response{}, routing
	}
	if !c.s.bucket.take(c.now) {
		return response{}, throttled()
	}
	if err := c.refused(); err != nil {
		return response{}, err
	}
	return c.op.run(c)
}

func throttled() *problem {
	return &problem{status: http.StatusTooManyRequests, detail: detailThrottle, reason: "more calls than the throttle lets through"}
}

// authorize checks the tenant in the path and the bearer token. AWS answers 401 for either.
func (c *call) authorize() error {
	first, _, _ := strings.Cut(strings.TrimPrefix(c.r.URL.Path, "/"), "/")
	if first != c.s.Tenant {
		return unauthorized("the path names the tenant %q, which this is not", first)
	}
	scheme, secret, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || secret == "" {
		return unauthorized("the header Authorization holds no bearer token")
	}
	id, err := c.s.tokens.check(secret, c.now)
	c.token = id
	return err
}
