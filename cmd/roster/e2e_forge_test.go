//go:build e2e

package main

import (
	"context"
	"html"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// forgeTest is a repository on a Gitea server and a daemon. The daemon polls once an hour: webhooks
// trigger everything that happens earlier.
type forgeTest struct {
	*gitea
	simulator *simulator
	dir       string // the working copy of ann
	daemon    string // address
	log       *safeBuffer
}

const repository = "/repos/ann/people"

func TestPullRequestOnGitea(t *testing.T) {
	s := newForgeTest(t)
	s.startDaemon()
	number, comment := s.openPullRequest()
	s.pushMore(number, comment)
	s.mergeMoreThanApproved(number)
	s.mergeRevert()
	s.checkForgedWebhooks()
	s.checkLeaks()
}

func newForgeTest(t *testing.T) *forgeTest {
	sim, stop := startSimulator("aws", awssim.Options{})
	t.Cleanup(stop)
	s := &forgeTest{gitea: startGitea(t, "ann", "bob", "roster-bot"), simulator: sim,
		dir: filepath.Join(t.TempDir(), "people"), log: &safeBuffer{}}
	s.call("ann", "POST", "/user/repos", map[string]any{"name": "people", "private": true, "default_branch": "main"},
		nil)
	for _, name := range []string{"bob", "roster-bot"} {
		s.call("ann", "PUT", repository+"/collaborators/"+name, map[string]any{"permission": "write"}, nil)
	}
	if code := execute(t.Context(), []string{"init", s.dir}, s.env, nil, s.log, s.log); code != 0 {
		t.Fatalf("init: %d\n%s", code, s.log)
	}
	if err := sim.adaptExample(t.Context(), s.dir); err != nil {
		t.Fatal(err)
	}
	s.git("remote", "add", "origin", strings.Replace(s.url, "://", "://ann:"+s.tokens["ann"]+"@", 1)+"/ann/people.git")
	s.git("push", "-q", "origin", "HEAD:main")
	return s
}

func (s *forgeTest) env(name string) (string, bool) {
	v, ok := map[string]string{"ROSTER_SECRET_AWS": s.simulator.Token(), "ROSTER_GIT_TOKEN": s.tokens["roster-bot"],
		"ROSTER_FORGE_TOKEN":    s.tokens["roster-bot"],
		"ROSTER_WEBHOOK_SECRET": canary + "webhook", "HOME": filepath.Dir(s.dir)}[name]
	return v, ok
}

// git runs git as ann: bob, who reviews, may not have written what he approves.
func (s *forgeTest) git(args ...string) string {
	s.t.Helper()
	return gitAs(s.t, "ann", s.dir, args...)
}

func (s *forgeTest) edit(file, old, new, message string) string {
	s.t.Helper()
	if err := replace(filepath.Join(s.dir, file), old, new); err != nil {
		s.t.Fatal(err)
	}
	s.git("add", "-A")
	s.git("commit", "-q", "-m", message)
	return s.git("rev-parse", "HEAD")
}

// startDaemon starts the daemon, which applies main and pushes its reports to the forge.
func (s *forgeTest) startDaemon() {
	port := freePort(s.t)
	s.daemon = "http://127.0.0.1:" + port
	ctx, cancel := context.WithCancel(s.t.Context())
	exited := make(chan int, 1)
	go func() {
		exited <- execute(ctx, []string{"serve", "--repo", s.url + "/ann/people.git", "--git-username", "roster-bot",
			"--forge", "gitea", "--allow-host", "loopback", "--listen", "127.0.0.1:" + port,
			"--poll", "1h", "--jitter", "0s", "--state-dir", filepath.Join(filepath.Dir(s.dir),
				"state"), "--snapshots", filepath.Join(filepath.Dir(s.dir), "snapshots")},
			s.env, nil, s.log, s.log)
	}()
	s.t.Cleanup(func() {
		cancel()
		if code := <-exited; code != 0 {
			s.t.Errorf("the daemon exited with %d", code)
		}
		if s.t.Failed() {
			s.t.Logf("the log of the daemon:\n%s", s.log)
		}
	})
	eventually(s.t, "main is applied", func() bool {
		return strings.Contains(s.audit("status/aws.json"),
			`"outcome": "applied"`)
	})
	s.t.Logf("applied: %d users, %d groups in AWS; the audit branch is at the forge", len(s.simulator.State().Users),
		len(s.simulator.State().Groups))
	s.call("ann", "POST", repository+"/hooks", map[string]any{"type": "gitea", "active": true, "branch_filter": "*",
		"events": []string{"push", "pull_request", "pull_request_sync", "pull_request_review_approved"},
		"config": map[string]any{"url": s.daemon + "/webhooks/gitea", "content_type": "json",
			"secret": canary + "webhook"}}, nil)
}

// audit reads a file of the audit branch from the forge. It returns "" if the file does not exist.
func (s *forgeTest) audit(name string) string {
	req, err := http.NewRequest("GET", s.url+"/api/v1"+repository+"/raw/"+name+"?ref=roster/audit", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+s.tokens["ann"])
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		return ""
	}
	defer res.Body.Close()
	var b strings.Builder
	if _, err := io.Copy(&b, res.Body); err != nil {
		s.t.Fatal(err)
	}
	return b.String()
}

