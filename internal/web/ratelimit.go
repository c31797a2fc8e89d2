package web

import (
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/internal/webauth"
)

// RateLimits limit the requests of each caller. A caller who is not authenticated is an address.
type RateLimits struct {
	// Reads and Acts are the requests in a minute; 0 means any number. A sixth of them may come at
	// once.
	Reads, Acts int
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu sync.Mutex
	// newer has the callers since older was replaced. A caller in none of them has sent nothing for
	// a while, or there are many callers.
	newer, older map[string]*rate.Limiter
}

// maxCallers is the number of callers whose requests are counted in one of the two maps.
const maxCallers = 10_000

// policy is the limit of one kind of requests.
type policy struct {
	name      string
	perMinute int
}

// burst is the number of requests that may come at once.
func (p policy) burst() int { return max(1, p.perMinute/6) }

// window is the number of seconds in which as many requests as burst are permitted.
func (p policy) window() int { return int(math.Ceil(float64(p.burst()) * 60 / float64(p.perMinute))) }

// take counts a request of a caller, and writes what is left to the headers of its response. It
// returns the seconds after which the caller may try again; 0 if the request is permitted.
func (l *RateLimits) take(h http.Header, caller string, p policy) (retryAfter int) {
	if p.perMinute <= 0 {
		return 0
	}
	now := time.Now()
	if l.Now != nil {
		now = l.Now()
	}
	limiter := l.limiter(p.name+" "+caller, p)
	if r := limiter.ReserveN(now, 1); r.DelayFrom(now) > 0 {
		retryAfter = int(math.Ceil(r.DelayFrom(now).Seconds()))
		r.CancelAt(now)
	}
	left := max(0, limiter.TokensAt(now))
	full := int(math.Ceil((float64(p.burst()) - left) * 60 / float64(p.perMinute)))
	h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", p.name, p.burst(), p.window()))
	h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", p.name, int(left), full))
	if retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	return retryAfter
}

// limiter returns the limiter of a caller.
func (l *RateLimits) limiter(key string, p policy) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.newer[key]
	if out != nil {
		return out
	}
	if out = l.older[key]; out == nil {
		out = rate.NewLimiter(rate.Limit(float64(p.perMinute)/60), p.burst())
	}
	if l.newer == nil || len(l.newer) >= maxCallers {
		l.newer, l.older = map[string]*rate.Limiter{}, l.newer
	}
	l.newer[key] = out
	return out
}

// unlimited reports whether a path has no rate limit: probes, files of pages, and webhooks, which
// have a limit of their own.
func unlimited(path string) bool {
	return path == healthPaths[0] || path == healthPaths[1] || path == page.StylePath || path == page.IconPath ||
		strings.HasPrefix(path, webhookPrefix)
}

// permits counts a request. It returns the seconds after which a refused caller may try again.
func (a *Access) permits(w http.ResponseWriter, r *http.Request, caller webauth.Caller, known bool) (retryAfter int) {
	if a.Limits == nil || unlimited(r.URL.Path) {
		return 0
	}
	key := "address " + network(a.addressOf(r))
	if known && a.Authenticator != nil {
		key = fmt.Sprintf("caller %t %s", caller.Session, caller.Name)
	}
	p := policy{"read", a.Limits.Reads}
	if roleFor(r) == webauth.RoleAct {
		p = policy{"act", a.Limits.Acts}
	}
	return a.Limits.take(w.Header(), key, p)
}

// addressOf returns the address that a request comes from: that of the connection, or the one that
// the proxy in front of the server names last.
func (a *Access) addressOf(r *http.Request) string {
	if a.BehindProxy {
		all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if last, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1])); err == nil {
			return last.Unmap().String()
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// network returns what an address is counted as: a client with IPv6 has a whole /64.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
