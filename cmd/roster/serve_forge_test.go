package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// bulletin is a forge with Gitea's API and at most one pull request: what it is told comes out of told.
type bulletin struct {
	t      *testing.T
	mu     sync.Mutex
	head   string // of the pull request; "": there is none
	body   string // of the comment
	told   chan string
	tokens map[string]bool // that were sent
}

func (b *bulletin) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens[req.Header.Get("Authorization")] = true
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	repo := map[string]any{"ref": "main", "repo_id": 1}
	bot := map[string]any{"login": "bot"}
	switch key := req.Method + " " + strings.TrimPrefix(req.URL.Path, "/api/v1"); key {
	case "GET /user":
		answer(bot)
	case "GET /repos/acme/people/pulls":
		list := []any{}
		if b.head != "" {
			list = append(list, map[string]any{"number": 7, "state": "open", "user": map[string]any{"login": "ann"}, "base": repo,
				"head": map[string]any{"ref": "change", "sha": b.head, "repo_id": 1}})
		}
		answer(list)
	case "GET /repos/acme/people/issues/7/comments":
		list := []any{}
		if b.body != "" {
			list = append(list, map[string]any{"id": 1, "user": bot, "body": b.body})
		}
		answer(list)
	case "POST /repos/acme/people/issues/7/comments", "PATCH /repos/acme/people/issues/comments/1":
		var sent struct{ Body string }
		_ = json.NewDecoder(req.Body).Decode(&sent)
		b.body = sent.Body
		b.told <- req.Method + " " + sent.Body
		answer(map[string]any{"id": 1, "user": bot, "body": sent.Body})
	default:
		if strings.HasPrefix(key, "POST /repos/acme/people/statuses/") {
			var sent struct{ State, Description string }
			_ = json.NewDecoder(req.Body).Decode(&sent)
			b.told <- "status " + sent.State
			answer(map[string]any{})
			return
		}
		b.t.Errorf("the forge was asked for %s", key)
		http.NotFound(w, req)
	}
}

// next waits for what the forge is told next.
func (b *bulletin) next(parts ...string) {
	b.t.Helper()
	select {
	case said := <-b.told:
		for _, part := range parts {
			if !strings.Contains(said, part) {
				b.t.Errorf("the forge was told %q; want %q in it", said, part)
			}
		}
	case <-time.After(patience):
		b.t.Fatalf("the forge was not told %q within %s", parts, patience)
	}
}

// TestServePreviewsPullRequests: with a poll of an hour, a signed delivery brings the preview, the merge and what the snapshot says.
func TestServePreviewsPullRequests(t *testing.T) {
	c, stop := newCloud("aws", awssim.Options{})
	defer stop()
	board := &bulletin{t: t, told: make(chan string, 100), tokens: map[string]bool{}}
	server := httptest.NewServer(board)
	defer server.Close()
	w := newWatch(t, c)
	secret := canary + "webhook"
	w.env = []string{"ROSTER_AWS_TOKEN=" + c.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge", "ROSTER_WEBHOOK_SECRET=" + secret}
	snapshots := filepath.Join(w.home, "snapshots")
	w.start("--poll", "1h", "--forge", "gitea", "--forge-url", server.URL+"/acme/people", "--snapshots", snapshots)
	if run := w.logged("run ended"); run["outcome"] != "applied" {
		t.Fatalf("the first run: %v", run)
	}
	deliveries := 0
	deliver := func(signature string) int {
		t.Helper()
		deliveries++
		body := fmt.Sprintf(`{"delivery": %d}`, deliveries)
		if signature == "" {
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(body))
			signature = hex.EncodeToString(mac.Sum(nil))
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", strings.TrimSuffix(w.address, "/")+"/webhooks/gitea", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Gitea-Signature", signature)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}

	git(t, w.work, "checkout", "-q", "-b", "change")
	w.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`, `members: {"u-1001": {}, "u-1011": {}}`)
	git(t, w.work, "commit", "-q", "-a", "-m", "Fewer keys")
	git(t, w.work, "push", "-q", "origin", "HEAD:refs/pull/7/head", "HEAD:change")
	board.mu.Lock()
	board.head = git(t, w.work, "rev-parse", "HEAD")
	board.mu.Unlock()
	if code := deliver(strings.Repeat("0", 64)); code != http.StatusUnauthorized {
		t.Errorf("a forged delivery is answered %d", code)
	}
	if code := deliver(""); code != http.StatusAccepted {
		t.Errorf("a delivery is answered %d", code)
	}
	board.next("POST ", "**roster: 1 membership is removed**", "chiara&#64;example.com from Break Glass", "head "+board.head[:7])
	board.next("status success")

	// The snapshot says the same to somebody without a token.
	out := expect(t, w.home, 2, "plan", w.work, "--base", "main", "--head", "change", "--observed", filepath.Join(snapshots, "aws.json"), "--format", "markdown")
	if comment, _, _ := strings.Cut(board.body, "\n\n### "); !strings.Contains(out, strings.SplitN(comment, "\n", 2)[1]) || !strings.Contains(out, "Digest `sha256:") {
		t.Errorf("plan --observed says\n%s\nthe comment\n%s", out, board.body)
	}

	git(t, w.work, "push", "-q", "origin", "change:main") // merged, fast-forward
	board.mu.Lock()
	board.head = ""
	board.mu.Unlock()
	if code := deliver(""); code != http.StatusAccepted {
		t.Errorf("a delivery is answered %d", code)
	}
	if run := w.logged("run ended"); run["outcome"] != "applied" || run["done"] != 1.0 {
		t.Errorf("after the merge: %v", run)
	}
	w.end()
	if len(board.tokens) != 1 || !board.tokens["token "+canary+"forge"] {
		t.Errorf("the forge was sent %d tokens", len(board.tokens))
	}
}
