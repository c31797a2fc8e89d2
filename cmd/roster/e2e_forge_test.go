//go:build e2e

package main

import (
	"context"
	"html"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// story is a repository on a real Gitea with a daemon beside it. The daemon polls once an hour: what happens sooner, a webhook brought.
type story struct {
	*gitea
	cloud  *cloud
	dir    string // ann's working copy
	daemon string // its address
	log    *safeBuffer
}

const repository = "/repos/ann/people"

func TestForgeStory(t *testing.T) {
	s := newStory(t)
	s.begin()
	number, comment := s.propose()
	s.push(number, comment)
	s.mergeWithMoreThanWasApproved(number)
	s.takeBack()
	s.forgeries()
	s.leaks()
}

func newStory(t *testing.T) *story {
	cloud, stop := newCloud("aws", awssim.Options{})
	t.Cleanup(stop)
	s := &story{gitea: startGitea(t, "ann", "bob", "roster-bot"), cloud: cloud, dir: filepath.Join(t.TempDir(), "people"), log: &safeBuffer{}}
	s.call("ann", "POST", "/user/repos", map[string]any{"name": "people", "private": true, "default_branch": "main"}, nil)
	for _, name := range []string{"bob", "roster-bot"} {
		s.call("ann", "PUT", repository+"/collaborators/"+name, map[string]any{"permission": "write"}, nil)
	}
	if code := execute(t.Context(), []string{"init", s.dir}, func(name string) (string, bool) { return s.env(name) }, nil, s.log, s.log); code != 0 {
		t.Fatalf("init: %d\n%s", code, s.log)
	}
	if err := cloud.settle(t.Context(), s.dir); err != nil {
		t.Fatal(err)
	}
	s.git("remote", "add", "origin", strings.Replace(s.url, "://", "://ann:"+s.tokens["ann"]+"@", 1)+"/ann/people.git")
	s.git("push", "-q", "origin", "HEAD:main")
	return s
}

func (s *story) env(name string) (string, bool) {
	v, ok := map[string]string{"ROSTER_AWS_TOKEN": s.cloud.Token(), "ROSTER_GIT_TOKEN": s.tokens["roster-bot"], "ROSTER_FORGE_TOKEN": s.tokens["roster-bot"],
		"ROSTER_WEBHOOK_SECRET": canary + "webhook", "HOME": filepath.Dir(s.dir)}[name]
	return v, ok
}

func (s *story) git(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = s.dir
	cmd.Env = os.Environ()
	for name, value := range gitEnv(filepath.Dir(s.dir)) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *story) edit(file, old, new, message string) string {
	s.t.Helper()
	if err := replace(filepath.Join(s.dir, file), old, new); err != nil {
		s.t.Fatal(err)
	}
	s.git("add", "-A")
	s.git("commit", "-q", "-m", message)
	return s.git("rev-parse", "HEAD")
}

// begin starts the daemon; it applies main and leaves evidence at the forge.
func (s *story) begin() {
	port := freePort(s.t)
	s.daemon = "http://127.0.0.1:" + port
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"serve", "--repo", s.url + "/ann/people.git", "--git-username", "roster-bot", "--forge", "gitea", "--listen", "127.0.0.1:" + port,
			"--poll", "1h", "--jitter", "0s", "--state-dir", filepath.Join(filepath.Dir(s.dir), "state"), "--snapshots", filepath.Join(filepath.Dir(s.dir), "snapshots")},
			s.env, nil, s.log, s.log)
	}()
	s.t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			s.t.Errorf("the daemon ended with %d", code)
		}
		if s.t.Failed() {
			s.t.Logf("the daemon said:\n%s", s.log)
		}
	})
	eventually(s.t, "main is applied", func() bool { return strings.Contains(s.audit("status/aws.json"), `"outcome": "applied"`) })
	s.t.Logf("applied: %d users, %d groups in AWS; the audit branch is at the forge", len(s.cloud.State().Users), len(s.cloud.State().Groups))
	s.call("ann", "POST", repository+"/hooks", map[string]any{"type": "gitea", "active": true, "branch_filter": "*",
		"events": []string{"push", "pull_request", "pull_request_sync", "pull_request_review_approved"},
		"config": map[string]any{"url": s.daemon + "/webhooks/gitea", "content_type": "json", "secret": canary + "webhook"}}, nil)
}

