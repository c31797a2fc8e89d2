package scim_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/scim"
)

// roundTrip is a transport that is a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answered returns a transport that answers with a status after a second.
func answered(sent *atomic.Int32, status int) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		sent.Add(1)
		time.Sleep(time.Second)
		response := &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}
		return response, r.Context().Err()
	}
}

var errStop = errors.New("the test has stopped it")

// stopAfter makes the call with a sending context that ends after d.
func stopAfter(t *testing.T, d time.Duration, call func(context.Context) error) error {
	sending, stop := context.WithCancelCause(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- call(scim.WithSending(t.Context(), sending)) }()
	time.Sleep(d)
	stop(errStop)
	synctest.Wait()
	select {
	case err := <-ended:
		return err
	default:
		return <-ended
	}
}

func newSendingClient(transport http.RoundTripper) *scim.Client {
	return &scim.Client{Endpoint: "http://127.0.0.1:1/t/scim/v2", Token: scim.StaticToken("t"),
		HTTP: &http.Client{Transport: transport}, Limiter: &scim.Limiter{PerSecond: 1.0 / 60, Concurrency: 3}}
}

func TestACallThatWaitsForTheLimiterIsNotSentAfterAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int32
		c := newSendingClient(answered(&sent, 204))
		if err := c.DeleteUser(t.Context(), "u1"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := stopAfter(t, 5*time.Second, func(ctx context.Context) error { return c.DeleteUser(ctx, "u2") })
		if !errors.Is(err, scim.ErrNotSent) || !errors.Is(err, errStop) || scim.MaybeApplied(err) || sent.Load() != 1 {
			t.Errorf("%d requests were sent; the error is %v", sent.Load(), err)
		}
		if waited := time.Since(began); waited > 6*time.Second {
			t.Errorf("the call ended after %s", waited)
		}
		for range 4 { // a call that was not sent leaves its slot
			if err := c.DeleteUser(t.Context(), "u3"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestACallInFlightIsNotInterruptedByAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int32
		c := newSendingClient(answered(&sent, 204))
		err := stopAfter(t, 500*time.Millisecond, func(ctx context.Context) error { return c.DeleteUser(ctx, "u1") })
		if err != nil || sent.Load() != 1 {
			t.Errorf("%d requests were sent; the error is %v", sent.Load(), err)
		}
	})
}

func TestACallIsNotRetriedAfterAStop(t *testing.T) {
	for status, uncertain := range map[int]bool{429: false, 503: true} {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int32
			c := newSendingClient(answered(&sent, status))
			c.Limiter = nil
			c.Retry.Base, c.Retry.Max = 10_000*time.Hour, 10_000*time.Hour
			err := stopAfter(t, 2*time.Second, func(ctx context.Context) error { return c.DeleteUser(ctx, "u1") })
			if sent.Load() != 1 || !errors.Is(err, errStop) {
				t.Errorf("%d: %d requests were sent; the error is %v", status, sent.Load(), err)
			}
			if errors.Is(err, scim.ErrNotSent) == uncertain || scim.MaybeApplied(err) != uncertain {
				t.Errorf("%d: the error is %v", status, err)
			}
		})
	}
}

func TestARejectedTokenIsRenewedOnce(t *testing.T) {
	for _, test := range []struct {
		name    string
		tokens  []string // as the client gets them, the last one again and again
		replies []reply
		sent    int
		failed  bool
	}{
		{"another token", []string{"a", "b"}, []reply{{status: 401}, {status: 204}}, 2, false},
		{"the same token", []string{"a"}, []reply{{status: 401}}, 1, true},
		{"two rejected tokens", []string{"a", "b", "b", "c"}, []reply{{status: 401}, {status: 401}}, 2, true},
	} {
		s := serve(t, test.replies...)
		c := s.client(t, nil)
		n := 0
		c.Token = func(context.Context) (string, error) {
			token := test.tokens[min(n, len(test.tokens)-1)]
			n++
			return token, nil
		}
		err := c.DeleteUser(t.Context(), "u1")
		if (err != nil) != test.failed || err != nil && !scim.IsUnauthorized(err) || len(s.asked) != test.sent {
			t.Errorf("%s: %d requests, %v", test.name, len(s.asked), err)
		}
	}
}

func TestTheErrorOfARenewalIsReported(t *testing.T) {
	s := serve(t, reply{status: 401})
	c := s.client(t, nil)
	n := 0
	c.Token = func(context.Context) (string, error) {
		if n++; n > 1 {
			return "", errStop
		}
		return "a", nil
	}
	if err := c.DeleteUser(t.Context(), "u1"); !scim.IsUnauthorized(err) || !errors.Is(err, errStop) {
		t.Errorf("the error is %v", err)
	}
}
