package awssim

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// Server is the simulated endpoint. ServeHTTP serves the protocol. The zero value works: it has the
// profile aws, AWS's 20 calls a second and the real clock, and it generates a tenant and a token on
// first use. The exported fields are read on first use and must not change after that. All methods
// are safe for concurrent use.
//
// Mount the server at the root of a listener. An [http.ServeMux] would clean paths with a doubled
// slash, which the service answers with 404.
type Server struct {
	Profile Profile
	// Tenant is the path element before /scim/v2; "" means a random one.
	Tenant string
	// Tokens are the first bearer tokens. The server uses the first two, and generates one if there
	// are none. If a token's Created is zero, it is set to now; if Expires is zero, it is a year
	// after Created.
	Tokens []Token
	// Now is the clock; nil means time.Now.
	Now     func() time.Time
	Options Options
	// Logger receives each call at debug level; nil disables logging.
	Logger *slog.Logger

	once   sync.Once
	err    error // of Validate: every call gets 500
	rules  *rules
	key    [32]byte // signs cursors
	clock  clock
	random random

	mu        sync.RWMutex // guards the directory, the replica and the change log
	dir       *directory
	replica   *replica   // for stale reads; nil without that fault
	changeLog *changeLog // nil without a file

	tokens   tokenStore
	limiter  rateLimiter
	counters counters
	faults   injectedFaults
}

// init initializes the server on first use.
func (s *Server) init() {
	s.once.Do(func() {
		s.err = s.Validate()
		s.rules = newRules(s.Profile, s.Options)
		s.dir = newDirectory(s.rules)
		s.clock.base = s.Now
		s.random.seed(s.Options.Seed)
		s.random.fill(s.key[:])
		if s.Tenant == "" {
			s.Tenant = s.random.tenant()
		}
		s.tokens.init(s.Tokens, s.clock.now(), &s.random)
		s.limiter.init(s.rules.throttle(), s.clock.now())
	})
}

// Path returns the path of the endpoint: "/<tenant>/scim/v2".
func (s *Server) Path() string {
	s.init()
	return "/" + s.Tenant + "/scim/v2"
}

// ServeHTTP handles one protocol call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.init()
	c := &call{s: s, rules: s.rules, r: r, ctx: r.Context(), now: s.clock.now(), requestID: s.random.uuid()}
	started := time.Now()
	resp, err := c.handle()
	if err != nil {
		resp = c.errorResponse(err)
	}
	d := c.delivery()
	status := resp.status
	if d == deliverReset || d == deliverNothing {
		status = 0
	}
	s.counters.add(Request{
		Time: c.now, ID: c.requestID, Method: r.Method, Target: r.URL.RequestURI(), Operation: c.operation(),
		Status: status, Reason: resp.reason, Faults: c.faults.names(), Duration: time.Since(started),
	})
	s.log(c, status, resp.reason)
	resp.send(w, c, d)
}

func (s *Server) log(c *call, status int, reason string) {
	if s.Logger == nil {
		return
	}
	s.Logger.DebugContext(c.ctx, "call", "operation", c.operation(), "status", status, "reason", reason,
		"faults", c.faults.names(), "request", c.requestID)
}
