package forge

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// internalWords are words of Go and of libraries that no message may have.
var internalWords = regexp.MustCompile(`dial tcp|read tcp|connect:|lookup |EOF|context |x509|tls:|http:|json:|` +
	`unmarshal|invalid char|unexpected end|Client\.Timeout|deadline|strconv|giving up|runtime error|\[\]|map\[`)

// rawServer answers each request with a text, and closes the connection.
func rawServer(t *testing.T, answer string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, answer)
		_ = c.Close()
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// silentServer accepts connections and does not answer.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

// calls are the calls of a forge, which send requests of every kind.
var calls = map[string]func(context.Context, Forge) error{
	"PullRequests": func(ctx context.Context, f Forge) error { _, err := f.PullRequests(ctx, "main"); return err },
	"Comment":      func(ctx context.Context, f Forge) error { return f.Comment(ctx, 7, "text") },
	"EditComment":  func(ctx context.Context, f Forge) error { return f.EditComment(ctx, 7, "text") },
	"SetStatus": func(ctx context.Context, f Forge) error {
		return f.SetStatus(ctx, sha("a"), Status{State: Success, Description: "done"})
	},
	"Merged": func(ctx context.Context, f Forge) error { _, _, err := f.Merged(ctx, "main", sha("a")); return err },
	"Approval": func(ctx context.Context, f Forge) error {
		_, err := f.Approval(ctx, PullRequest{Number: 7, Head: sha("a"), Author: "ann"})
		return err
	},
	"CreatePullRequest": func(ctx context.Context, f Forge) error {
		_, _, err := f.CreatePullRequest(ctx, NewPullRequest{Branch: "change", Base: "main", Title: "Change"})
		return err
	},
}

// answer is a complete response with a body.
func answer(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + body
}

// TestFaultsOfServersAreInWords makes each call of each forge against servers that do not work.
func TestFaultsOfServersAreInWords(t *testing.T) {
	encrypted := httptest.NewTLSServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0) // of the handshake
	t.Cleanup(encrypted.Close)
	closed := httptest.NewServer(nil)
	closed.Close()
	truncated := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[{"
	for _, fault := range []struct{ name, server, want string }{
		{"a closed port", closed.URL, "connection refused by 127.0.0.1:"},
		{"a certificate of an unknown authority", encrypted.URL, "authority that this machine trusts"},
		{"a server without TLS", strings.Replace(rawServer(t, answer("[]")), "http:", "https:", 1), "does not use TLS"},
		{"no answer", rawServer(t, ""), "closed the connection without an answer"},
		{"half of an answer", rawServer(t, truncated), "closed the connection before the end of its answer"},
		{"a page that says it is JSON", rawServer(t, answer("<html>")), "the answer is not JSON"},
		{"half of a value", rawServer(t, answer("[{")), "the answer is not JSON|before the end of its answer"},
		{"another value", rawServer(t, answer("42")), ""},
		{"a value of another kind", rawServer(t, answer(`[{"number":"x","iid":"x","id":"x"}]`)), ""},
		{"another protocol", rawServer(t, "SSH-2.0-OpenSSH_9.6\r\n"), "the answer is not HTTP"},
		{"silence", silentServer(t), "did not answer in time"},
	} {
		for _, kind := range kinds {
			for call, do := range calls {
				t.Run(fault.name+"/"+string(kind)+"/"+call, func(t *testing.T) {
					f, err := Open(Config{Kind: kind, Repository: fault.server + "/owner/name", Token: canary,
						HTTP: &http.Transport{DisableKeepAlives: true}})
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := t.Context(), context.CancelFunc(func() {})
					if fault.name == "silence" {
						ctx, cancel = context.WithDeadline(ctx, time.Now().Add(50*time.Millisecond))
					}
					defer cancel()
					err = do(ctx, f)
					if err == nil {
						if fault.want != "" {
							t.Error("the call succeeded")
						}
						return
					}
					word := internalWords.FindString(err.Error())
					if word != "" || !regexp.MustCompile(fault.want).MatchString(err.Error()) {
						t.Errorf("%s\nhas %q; want %q", err, word, fault.want)
					}
				})
			}
		}
	}
}
