package hostile

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/internal/httpserver"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/internal/webauth"
)

const webhookSecret = "hostile-webhook-secret"

// listening is the server of a daemon, with tokens for its API.
type listening struct {
	url               string
	read, act, digest string
	polls             int
}

// listen starts the server of a daemon on this machine.
func listen(t *testing.T) *listening {
	t.Helper()
	l := &listening{}
	file := filepath.Join(t.TempDir(), "tokens")
	var err error
	if l.read, err = webauth.NewToken(file, "reader", "read", ""); err != nil {
		t.Fatal(err)
	}
	if l.act, err = webauth.NewToken(file, "actor", "act", ""); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(l.read))
	l.digest = "sha256:" + hex.EncodeToString(sum[:])
	log := slog.New(slog.DiscardHandler)
	tokens, err := webauth.OpenTokenFile(file, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	signIn, err := webauth.NewOIDC(webauth.OIDCConfig{Issuer: "http://127.0.0.1:1", ClientID: "roster", Log: log,
		PublicURL: &url.URL{Scheme: "https", Host: "roster.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	s := &web.Server{State: func() daemon.State { return daemon.State{} }, Poll: func() { l.polls++ },
		Webhooks: &forge.Webhooks{Secrets: [][]byte{[]byte(webhookSecret)}, Trigger: func() {}},
		Access:   web.Access{Authenticator: &webauth.Authenticator{Tokens: tokens, OIDC: signIn}}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.url = "http://" + listener.Addr().String()
	server := httpserver.New(s.Handler(), httpserver.CheckedByHandler, httpserver.Limits{}, nil, nil)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// request returns the request of a case.
func (l *listening) request(t *testing.T, c *Case) *http.Request {
	t.Helper()
	body, err := c.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{read}", l.read, "{act}", l.act, "{digest}", l.digest, "{long20}", long[:20<<10],
		"{long}", long[:1<<20])
	r, err := http.NewRequestWithContext(t.Context(), c.Method, l.url+fill.Replace(c.Path), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range c.Headers {
		r.Header.Set(name, fill.Replace(value))
	}
	r.Host = r.Header.Get("Host")
	if c.Sign {
		mac := hmac.New(sha256.New, []byte(webhookSecret))
		mac.Write(body)
		signature := hex.EncodeToString(mac.Sum(nil))
		r.Header.Set("X-Hub-Signature-256", "sha256="+signature)
		r.Header.Set("X-Gitea-Signature", signature)
	}
	return r
}

func TestHostileRequestsGetTheirAnswer(t *testing.T) {
	run(t, corpus(t).Requests, func(t *testing.T, c *Case) string {
		l := listen(t)
		res, err := http.DefaultClient.Do(l.request(t, c))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.Status {
			t.Errorf("the status is %d; want %d (%s)", res.StatusCode, c.Status, c.Limit)
		}
		if l.polls > 0 {
			t.Errorf("the request made the daemon poll %d times", l.polls)
		}
		return strconv.Itoa(res.StatusCode)
	})
}
