//go:build e2e

package main

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestForgeConformanceOnGitea runs the history of TestForgeConformance on a real Gitea.
func TestForgeConformanceOnGitea(t *testing.T) {
	testForge(t, "500ms", func(work string) forgeHost {
		h := &giteaHost{startGitea(t, "ann", "bob", "carol", "roster-bot"), work}
		h.call("ann", "POST", "/user/repos", map[string]any{"name": "people", "private": true,
			"default_branch": "main"}, nil)
		for name, permission := range map[string]string{"bob": "write", "roster-bot": "write", "carol": "read"} {
			h.call("ann", "PUT", repository+"/collaborators/"+name, map[string]any{"permission": permission}, nil)
		}
		git(t, work, "remote", "add", "origin", h.address("ann", "ann"))
		git(t, work, "push", "-q", "origin", "HEAD:main")
		h.call("carol", "POST", repository+"/forks", map[string]any{}, nil)
		return h
	})
}

// giteaHost is a real Gitea.
type giteaHost struct {
	*gitea
	work string
}

// address is the URL of a repository with the token of a user.
func (h *giteaHost) address(user, owner string) string {
	return strings.Replace(h.url, "://", "://"+user+":"+h.tokens[user]+"@", 1) + "/" + owner + "/people.git"
}

func (h *giteaHost) kind() string { return "gitea" }

func (h *giteaHost) flags() []string {
	return []string{"--repo", h.url + "/ann/people.git", "--git-username", "roster-bot", "--forge", "gitea"}
}

func (h *giteaHost) api() string { return h.url }

func (h *giteaHost) path() string { return "/ann/people" }

func (h *giteaHost) env() map[string]string {
	return map[string]string{"ROSTER_GIT_TOKEN": h.tokens["roster-bot"], "ROSTER_FORGE_TOKEN": h.tokens["roster-bot"]}
}

func (h *giteaHost) push(as, commit, branch string, force bool) {
	h.t.Helper()
	owner, ref := "ann", commit+":refs/heads/"+branch
	if as == "carol" {
		owner = "carol"
	}
	if force {
		ref = "+" + ref
	}
	git(h.t, h.work, "push", "-q", h.address(as, owner), ref)
}

func (h *giteaHost) pullPath(number int) string { return repository + "/pulls/" + strconv.Itoa(number) }

// giteaPull is a pull request of the API.
type giteaPull struct {
	Number int    `json:"number"`
	Title  string `json:"title"`
	Merge  string `json:"merge_commit_sha"`
	Head   struct {
		Sha string `json:"sha"`
	} `json:"head"`
}

func (h *giteaHost) pull(number int) (p giteaPull) {
	h.call("ann", "GET", h.pullPath(number), nil, &p)
	return p
}

func (h *giteaHost) open(as, branch, base string, draft bool) int {
	h.t.Helper()
	title, head := branch, branch
	if draft {
		title = "WIP: " + title
	}
	if as == "carol" {
		head = "carol:" + branch
	}
	var p giteaPull
	h.call(as, "POST", repository+"/pulls", map[string]any{"title": title, "head": head, "base": base}, &p)
	return p.Number
}

func (h *giteaHost) patch(number int, fields map[string]any) {
	h.call("ann", "PATCH", h.pullPath(number), fields, nil)
}

func (h *giteaHost) ready(number int) {
	h.patch(number, map[string]any{"title": strings.TrimPrefix(h.pull(number).Title, "WIP: ")})
}

func (h *giteaHost) retarget(number int, base string) { h.patch(number, map[string]any{"base": base}) }

func (h *giteaHost) setClosed(number int, closed bool) {
	h.patch(number, map[string]any{"state": map[bool]string{true: "closed", false: "open"}[closed]})
}

// approve reports false for the author: Gitea answers 422.
func (h *giteaHost) approve(as string, number int) bool {
	h.t.Helper()
	if as == "ann" {
		return h.refuses(as, number)
	}
	h.call(as, "POST", h.pullPath(number)+"/reviews", map[string]any{"event": "APPROVED", "body": "good",
		"commit_id": h.pull(number).Head.Sha}, nil)
	return true
}

// refuses approves a pull request of the user, which Gitea must refuse.
func (h *giteaHost) refuses(as string, number int) (accepted bool) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost,
		h.url+"/api/v1"+h.pullPath(number)+"/reviews", strings.NewReader(`{"event": "APPROVED", "body": "mine"}`))
	if err != nil {
		h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "token "+h.tokens[as])
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode/100 == 2
}

func (h *giteaHost) dismiss(number int) {
	var reviews []struct {
		ID int64 `json:"id"`
	}
	h.call("ann", "GET", h.pullPath(number)+"/reviews", nil, &reviews)
	for _, r := range reviews {
		h.call("ann", "POST", fmt.Sprintf("%s/reviews/%d/dismissals", h.pullPath(number), r.ID),
			map[string]any{"message": "not any more"}, nil)
	}
}

func (h *giteaHost) merge(number int, method string) string {
	h.t.Helper()
	h.call("ann", "POST", h.pullPath(number)+"/merge", map[string]any{"Do": method}, nil, 405)
	return h.pull(number).Merge
}

func (h *giteaHost) enqueue(int) string {
	h.t.Fatal("Gitea has no merge queue")
	return ""
}

func (h *giteaHost) comments(number int) (out []hostComment) {
	var list []giteaComment
	h.call("ann", "GET", repository+"/issues/"+strconv.Itoa(number)+"/comments", nil, &list)
	for _, c := range list {
		if c.User.Login == "roster-bot" {
			out = append(out, hostComment{c.ID, c.Body})
		}
	}
	return out
}

func (h *giteaHost) statuses(commit, context string) (out []hostStatus) {
	type status struct {
		ID                           int64
		Status, Context, Description string
	}
	var list []status
	h.call("ann", "GET", repository+"/commits/"+commit+"/statuses?limit=50", nil, &list)
	// Gitea orders those of one second at random.
	slices.SortFunc(list, func(a, b status) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range list {
		if s.Context == context {
			out = append(out, hostStatus{s.Status, s.Description})
		}
	}
	return out
}
