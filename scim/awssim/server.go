package awssim

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
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

	tokens   vault
	bucket   bucket
	counters counters
	faults   faults
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
	if t == (Throttle{}) && s.rules.standard {
		t.Unlimited = true
	}
	t.PerSecond = pick(t.PerSecond, 20)
	t.Burst = pick(t.Burst, max(1, int(t.PerSecond)))
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
	c := &call{s: s, ru: s.rules, r: r, ctx: r.Context(), now: s.clock.now(), requestID: s.random.uuid()}
	started := time.Now()
	rep, err := c.answer()
	if err != nil {
		rep = c.failure(err)
	}
	ending := c.ending()
	status := rep.status
	if ending == endReset || ending == endSilence {
		status = 0
	}
	s.counters.add(Request{
		Time: c.now, ID: c.requestID, Method: r.Method, Target: r.URL.RequestURI(), Operation: c.operation(),
		Status: status, Reason: rep.reason, Faults: c.hits.names(), Duration: time.Since(started),
	})
	s.log(c, status, rep.reason)
	rep.send(w, c, ending)
}

func (s *Server) log(c *call, status int, reason string) {
	if s.Logger == nil {
		return
	}
	s.Logger.DebugContext(c.ctx, "call", "operation", c.operation(), "status", status, "reason", reason,
		"faults", c.hits.names(), "request", c.requestID)
}

