package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// newForge returns the state of a forge whose token is in the environment of the daemons and
// commands of these tests.
func newForge(t *testing.T) *forgetest.State {
	return &forgetest.State{T: t, Token: canary + "forge", Posts: make(chan string, 100)}
}

// nextPost waits for the next comment or status at a forge.
func nextPost(f *forgetest.State, parts ...string) string {
	f.T.Helper()
	select {
	case post := <-f.Posts:
		for _, part := range parts {
			if !strings.Contains(post, part) {
				f.T.Errorf("the forge got %q; want %q in it", post, part)
			}
		}
		return post
	case <-time.After(waitTimeout):
		f.T.Fatalf("the forge did not get %q within %s", parts, waitTimeout)
	}
	return ""
}

// setPulls replaces the pull requests of a forge.
func setPulls(f *forgetest.State, pulls ...*forgetest.Pull) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Pulls = pulls
}

// TestServePreviewsPullRequests polls only once an hour: signed webhooks trigger the preview and
// the run after the merge.
func TestServePreviewsPullRequests(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	fake := newForge(t)
	d := newDaemonProcess(t, sim)
	secret := canary + "webhook"
	d.env = []string{"ROSTER_SECRET_AWS=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge",
		"ROSTER_WEBHOOK_SECRET=" + secret}
	snapshots := filepath.Join(d.home, "snapshots")
	d.start("--poll", "1h", "--forge", "gitea", "--forge-url", fake.Start("gitea"), "--snapshots", snapshots)
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
	pull := &forgetest.Pull{Number: 7, Author: "ann", Base: "main", Head: git(t, d.work, "rev-parse", "HEAD"),
		Updated: time.Now()}
	setPulls(fake, pull)
	if code := deliver(strings.Repeat("0", 64)); code != http.StatusUnauthorized {
		t.Errorf("a forged webhook got status %d", code)
	}
	if code := deliver(""); code != http.StatusAccepted {
		t.Errorf("a webhook got status %d", code)
	}
	body := nextPost(fake, "comment ", "**roster: Chiara Rossi loses Break Glass**",
		"`chiara@example.com` from Break Glass",
		"head `"+pull.Head[:7])
	nextPost(fake, "status pending roster/preview") // a reviewer must look at the loss

	// roster plan gets the same result from the snapshot, without a token.
	out := expect(t, d.home, 2, "plan", d.work, "--base", "main", "--head", "change", "--observed",
		filepath.Join(snapshots, "aws.json"), "--format", "markdown")
	comment, _, _ := strings.Cut(body, "\n\n### ")
	_, comment, _ = strings.Cut(comment, "\n")
	if !strings.Contains(out, comment) || !strings.Contains(out, "Digest `sha256:") {
		t.Errorf("plan --observed printed\n%s\nthe comment is\n%s", out, body)
	}

	git(t, d.work, "push", "-q", "origin", "change:main") // merge by fast-forward
	merged := *pull
	merged.Merged = pull.Head
	setPulls(fake, &merged)
	if code := deliver(""); code != http.StatusAccepted {
		t.Errorf("a webhook got status %d", code)
	}
	if run := d.waitForLog("run ended"); run["outcome"] != "applied" || run["done"] != 1.0 {
		t.Errorf("after the merge: %v", run)
	}
	nextPost(fake, "comment ", "**roster: applied, 1 done: Chiara Rossi loses Break Glass**")
	nextPost(fake, "status success roster/outcome applied, 1 done: Chiara Rossi loses Break Glass")
	d.stop()
}

// TestServePostsTheOutcomeOfAMergeThatLoosensAGate merges one pull request that turns a gate off
// and does what the gate would stop.
func TestServePostsTheOutcomeOfAMergeThatLoosensAGate(t *testing.T) {
	for _, kind := range []string{"github", "gitlab", "gitea"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			sim, stop := startSimulator("aws", awssim.Options{})
			defer stop()
			fake, d := newForge(t), newDaemonProcess(t, sim)
			d.env = []string{"ROSTER_SECRET_AWS=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge"}
			d.start("--poll", "100ms", "--forge", kind, "--forge-url", fake.Start(kind), "--allow-self-approval",
				"--trust-commit-authors")
			if run := d.waitForLog("run ended"); run["outcome"] != "applied" {
				t.Fatalf("the first run: %v", run)
			}
			d.edit("provisioners/aws.cue", "enabled: true",
				`enabled: true, limits: memberRemovals: {off: true, reason: "a large change"}`)
			d.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`, `members: {}`)
			git(t, d.work, "commit", "-q", "-a", "-m", "Nobody breaks the glass")
			commit := git(t, d.work, "rev-parse", "HEAD")
			pull := &forgetest.Pull{Number: 7, Author: "ann", Base: "main", Head: commit, Merged: commit,
				Updated: time.Now()}
			setPulls(fake, pull)
			git(t, d.work, "push", "-q", "origin", "HEAD:main")
			nextPost(fake, "comment ",
				"\n**roster: safety gate memberRemovals loosened (5 or 30 % up to 100 -&gt; off); held, 3 held: "+
					"3 people lose Break Glass (held)**\n",
				"roster approve sha256:", "--allow-self-approval is set", "--trust-commit-authors is set")
			d.eventually("the run is in the state", func() bool { return len(d.state().Provisioners["aws"].Held) == 1 })
			for _, path := range []string{"/", "/api/v1/status"} {
				_, page := d.get(path)
				for _, text := range []string{"roster approve " + d.state().Provisioners["aws"].Held[0].Digest,
					"--allow-self-approval is set", "--trust-commit-authors is set", "memberRemovals loosened"} {
					if !strings.Contains(page, text) {
						t.Errorf("GET %s has no %q:\n%s", path, text, page)
					}
				}
			}
			state := "failure"
			if kind == "gitlab" {
				state = "failed"
			}
			nextPost(fake, "status "+state+" roster/outcome safety gate memberRemovals loosened "+
				"(5 or 30 % up to 100 -> off); held, 3 held: roster approve")
			if have := sim.State().MemberNames("Break Glass"); len(have) != 3 {
				t.Errorf("Break Glass has %q", have)
			}
			d.stop()
		})
	}
}

// TestServePostsAnOutcomeAfterARestart applies a merge with a daemon that does not post on the
// forge, as one that is killed before it posts. The next daemon posts the outcome.
func TestServePostsAnOutcomeAfterARestart(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	fake, d := newForge(t), newDaemonProcess(t, sim)
	d.env = []string{"ROSTER_SECRET_AWS=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge"}
	d.start("--poll", "100ms")
	d.waitForLog("run ended")
	d.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`,
		`members: {"u-1001": {}, "u-1011": {}}`)
	git(t, d.work, "commit", "-q", "-a", "-m", "Fewer keys")
	commit := git(t, d.work, "rev-parse", "HEAD")
	git(t, d.work, "push", "-q", "origin", "HEAD:main")
	d.eventually("the merge is applied", func() bool { return len(sim.State().MemberNames("Break Glass")) == 2 })
	d.waitForLog("run ended")
	d.stop()
	setPulls(fake, &forgetest.Pull{Number: 7, Author: "ann", Base: "main", Head: commit, Merged: commit,
		Updated: time.Now()})
	d.start("--poll", "100ms", "--forge", "github", "--forge-url", fake.Start("github"))
	nextPost(fake, "comment ", "\n**roster: applied, 1 done: Chiara Rossi loses Break Glass**\n")
	nextPost(fake, "status success roster/outcome applied, 1 done: Chiara Rossi loses Break Glass")
	d.stop()
}

