package scim_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

func TestConnectionResetAfterTheEffect(t *testing.T) {
	s := serve(t, reply{reset: true}, reply{status: 409, body: conflict}, reply{status: 200, body: found(alice)})
	var calls []scim.Call
	c := s.client(t, nil)
	c.Observe = func(call scim.Call) { calls = append(calls, call) }
	u, err := c.CreateUser(t.Context(), &scim.User{UserName: "alice", ExternalID: "u-1001"})
	if err != nil || u.ID != "u1" {
		t.Fatalf("user %+v, error %v", u, err)
	}
	if last := calls[len(calls)-1]; !last.Recovered || last.Op != "create user" || last.Attempts != 2 {
		t.Errorf("observed %+v, want a recovered create", last)
	}
}

func TestDelaysGrowAndFollowRetryAfter(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	s := serve(
		t,
		reply{status: 500},
		reply{status: 500},
		reply{status: 500},
		reply{status: 429, header: map[string]string{"Retry-After": "7"}},
		reply{
			status: 503,
			header: map[string]string{"Retry-After": now.Add(90 * time.Second).Format(http.TimeFormat)},
		},
		reply{status: 429, header: map[string]string{"Retry-After": "soon"}},
		reply{status: 200, body: alice},
	)
	var slept []time.Duration
	c := s.client(t, &slept)
	c.Now = func() time.Time { return now }
	c.Retry = scim.Retry{Base: 100 * time.Millisecond, Max: time.Second}
	if _, err := c.GetUser(t.Context(), "u1"); err != nil {
		t.Fatal(err)
	}
	bounds := [][2]time.Duration{
		{0, 100 * time.Millisecond}, {0, 200 * time.Millisecond}, {0, 400 * time.Millisecond},
		{7 * time.Second, 7100 * time.Millisecond}, {90 * time.Second, 90100 * time.Millisecond}, {0, time.Second},
	}
	if len(slept) != len(bounds) {
		t.Fatalf("slept %v", slept)
	}
	for i, b := range bounds {
		if slept[i] < b[0] || slept[i] > b[1] {
			t.Errorf("pause %d is %v, want between %v and %v", i, slept[i], b[0], b[1])
		}
	}
}

func TestRetryAfterBeyondTheMaximumEndsTheCall(t *testing.T) {
	s := serve(t, reply{status: 503, header: map[string]string{"Retry-After": "3600"}})
	_, err := s.client(t, nil).GetUser(t.Context(), "u1")
	var e *scim.Error
	if !errors.As(err, &e) || e.RetryAfter != time.Hour || e.Attempts != 1 {
		t.Errorf("error %#v, want one attempt and an hour to wait", err)
	}
}

func TestContextEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stop := errors.New("shutting down")
		ctx, cancel := context.WithCancelCause(t.Context())
		sent := 0
		c := &scim.Client{
			Endpoint: "https://192.0.2.1/t/scim/v2",
			Token:    scim.StaticToken(secret),
			Retry:    scim.Retry{Attempts: 100},
			HTTP: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
				sent++
				return nil, errors.New("connection reset")
			})},
		}
		go func() {
			time.Sleep(20 * time.Second) // of the bubble's clock
			cancel(stop)
		}()
		_, err := c.PatchUser(ctx, "u1", []scim.Op{scim.Set("title", "x")})
		if !errors.Is(err, stop) || !scim.MaybeApplied(err) {
			t.Errorf("error %v, want the cause, and maybe applied", err)
		}
		if sent < 3 || sent > 60 {
			t.Errorf("%d requests in 20 seconds", sent)
		}
	})
}

func TestServerThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &scim.Client{
			Endpoint: "https://192.0.2.1/t/scim/v2",
			Token:    scim.StaticToken(secret),
			Retry:    scim.Retry{Attempts: 2},
			Timeout:  5 * time.Second,
			HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})},
		}
		start := time.Now()
		_, err := c.GetUser(t.Context(), "u1")
		if err == nil || !strings.Contains(err.Error(), "no response within 5s") ||
			!strings.Contains(err.Error(), "2 attempts") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took < 10*time.Second || took > 11*time.Second {
			t.Errorf("took %v, want two attempts of 5 seconds", took)
		}
	})
}

func TestPermanentNetworkErrors(t *testing.T) {
	rows := map[string]struct {
		err          error
		attempts     int
		maybeApplied bool
	}{
		"a host that does not exist": {&net.DNSError{Err: "no such host", IsNotFound: true}, 1, false},
		"a name server that is down": {&net.DNSError{Err: "server misbehaving", IsTemporary: true}, 3, false},
		"a port without a listener":  {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, 3, false},
		"a connection that breaks":   {&net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, 3, true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t)
			c := s.client(t, nil)
			c.Retry.Attempts = 3
			n := 0
			c.HTTP = &http.Client{
				Transport: roundTripper(func(*http.Request) (*http.Response, error) { n++; return nil, row.err }),
			}
			err := c.DeleteUser(t.Context(), "u1")
			if n != row.attempts || scim.MaybeApplied(err) != row.maybeApplied || !errors.Is(err, row.err) {
				t.Errorf("%d attempts, error %v, maybe applied %v", n, err, scim.MaybeApplied(err))
			}
		})
	}
}