type giteaComment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
	} `json:"user"`
}

// comment waits until the only comment contains all parts. Its code spans are compared as text.
func (s *forgeTest) comment(number int, parts ...string) giteaComment {
	s.t.Helper()
	var list []giteaComment
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the comments on %d: %+v", number, list)
		}
	}()
	eventually(s.t, "the comment contains "+strings.Join(parts, ", "), func() bool {
		s.call("ann", "GET", repository+"/issues/"+strconv.Itoa(number)+"/comments", nil, &list)
		if len(list) != 1 || list[0].User.Login != "roster-bot" {
			return false
		}
		for _, part := range parts {
			if !strings.Contains(strings.ReplaceAll(html.UnescapeString(list[0].Body), "`", ""), part) {
				return false
			}
		}
		return true
	})
	return list[0]
}

// status waits for the status of a commit.
func (s *forgeTest) status(commit, want string) {
	s.t.Helper()
	eventually(s.t, "the status of the commit is "+want, func() bool {
		var list []struct{ Status, Context, Description string }
		s.call("ann", "GET", repository+"/commits/"+commit+"/statuses", nil, &list)
		if len(list) == 0 || list[0].Context != "roster/preview" || list[0].Status != want {
			return false
		}
		s.t.Logf("status of %.7s: %s, %q", commit, list[0].Status, list[0].Description)
		return true
	})
}

// openPullRequest pushes a branch and opens a pull request. A webhook triggers the preview.
func (s *forgeTest) openPullRequest() (number int, comment int64) {
	s.git("checkout", "-q", "-b", "change")
	const enabled = "	enabled: true\n"
	s.edit("provisioners/aws.cue", enabled, "	enabled: true, review: \"required\"\n", "Require a review")
	head := s.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`,
		`members: {"u-1001": {}, "u-1011": {}}`, "Fewer keys")
	s.git("push", "-q", "origin", "change")
	var pr struct {
		Number int `json:"number"`
	}
	s.call("ann", "POST", repository+"/pulls", map[string]any{"title": "Fewer keys", "head": "change", "base": "main"},
		&pr)
	c := s.comment(pr.Number, "Chiara Rossi loses Break Glass", "chiara@example.com from Break Glass",
		"head "+head[:7])
	s.t.Logf("comment %d:\n%s", c.ID, c.Body)
	s.status(head, "pending") // it needs a review
	return pr.Number, c.ID
}

// pushMore pushes an invalid commit and a valid one. The comment is edited each time.
func (s *forgeTest) pushMore(number int, comment int64) {
	bad := s.edit("groups/technology.cue", `include: "sre": {}`, `include: "src": {}`, "Misspell a group")
	s.git("push", "-q", "origin", "change")
	c := s.comment(number, "the declarations are invalid: 1 problem", "groups/technology.cue:")
	s.status(bad, "failure")
	good := s.edit("groups/technology.cue", `include: "src": {}`, `include: "sre": {}`, "Correct the group")
	s.git("push", "-q", "origin", "change")
	d := s.comment(number, "Break Glass", "head "+good[:7])
	s.status(good, "pending")
	if c.ID != comment || d.ID != comment {
		s.t.Errorf("the comments are %d, %d and %d; want the same one, edited", comment, c.ID, d.ID)
	}
	s.t.Logf("comment %d was edited twice", comment)
}

// mergeMoreThanApproved merges a pull request to which ann has pushed after the approval by bob.
// Only the approved changes are applied.
func (s *forgeTest) mergeMoreThanApproved(number int) {
	approved := s.git("rev-parse", "HEAD")
	s.call("bob", "POST", repository+"/pulls/"+strconv.Itoa(number)+"/reviews",
		map[string]any{"event": "APPROVED", "commit_id": approved, "body": "good"}, nil)
	head := s.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1011": {}}`,
		`members: {"u-1001": {}, "u-1011": {}, "u-1012": {}}`, "And one more key")
	s.git("push", "-q", "origin", "change")
	s.comment(number, "liam@example.com in Break Glass", "head "+head[:7])
	s.call("ann", "POST", repository+"/pulls/"+strconv.Itoa(number)+"/merge",
		map[string]any{"Do": "merge", "head_commit_id": head}, nil, 405)
	eventually(s.t, "the approved changes are applied, the others held",
		func() bool { return strings.Contains(s.audit("status/aws.json"), `"outcome": "held"`) })
	if _, in := s.member("chiara@example.com"); in {
		s.t.Error("chiara is still in Break Glass: an approved change was not applied")
	}
	if _, in := s.member("liam@example.com"); in {
		s.t.Error("liam is in Break Glass: a change without approval was applied")
	}
	report := s.report()
	if !strings.Contains(report, "`unreviewed`: not approved") ||
		!strings.Contains(report, "`liam@example.com` in Break Glass") {
		s.t.Errorf("the report does not name the held change:\n%s", report)
	}
	s.t.Logf("the report at the forge:\n%s", report)
	s.outcome(number, "failure", "**roster: held, 1 done, 1 held: ", "roster approve sha256:")
}

