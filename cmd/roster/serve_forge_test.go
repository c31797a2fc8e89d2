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

// fakeForge is a forge with the API of Gitea and at most one pull request.
type fakeForge struct {
	t      *testing.T
	mu     sync.Mutex
	head   string      // of the pull request; "" for none
	body   string      // of the comment
	posts  chan string // comments and statuses
	tokens map[string]bool
}

func (f *fakeForge) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens[req.Header.Get("Authorization")] = true
	respond := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	repo := map[string]any{"ref": "main", "repo_id": 1}
	bot := map[string]any{"login": "bot"}
	switch key := req.Method + " " + strings.TrimPrefix(req.URL.Path, "/api/v1"); key {
	case "GET /user":
		respond(bot)
	case "GET /repos/acme/people/pulls":
		list := []any{}
		if f.head != "" {
			list = append(list, map[string]any{"number": 7, "state": "open", "user": map[string]any{"login": "ann"},
				"base": repo,
				"head": map[string]any{"ref": "change", "sha": f.head, "repo_id": 1}})
		}
		respond(list)
	case "GET /repos/acme/people/issues/7/comments":
		list := []any{}
		if f.body != "" {
			list = append(list, map[string]any{"id": 1, "user": bot, "body": f.body})
		}
		respond(list)
	case "POST /repos/acme/people/issues/7/comments", "PATCH /repos/acme/people/issues/comments/1":
		var sent struct{ Body string }
		_ = json.NewDecoder(req.Body).Decode(&sent)
		f.body = sent.Body
		f.posts <- req.Method + " " + sent.Body
		respond(map[string]any{"id": 1, "user": bot, "body": sent.Body})
	default:
		if strings.HasPrefix(key, "POST /repos/acme/people/statuses/") {
			var sent struct{ State, Description string }
			_ = json.NewDecoder(req.Body).Decode(&sent)
			f.posts <- "status " + sent.State
			respond(map[string]any{})
			return
		}
		f.t.Errorf("unexpected request %s", key)
		http.NotFound(w, req)
	}
}

// next waits for the next post.
func (f *fakeForge) next(parts ...string) {
	f.t.Helper()
	select {
	case post := <-f.posts:
		for _, part := range parts {
			if !strings.Contains(post, part) {
				f.t.Errorf("the forge got %q; want %q in it", post, part)
			}
		}
	case <-time.After(waitTimeout):
		f.t.Fatalf("the forge did not get %q within %s", parts, waitTimeout)
	}
}

// TestServePreviewsPullRequests polls only once an hour: signed webhooks trigger the preview and
// the run after the merge.
func TestServePreviewsPullRequests(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	fake := &fakeForge{t: t, posts: make(chan string, 100), tokens: map[string]bool{}}
	server := httptest.NewServer(fake)
	defer server.Close()
	d := newDaemonProcess(t, sim)
	secret := canary + "webhook"
	d.env = []string{"ROSTER_AWS_TOKEN=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge",
		"ROSTER_WEBHOOK_SECRET=" + secret}
	snapshots := filepath.Join(d.home, "snapshots")
	d.start("--poll", "1h", "--forge", "gitea", "--forge-url", server.URL+"/acme/people", "--snapshots", snapshots)
	if run := d.waitForLog("run ended"); run["outcome"] != "applied" {
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
		req, err := http.NewRequestWithContext(t.Context(), "POST",
			strings.TrimSuffix(d.address, "/")+"/webhooks/gitea", strings.NewReader(body))
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

	git(t, d.work, "checkout", "-q", "-b", "change")
	d.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`,
		`members: {"u-1001": {}, "u-1011": {}}`)
	git(t, d.work, "commit", "-q", "-a", "-m", "Fewer keys")
	git(t, d.work, "push", "-q", "origin", "HEAD:refs/pull/7/head", "HEAD:change")
	fake.mu.Lock()
	fake.head = git(t, d.work, "rev-parse", "HEAD")
	fake.mu.Unlock()
	if code := deliver(strings.Repeat("0", 64)); code != http.StatusUnauthorized {
		t.Errorf("a forged webhook got status %d", code)
	}
	if code := deliver(""); code != http.StatusAccepted {
		t.Errorf("a webhook got status %d", code)
	}
	fake.next("POST ", "**roster: 1 membership is removed**", "chiara&#64;example.com from Break Glass",
		"head "+fake.head[:7])
	fake.next("status success")

	// roster plan gets the same result from the snapshot, without a token.
	out := expect(t, d.home, 2, "plan", d.work, "--base", "main", "--head", "change", "--observed",
		filepath.Join(snapshots, "aws.json"), "--format", "markdown")
	comment, _, _ := strings.Cut(fake.body, "\n\n### ")
	_, comment, _ = strings.Cut(comment, "\n")
	if !strings.Contains(out, comment) || !strings.Contains(out, "Digest `sha256:") {
		t.Errorf("plan --observed printed\n%s\nthe comment is\n%s", out, fake.body)
	}

	git(t, d.work, "push", "-q", "origin", "change:main") // merge by fast-forward
	fake.mu.Lock()
	fake.head = ""
	fake.mu.Unlock()
	if code := deliver(""); code != http.StatusAccepted {
		t.Errorf("a webhook got status %d", code)
	}
	if run := d.waitForLog("run ended"); run["outcome"] != "applied" || run["done"] != 1.0 {
		t.Errorf("after the merge: %v", run)
	}
	d.stop()
	if len(fake.tokens) != 1 || !fake.tokens["token "+canary+"forge"] {
		t.Errorf("the forge got %d tokens", len(fake.tokens))
	}
}
