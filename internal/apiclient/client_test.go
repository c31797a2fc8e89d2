package apiclient

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/operation"
)

// A server that is not roster, or does not answer, is named in a message without the words of Go.
func TestAnswersOfOtherServers(t *testing.T) {
	goWords := regexp.MustCompile(`EOF|json:|invalid character|http:|dial |read tcp|tls:`)
	write := func(kind, text string) *httptest.Server {
		return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(text))
		}))
	}
	closes, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closes.Close()
	go func() {
		for c, err := closes.Accept(); err == nil; c, err = closes.Accept() {
			_, _ = c.Read(make([]byte, 4096))
			_ = c.Close()
		}
	}()
	page, list := write("text/html", "<html>"), write("application/json", "[]")
	half := write("application/json", `{"a":`)
	for _, tt := range []struct{ name, server, status, follow string }{
		{"a web page", page.URL, "does not answer as roster serve does: the answer is not JSON",
			`the answer is "text/html" and no stream of events`},
		{"a list", list.URL, "the answer is not the JSON that was expected", "no stream of events"},
		{"half a document", half.URL, "does not answer as roster serve does: ", "no stream of events"},
		{"the server closes the connection", "http://" + closes.Addr().String(),
			"does not answer: the server closed the connection without an answer; is roster serve running there?",
			"closed the connection without an answer"},
		{"a server without TLS", "https" + strings.TrimPrefix(page.URL, "http"), "does not use TLS on this port",
			"does not use TLS on this port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &Client{Server: tt.server, HTTP: &http.Client{}}
			_, status := c.Status(t.Context())
			follow := c.Follow(t.Context(), "", "", func(operation.Operation) (bool, error) { return true, nil })
			for err, want := range map[error]string{status: tt.status, follow: tt.follow} {
				if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), tt.server) {
					t.Errorf("%v; want %q", err, want)
				} else if text := strings.ReplaceAll(err.Error(), tt.server, ""); goWords.MatchString(text) {
					t.Errorf("the message has words of Go: %s", text)
				}
			}
		})
	}
}

// A daemon that refuses a request because of its rate limit gets it again after the time that it
// names.
func TestARequestThatIsRefusedByTheRateLimitIsSentAgain(t *testing.T) {
	for _, test := range []struct {
		name       string
		retryAfter string
		refusals   int
		waits      string
		fails      bool
	}{
		{"no refusal", "1", 0, "[]", false},
		{"two refusals", "3", 2, "[3s 3s]", false},
		{"too many refusals", "1", 100, "[1s 1s 1s 1s]", true},
		{"a long wait", "21", 100, "[]", true},
		{"no time", "", 100, "[]", true},
		{"an invalid time", "soon", 100, "[]", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			refusals, keys := 0, map[string]bool{}
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				keys[r.Header.Get("Idempotency-Key")] = true
				w.Header().Set("Content-Type", "application/json")
				if refusals < test.refusals {
					refusals++
					w.Header().Set("Retry-After", test.retryAfter)
					w.WriteHeader(http.StatusTooManyRequests)
					_, _ = w.Write([]byte(`{"version":1,"error":"too many requests"}`))
					return
				}
				_, _ = w.Write([]byte(`{"id":"o1"}`))
			}))
			defer server.Close()
			waits := []time.Duration{}
			c := &Client{Server: server.URL, HTTP: &http.Client{}}
			c.Wait = func(_ context.Context, d time.Duration) error {
				waits = append(waits, d)
				return nil
			}
			o, err := c.Sync(t.Context(), "aws", "k1")
			if fmt.Sprint(waits) != test.waits || (err != nil) != test.fails || !test.fails && o.ID != "o1" {
				t.Errorf("waited %v, got %+v, %v", waits, o, err)
			}
			if err != nil && !strings.Contains(err.Error(), "too many requests") {
				t.Error(err)
			}
			if len(keys) != 1 {
				t.Errorf("the keys are %v, want one", keys)
			}
		})
	}
}
