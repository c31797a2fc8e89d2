package scim

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A server that repeats the token in an answer that is not JSON does not get it into a message.
func TestTheTextOfAnAnswerThatIsNotJSONHasNoToken(t *testing.T) {
	const token = "canary-5e1-canary-5e1-canary-5e1-canary-5e1-canary-5e1"
	for _, before := range []string{"", "<html>", strings.Repeat("x", 35)} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(before + token + strings.Repeat("y", 200)))
		}))
		c := &Client{Endpoint: s.URL, Token: StaticToken(token), Retry: Retry{Attempts: 1}}
		_, err := c.GetUser(t.Context(), "1")
		s.Close()
		if err == nil || !strings.Contains(err.Error(), "the answer is not the JSON that was expected") {
			t.Fatalf("%q: %v", before, err)
		}
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: the message has a part of the token: %v", before, err)
		}
	}
}