// audit reads a file of the audit branch as the forge has it; "" if there is none.
func (s *story) audit(name string) string {
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

// comment waits for the daemon's one comment to say something.
func (s *story) comment(number int, parts ...string) giteaComment {
	s.t.Helper()
	var list []giteaComment
	defer func() {
		if s.t.Failed() {
			s.t.Logf("the comments on %d: %+v", number, list)
		}
	}()
	eventually(s.t, "the comment says "+strings.Join(parts, ", "), func() bool {
		s.call("ann", "GET", repository+"/issues/"+strconv.Itoa(number)+"/comments", nil, &list)
		if len(list) != 1 || list[0].User.Login != "roster-bot" {
			return false
		}
		for _, part := range parts {
			if !strings.Contains(html.UnescapeString(list[0].Body), part) {
				return false
			}
		}
		return true
	})
	return list[0]
}

// status waits for the commit status.
func (s *story) status(commit, want string) {
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

// propose pushes a branch and opens a pull request: a webhook brings the preview.
func (s *story) propose() (number int, comment int64) {
	s.git("checkout", "-q", "-b", "change")
	s.edit("provisioners/aws.cue", "	enabled: true\n", "	enabled: true, review: \"required\"\n", "Require a review")
	head := s.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`, `members: {"u-1001": {}, "u-1011": {}}`, "Fewer keys")
	s.git("push", "-q", "origin", "change")
	var pr struct {
		Number int `json:"number"`
	}
	s.call("ann", "POST", repository+"/pulls", map[string]any{"title": "Fewer keys", "head": "change", "base": "main"}, &pr)
	c := s.comment(pr.Number, "**roster: 1 membership is removed**", "chiara@example.com from Break Glass", "head "+head[:7])
	s.t.Logf("comment %d:\n%s", c.ID, c.Body)
	s.status(head, "success")
	return pr.Number, c.ID
}

// push moves the head: the same comment is edited. An invalid head is told as such.
func (s *story) push(number int, comment int64) {
	bad := s.edit("groups/technology.cue", `include: "sre": {}`, `include: "src": {}`, "A slip")
	s.git("push", "-q", "origin", "change")
	c := s.comment(number, "the declarations are invalid: 1 problem", "groups/technology.cue:")
	s.status(bad, "failure")
	good := s.edit("groups/technology.cue", `include: "src": {}`, `include: "sre": {}`, "Mend it")
	s.git("push", "-q", "origin", "change")
	d := s.comment(number, "1 membership is removed", "head "+good[:7])
	s.status(good, "success")
	if c.ID != comment || d.ID != comment {
		s.t.Errorf("the comments are %d, %d and %d; want one, edited in place", comment, c.ID, d.ID)
	}
	s.t.Logf("comment %d was edited in place, twice", comment)
}

// mergeWithMoreThanWasApproved: bob approves, ann pushes more, the merge brings both. Only what bob saw is applied.
func (s *story) mergeWithMoreThanWasApproved(number int) {
	approved := s.git("rev-parse", "HEAD")
	s.call("bob", "POST", repository+"/pulls/"+strconv.Itoa(number)+"/reviews", map[string]any{"event": "APPROVED", "commit_id": approved, "body": "good"}, nil)
	head := s.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1011": {}}`, `members: {"u-1001": {}, "u-1011": {}, "u-1012": {}}`, "And one more key")
	s.git("push", "-q", "origin", "change")
	s.comment(number, "liam@example.com in Break Glass", "head "+head[:7])
	s.call("ann", "POST", repository+"/pulls/"+strconv.Itoa(number)+"/merge", map[string]any{"Do": "merge", "head_commit_id": head}, nil, 405)
	eventually(s.t, "what was approved is applied, the rest held", func() bool { return strings.Contains(s.audit("status/aws.json"), `"outcome": "held"`) })
	if _, in := s.member("chiara@example.com"); in {
		s.t.Error("chiara is still in Break Glass: what was approved was not applied")
	}
	if _, in := s.member("liam@example.com"); in {
		s.t.Error("liam is in Break Glass: what nobody approved was applied")
	}
	report := s.report()
	if !strings.Contains(report, "`unreviewed`: nobody approved this") || !strings.Contains(report, "liam@example.com in Break Glass") {
		s.t.Errorf("the report does not name what was held:\n%s", report)
	}
	s.t.Logf("the report at the forge:\n%s", report)
}

// member reports whether somebody is in Break Glass in AWS.
func (s *story) member(name string) (string, bool) {
	state := s.cloud.State()
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

// report reads the last report as people do.
func (s *story) report() string {
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

// takeBack merges the other way, squashed: then Git and AWS agree again.
func (s *story) takeBack() {
	s.git("fetch", "-q", "origin", "main")
	s.git("checkout", "-q", "-B", "back", "FETCH_HEAD")
	head := s.edit("groups/technology.cue", `, "u-1012": {}}`, `}`, "Take it back")
	s.git("push", "-q", "origin", "back")
	var pr struct {
		Number int `json:"number"`
	}
	s.call("ann", "POST", repository+"/pulls", map[string]any{"title": "Take it back", "head": "back", "base": "main"}, &pr)
	s.comment(pr.Number, "No longer needed (1)", "liam@example.com in Break Glass", "head "+head[:7])
	s.call("ann", "POST", repository+"/pulls/"+strconv.Itoa(pr.Number)+"/merge", map[string]any{"Do": "squash", "head_commit_id": head}, nil, 405)
	eventually(s.t, "Git and AWS agree", func() bool { return strings.Contains(s.audit("status/aws.json"), `"outcome": "in sync"`) })
}

// forgeries are deliveries that Gitea did not sign.
func (s *story) forgeries() {
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
			s.t.Errorf("a forged delivery is answered %s", res.Status)
		}
	}
}

// leaks looks for every secret in what the daemon said and left behind.
func (s *story) leaks() {
	s.git("fetch", "-q", "origin", "roster/audit")
	said := s.log.String() + s.git("log", "-p", "FETCH_HEAD")
	for name, secret := range map[string]string{"the forge's token": s.tokens["roster-bot"], "AWS's token": s.cloud.Token(), "the webhook's secret": canary} {
		if strings.Contains(said, secret) {
			s.t.Errorf("%s shows in the log or in the audit branch", name)
		}
	}
}