// call is one request on its way.
type call struct {
	s         *Server
	ru        *rules
	r         *http.Request
	ctx       context.Context
	now       time.Time
	requestID string

	op    *operation // nil where the request fits none
	id    string     // of the object, or the schema
	query url.Values
	token string // id of the token that was presented
	hits  hits

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
func (c *call) answer() (reply, error) {
	c.readBody()
	routing := c.route()
	c.hits = c.s.faults.draw(c, &c.s.random)
	if err := c.s.delay(c); err != nil {
		return reply{}, err
	}
	if rep, done := c.interrupted(); done {
		return rep, nil
	}
	if err := c.authorize(); err != nil {
		return reply{}, err
	}
	if routing != nil {
		return reply{}, routing
	}
	if !c.s.bucket.take(c.now) {
		return reply{}, throttled()
	}
	if err := c.refused(); err != nil {
		return reply{}, err
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

// operation is one of the calls that the endpoint answers, by the name that AWS gives it.
type operation struct {
	name     string
	method   string
	path     string // "Users", "Users/" for one of them
	run      func(*call) (reply, error)
	writes   bool
	standard bool // the rfc profile alone has it
}

func operations() []operation {
	return []operation{
		{name: "ListUsers", method: "GET", path: "Users", run: (*call).listUsers},
		{name: "GetUser", method: "GET", path: "Users/", run: (*call).getUser},
		{name: "ListGroups", method: "GET", path: "Groups", run: (*call).listGroups},
		{name: "GetGroup", method: "GET", path: "Groups/", run: (*call).getGroup},
		{name: "PatchGroup", method: "PATCH", path: "Groups/", run: (*call).patchGroup, writes: true},
		{name: "PatchUser", method: "PATCH", path: "Users/", run: (*call).patchUser, writes: true},
		{name: "CreateUser", method: "POST", path: "Users", run: (*call).createUser, writes: true},
		{name: "CreateGroup", method: "POST", path: "Groups", run: (*call).createGroup, writes: true},
		{name: "PutUser", method: "PUT", path: "Users/", run: (*call).putUser, writes: true},
		{name: "DeleteUser", method: "DELETE", path: "Users/", run: (*call).deleteUser, writes: true},
		{name: "DeleteGroup", method: "DELETE", path: "Groups/", run: (*call).deleteGroup, writes: true},
		{name: "ServiceProviderConfig", method: "GET", path: "ServiceProviderConfig", run: (*call).serviceProviderConfig},
		{name: "ListResourceTypes", method: "GET", path: "ResourceTypes", run: (*call).listResourceTypes},
		{name: "GetResourceType", method: "GET", path: "ResourceTypes/", run: (*call).getResourceType, standard: true},
		{name: "ListSchemas", method: "GET", path: "Schemas", run: (*call).listSchemas},
		{name: "GetSchema", method: "GET", path: "Schemas/", run: (*call).getSchema},
		{name: "PutGroup", method: "PUT", path: "Groups/", run: (*call).putGroup, writes: true, standard: true},
		{name: "SearchUsers", method: "POST", path: "Users/.search", run: (*call).searchUsers, standard: true},
		{name: "SearchGroups", method: "POST", path: "Groups/.search", run: (*call).searchGroups, standard: true},
	}
}

// route finds the operation. The path must be exact: a doubled, missing or trailing slash is another path.
func (c *call) route() error {
	parts := strings.Split(c.r.URL.Path, "/")
	if len(parts) < 5 || parts[0] != "" || parts[2] != "scim" || parts[3] != "v2" {
		return unknownResource("there is nothing at %s: paths start with /<tenant>/scim/v2/", c.r.URL.Path)
	}
	path := parts[4]
	switch {
	case len(parts) == 6 && parts[5] == ".search":
		path += "/.search"
	case len(parts) == 6 && parts[5] != "":
		path, c.id = path+"/", parts[5]
	case len(parts) != 5:
		return unknownResource("there is nothing at %s", c.r.URL.Path)
	}
	var allowed []string
	for _, op := range c.ru.operations {
		if op.path != path {
			continue
		}
		if op.method == c.r.Method {
			c.op = &op
			return c.readQuery()
		}
		allowed = append(allowed, op.method)
	}
	if allowed == nil {
		return unknownResource("there is nothing at %s", c.r.URL.Path)
	}
	return c.unsupported(path, allowed)
}

// unsupported answers a method that the path does not have.
func (c *call) unsupported(path string, allowed []string) error {
	p := invalid("", "%s is not supported here; there is %s", c.r.Method, strings.Join(allowed, ", "))
	switch {
	case c.ru.standard:
		p.status, p.allow = http.StatusMethodNotAllowed, strings.Join(allowed, ", ")
	case path == "Groups/" && c.r.Method == http.MethodPut:
		p.status = pick(c.ru.opt.PutGroupStatus, p.status)
	default:
		p.status = pick(c.ru.opt.UnsupportedStatus, p.status)
	}
	return p
}

// readQuery parses the query strictly, and refuses a parameter given twice.
func (c *call) readQuery() error {
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return invalid(typeValue, "the query cannot be parsed: %v", err)
	}
	for name, values := range q {
		if len(values) > 1 {
			return invalid(typeValue, "the parameter %s is given %d times", name, len(values))
		}
	}
	c.query = q
	return nil
}

// clock is the server's time: the base, moved.
type clock struct {
	base func() time.Time

	mu    sync.Mutex
	moved time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.base == nil {
		return time.Now().Add(c.moved)
	}
	return c.base().Add(c.moved)
}

// AdvanceClock moves the server's clock, to let tokens and cursors grow old.
func (s *Server) AdvanceClock(by time.Duration) { s.clock.advance(by) }

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved += by
}

// random is the one source of chance.
type random struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (r *random) seed(seed uint64) {
	if seed == 0 {
		r.rng = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
		return
	}
	r.rng = rand.New(rand.NewPCG(seed, seed))
}

func (r *random) fill(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range b {
		b[i] = byte(r.rng.Uint32())
	}
}

func (r *random) float() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Float64()
}

func (r *random) uuid() string {
	var b [16]byte
	r.fill(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// tenant has the shape of newer tenant ids: a UUID whose first group is three characters longer.
func (r *random) tenant() string {
	var b [2]byte
	r.fill(b[:])
	return fmt.Sprintf("%x", b)[:3] + r.uuid()
}

// id is a new id as the service makes them: a UUID whose third group starts with 70, behind the prefix if there is one.
func (r *random) id(prefix string) string {
	u := r.uuid()
	u = u[:14] + "70" + u[16:]
	if prefix != "" {
		u = prefix + "-" + u
	}
	return u
}