// TestServeOnePullRequestThatFailsDelaysNoOther has a pull request whose status the forge refuses
// forever. The daemon still lists the pull requests at each poll.
func TestServeOnePullRequestThatFailsDelaysNoOther(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	fake, d := newForge(t), newDaemonProcess(t, sim)
	d.env = []string{"ROSTER_SECRET_AWS=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge"}
	git(t, d.work, "checkout", "-q", "-b", "change")
	d.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`,
		`members: {"u-1001": {}, "u-1011": {}}`)
	git(t, d.work, "commit", "-q", "-a", "-m", "Fewer keys")
	git(t, d.work, "push", "-q", "origin", "HEAD:refs/pull/7/head", "HEAD:change")
	head := git(t, d.work, "rev-parse", "HEAD")
	setPulls(fake, &forgetest.Pull{Number: 7, Author: "ann", Base: "main", Head: head, Updated: time.Now()})
	fake.RefusedStatuses = head
	d.start("--poll", "100ms", "--forge", "github", "--forge-url", fake.Start("github"))
	nextPost(fake, "comment ", "**roster: ")
	failure := map[string]any{}
	for failure["failures"] != 5.0 {
		failure = d.waitForLog("preview failed; other pull requests are not affected")
	}
	fake.Sent("GET")
	if failure = d.waitForLog("preview failed; other pull requests are not affected"); failure["pullRequest"] != 7.0 {
		t.Errorf("the log has %v", failure)
	}
	if n := fake.Sent("GET"); n < 3 { // the pause is 16 polls
		t.Errorf("the pull requests were listed %d times between two attempts; want one at each poll", n)
	}
	d.stop()
}

// TestServeListsAForgeThatRefusesItsToken serves a forge that does not accept the token any more,
// and one that answers with a page for browsers. The daemon stays ready, and says so in its metrics
// and in the list of problems.
func TestServeListsAForgeThatRefusesItsToken(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	fake, d := newForge(t), newDaemonProcess(t, sim)
	d.env = []string{"ROSTER_SECRET_AWS=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge"}
	d.start("--poll", "100ms", "--forge", "gitlab", "--forge-url", fake.Start("gitlab"))
	d.waitForLog("run ended")
	const listed = "previews and outcomes are not posted: "
	wantProblem := func(name, problem string) {
		t.Helper()
		metric := "roster_forge_failing 0"
		if problem != "" {
			metric = "roster_forge_failing 1"
		}
		d.eventually(name, func() bool {
			code, ready := d.get("/readyz")
			_, metrics := d.get("/metrics")
			if code != http.StatusOK || strings.Contains(ready, canary) ||
				strings.Contains(ready, "invalid character") {
				t.Fatalf("%s: GET /readyz: %d\n%s", name, code, ready)
			}
			return strings.Contains(ready, listed) == (problem != "") && strings.Contains(ready, problem) &&
				strings.Contains(metrics, metric)
		})
	}
	limit := func(answer func(http.ResponseWriter)) {
		fake.Mu.Lock()
		defer fake.Mu.Unlock()
		fake.Limit = answer
	}
	wantProblem("the forge accepts the token", "")
	limit(func(w http.ResponseWriter) {
		forgetest.Respond(w, http.StatusUnauthorized, map[string]any{"message": "401 Unauthorized"})
	})
	wantProblem("the forge refuses the token", "401")
	limit(func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><title>Sign in</title>"))
	})
	wantProblem("the forge answers with a page", "page for browsers")
	limit(nil)
	wantProblem("the forge accepts the token again", "")
	d.stop()
}
