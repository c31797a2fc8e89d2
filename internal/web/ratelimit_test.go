package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// limitedServer is a server with tokens and with rate limits, whose clock is now.
func limitedServer(t *testing.T, reads, acts int, now *time.Time) (h http.Handler, read, act string, polls *int) {
	t.Helper()
	access, read, act := withTokens(t)
	access.Limits = &RateLimits{Reads: reads, Acts: acts, Now: func() time.Time { return *now }}
	polls = new(int)
	return fullServer(access, polls).Handler(), read, act, polls
}

// from sends a request of an address with a token.
func from(h http.Handler, method, path, address, token string) *httptest.ResponseRecorder {
	r := newRequest(method, path)
	r.RemoteAddr = address
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestACallerWhoAsksTooOftenHasToWait(t *testing.T) {
	now := noon
	h, read, act, polls := limitedServer(t, 60, 12, &now)
	for i := range 10 {
		if w := from(h, "GET", "/api/v1/status", "192.0.2.1:1", read); w.Code != 200 {
			t.Fatalf("request %d: status %d", i, w.Code)
		}
	}
	w := from(h, "GET", "/api/v1/status", "192.0.2.1:1", read)
	if w.Code != 429 || w.Header().Get("Retry-After") != "1" || w.Header().Get("RateLimit") != `"read";r=0;t=10` ||
		w.Header().Get("RateLimit-Policy") != `"read";q=10;w=10` {
		t.Errorf("the eleventh request: status %d, %v", w.Code, w.Header())
	}
	for _, test := range []struct {
		name, method, path, address, token string
		want                               int
	}{
		{"the same caller from elsewhere", "GET", "/api/v1/status", "192.0.2.2:1", read, 429},
		{"the same caller, a page", "GET", "/", "192.0.2.1:1", read, 429},
		{"another caller from there", "GET", "/api/v1/status", "192.0.2.1:1", act, 200},
		{"a probe", "GET", "/healthz", "192.0.2.1:1", "", 200},
		{"the files of pages", "GET", "/style.css", "192.0.2.1:1", read, 200},
		{"a webhook", "POST", "/webhooks/github", "192.0.2.1:1", "", 202},
		{"an act of another caller", "POST", "/api/v1/poll", "192.0.2.1:1", act, 202},
		{"a second act", "POST", "/api/v1/poll", "192.0.2.1:1", act, 202},
		{"a third act", "POST", "/api/v1/poll", "192.0.2.1:1", act, 429},
		{"a read after too many acts", "GET", "/api/v1/status", "192.0.2.1:1", act, 200},
	} {
		if w := from(h, test.method, test.path, test.address, test.token); w.Code != test.want {
			t.Errorf("%s: status %d, want %d", test.name, w.Code, test.want)
		}
	}
	if *polls != 2 {
		t.Errorf("polled %d times, want 2", *polls)
	}
	now = now.Add(time.Second)
	if w := from(h, "GET", "/api/v1/status", "192.0.2.1:1", read); w.Code != 200 ||
		w.Header().Get("RateLimit") != `"read";r=0;t=10` {
		t.Errorf("after a second: status %d, %v", w.Code, w.Header())
	}
	if w := from(h, "POST", "/api/v1/poll", "192.0.2.1:1", act); w.Header().Get("Retry-After") != "4" {
		t.Errorf("after a second, an act may be tried again after %q s, want 4", w.Header().Get("Retry-After"))
	}
}

func TestGuessesOfTokensAreLimitedByTheirAddress(t *testing.T) {
	now := noon
	h, read, _, _ := limitedServer(t, 60, 60, &now)
	codes := map[int]int{}
	for i := range 100 {
		codes[from(h, "GET", "/api/v1/status", "192.0.2.1:1", fmt.Sprint("roster_guess", i)).Code]++
	}
	if codes[401] != 10 || codes[429] != 90 {
		t.Errorf("the statuses are %v, want 10 times 401 and 90 times 429", codes)
	}
	if w := from(h, "GET", "/api/v1/status", "192.0.2.1:1", read); w.Code != 200 {
		t.Errorf("a caller with a token from the same address: status %d", w.Code)
	}
	for i := range 20 { // of one IPv6 network
		w := from(h, "GET", "/api/v1/status", fmt.Sprintf("[2001:db8::%x]:1", i), "guess")
		if want := map[bool]int{true: 401, false: 429}[i < 10]; w.Code != want {
			t.Errorf("guess %d of a network: status %d, want %d", i, w.Code, want)
		}
	}
}

func TestTheAddressBehindAProxyIsTheOneThatTheProxyNames(t *testing.T) {
	for _, test := range []struct {
		name      string
		behind    bool
		forwarded []string
		want      string
	}{
		{"without a proxy, the header is ignored", false, []string{"198.51.100.1"}, "192.0.2.1"},
		{"the proxy names the last address", true, []string{"203.0.113.9, 198.51.100.1"}, "198.51.100.1"},
		{"of several headers, the last one", true, []string{"203.0.113.9", "198.51.100.1"}, "198.51.100.1"},
		{"no header", true, nil, "192.0.2.1"},
		{"an invalid header", true, []string{"unknown"}, "192.0.2.1"},
	} {
		r := newRequest("GET", "/")
		r.RemoteAddr = "192.0.2.1:1234"
		r.Header["X-Forwarded-For"] = test.forwarded
		a := &Access{BehindProxy: test.behind}
		if got := a.addressOf(r); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestManyAddressesNeedLittleMemory(t *testing.T) {
	l := &RateLimits{Reads: 60}
	p := policy{"read", 60}
	for i := range 3 * maxCallers {
		l.take(http.Header{}, "a", p) // asks all the time
		l.take(http.Header{}, fmt.Sprint(i), p)
	}
	if n := len(l.newer) + len(l.older); n > 2*maxCallers {
		t.Errorf("%d callers are counted, want at most %d", n, 2*maxCallers)
	}
	if l.take(http.Header{}, "a", p) == 0 {
		t.Error("a caller who asks all the time is forgotten")
	}
}

func TestNoLimitIsSetByZero(t *testing.T) {
	now := noon
	h, read, _, _ := limitedServer(t, 0, 0, &now)
	for range 1000 {
		if w := from(h, "GET", "/healthz", "192.0.2.1:1", read); w.Code != 200 || w.Header().Get("RateLimit") != "" {
			t.Fatalf("status %d, %v", w.Code, w.Header())
		}
	}
	if w := from(h, "GET", "/api/v1/deadlines", "192.0.2.1:1", read); w.Header().Get("RateLimit") != "" {
		t.Errorf("without a limit, the header is %v", w.Header())
	}
}