// outcome waits for the outcome of a merged pull request: its comment, and the status of the merge
// commit.
func (s *forgeTest) outcome(number int, want string, parts ...string) {
	s.t.Helper()
	c := s.comment(number, parts...)
	s.t.Logf("comment %d:\n%s", c.ID, c.Body)
	var pr struct {
		Merge string `json:"merge_commit_sha"`
	}
	s.call("ann", "GET", repository+"/pulls/"+strconv.Itoa(number), nil, &pr)
	eventually(s.t, "the status of the merge commit is "+want, func() bool {
		var list []struct{ Status, Context, Description string }
		s.call("ann", "GET", repository+"/commits/"+pr.Merge+"/statuses", nil, &list)
		if len(list) == 0 || list[0].Context != "roster/outcome" || list[0].Status != want {
			return false
		}
		s.t.Logf("status of %.7s: %s, %q", pr.Merge, list[0].Status, list[0].Description)
		return true
	})
}

// member reports whether a user is in Break Glass in AWS.
func (s *forgeTest) member(name string) (string, bool) {
	state := s.simulator.State()
	user, _ := state.User(name)
	group, ok := state.Group("Break Glass")
	if !ok {
		s.t.Fatal("there is no group Break Glass")
	}
	for _, id := range group.Members {
		if id == user.ID {
			return id, true
		}
	}
	return user.ID, false
}

// report reads the newest report as Markdown.
func (s *forgeTest) report() string {
	s.git("fetch", "-q", "origin", "roster/audit")
	names := strings.Fields(s.git("ls-tree", "-r", "--name-only", "FETCH_HEAD", "reports/aws"))
	last := ""
	for _, name := range names {
		if strings.HasSuffix(name, ".md") {
			last = name
		}
	}
	return html.UnescapeString(s.git("show", "FETCH_HEAD:"+last))
}

// mergeRevert merges a pull request that reverts the change, squashed. Then AWS is in sync.
func (s *forgeTest) mergeRevert() {
	s.git("fetch", "-q", "origin", "main")
	s.git("checkout", "-q", "-B", "back", "FETCH_HEAD")
	head := s.edit("groups/technology.cue", `, "u-1012": {}}`, `}`, "Revert the change")
	s.git("push", "-q", "origin", "back")
	var pr struct {
		Number int `json:"number"`
	}
	s.call("ann", "POST", repository+"/pulls", map[string]any{"title": "Revert the change", "head": "back",
		"base": "main"}, &pr)
	s.comment(pr.Number, "No longer needed (1)", "liam@example.com in Break Glass", "head "+head[:7])
	s.call("ann", "POST", repository+"/pulls/"+strconv.Itoa(pr.Number)+"/merge",
		map[string]any{"Do": "squash", "head_commit_id": head}, nil, 405)
	eventually(s.t, "AWS is in sync", func() bool {
		return strings.Contains(s.audit("status/aws.json"),
			`"outcome": "in sync"`)
	})
	s.outcome(pr.Number, "success", "**roster: in sync**")
}

// checkForgedWebhooks sends webhooks without a valid signature.
func (s *forgeTest) checkForgedWebhooks() {
	for _, signature := range []string{"", strings.Repeat("0", 64)} {
		req, err := http.NewRequest("POST", s.daemon+"/webhooks/gitea", strings.NewReader(`{"ref":"refs/heads/main"}`))
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("X-Gitea-Signature", signature)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized {
			s.t.Errorf("a forged webhook got status %s", res.Status)
		}
	}
}

// checkLeaks searches the log of the daemon and the audit branch for secrets.
func (s *forgeTest) checkLeaks() {
	s.git("fetch", "-q", "origin", "roster/audit")
	text := s.log.String() + s.git("log", "-p", "FETCH_HEAD")
	for name, secret := range map[string]string{"the forge's token": s.tokens["roster-bot"],
		"AWS's token": s.simulator.Token(), "the webhook's secret": canary} {
		if strings.Contains(text, secret) {
			s.t.Errorf("%s is in the log or on the audit branch", name)
		}
	}
}
