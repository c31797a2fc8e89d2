package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
)

// fakeHost is a fake forge with a bare repository. It merges with git, as the forge would.
type fakeHost struct {
	t           *testing.T
	forge       string
	state       *forgetest.State
	url         string
	work, bare  string
	server      string // a clone in which merges are made
	now         time.Time
	pushes      map[string][]forgetest.Push // by branch
	headRefs    string                      // the format of references of heads
	queuedMerge string
}

func newFakeHost(t *testing.T, kind, work string) *fakeHost {
	h := &fakeHost{t: t, forge: kind, state: &forgetest.State{T: t, Token: canary + "forge"}, work: work,
		bare: filepath.Join(t.TempDir(), "people.git"), now: time.Now().Add(-10 * time.Hour).Truncate(time.Second),
		pushes: map[string][]forgetest.Push{}, headRefs: "refs/pull/%d/head"}
	if kind == "gitlab" {
		h.headRefs = "refs/merge-requests/%d/head"
	}
	h.url = h.state.Start(kind)
	git(t, t.TempDir(), "clone", "-q", "--bare", work, h.bare)
	git(t, work, "remote", "add", "origin", h.bare)
	h.server = filepath.Join(t.TempDir(), "server")
	git(t, t.TempDir(), "clone", "-q", h.bare, h.server)
	return h
}

func (h *fakeHost) kind() string { return h.forge }

func (h *fakeHost) flags() []string {
	return []string{"--repo", "file://" + h.bare, "--forge", h.forge}
}

func (h *fakeHost) api() string { return h.url[:strings.Index(h.url, "/acme")] }

func (h *fakeHost) path() string { return strings.TrimPrefix(h.url, h.api()) }

func (h *fakeHost) env() map[string]string {
	return map[string]string{"ROSTER_FORGE_TOKEN": canary + "forge"}
}

// tick returns a later time. The forges know times to the second.
func (h *fakeHost) tick() time.Time {
	h.now = h.now.Add(time.Minute)
	return h.now
}

func (h *fakeHost) pull(number int) *forgetest.Pull {
	p := h.state.Find(strconv.Itoa(number))
	if p == nil {
		h.t.Fatalf("there is no pull request %d", number)
	}
	return p
}

func (h *fakeHost) push(as, commit, branch string, force bool) {
	h.t.Helper()
	ref := commit + ":refs/heads/" + branch
	if as == "carol" {
		ref = commit + ":refs/forks/carol/" + branch
	}
	if force {
		ref = "+" + ref
	}
	git(h.t, h.work, "push", "-q", "origin", ref)
	h.state.Mu.Lock()
	defer h.state.Mu.Unlock()
	before := strings.Repeat("0", 40)
	if list := h.pushes[branch]; len(list) > 0 {
		before = list[len(list)-1].After
	}
	push := forgetest.Push{By: as, Before: before, After: commit, Branch: branch, At: h.tick()}
	h.pushes[branch] = append(h.pushes[branch], push)
	for _, p := range h.state.Pulls {
		if p.Branch != branch || p.Merged != "" {
			continue
		}
		p.Timeline = append(p.Timeline, forgetest.TimelinePush{By: as, Commits: []string{commit}, At: push.At})
		if force {
			last := &p.Timeline[len(p.Timeline)-1]
			last.Force, last.Commits = true, []string{before, commit}
		}
		h.update(p, commit)
	}
}

// update sets the head of a pull request and what follows from it.
func (h *fakeHost) update(p *forgetest.Pull, head string) {
	p.Head, p.Updated, p.Pushes = head, h.now, h.pushes[p.Branch]
	p.Versions = append(p.Versions, forgetest.Version{Head: head, At: h.now})
	git(h.t, h.server, "fetch", "-q", "origin", "+refs/*:refs/remotes/all/*")
	git(h.t, h.server, "push", "-q", "origin", "+"+head+":"+fmt.Sprintf(h.headRefs, p.Number))
	p.MergeBase = git(h.t, h.server, "merge-base", head, "refs/remotes/all/heads/"+p.Base)
	p.Own = nil
	for _, c := range strings.Fields(git(h.t, h.server, "rev-list", p.MergeBase+".."+head)) {
		author := git(h.t, h.server, "log", "-1", "--format=%al", c)
		p.Own = append(p.Own, forgetest.Commit{Sha: c, Author: author, Committer: author})
	}
}

func (h *fakeHost) open(as, branch, base string, draft bool) int {
	h.state.Mu.Lock()
	defer h.state.Mu.Unlock()
	p := &forgetest.Pull{Number: len(h.state.Pulls) + 1, Title: branch, Author: as, Branch: branch, Base: base,
		Draft: draft, Fork: as == "carol", Created: h.tick()}
	h.state.Pulls = append(h.state.Pulls, p)
	h.update(p, h.pushes[branch][len(h.pushes[branch])-1].After)
	return p.Number
}

// change changes a pull request.
func (h *fakeHost) change(number int, do func(*forgetest.Pull)) {
	h.state.Mu.Lock()
	defer h.state.Mu.Unlock()
	p := h.pull(number)
	p.Updated = h.tick()
	do(p)
}

func (h *fakeHost) ready(number int) { h.change(number, func(p *forgetest.Pull) { p.Draft = false }) }

func (h *fakeHost) retarget(number int, base string) {
	h.change(number, func(p *forgetest.Pull) {
		p.Base = base
		h.update(p, p.Head)
	})
}

func (h *fakeHost) setClosed(number int, closed bool) {
	h.change(number, func(p *forgetest.Pull) { p.Closed = closed })
}

func (h *fakeHost) approve(as string, number int) (accepted bool) {
	h.change(number, func(p *forgetest.Pull) {
		// GitHub and Gitea refuse the approval of the author; GitLab has a setting that allows it.
		if accepted = as != p.Author || h.forge == "gitlab"; accepted {
			p.Reviews = append(p.Reviews, forgetest.Review{By: as, Head: p.Head, Verdict: "approve", At: h.now})
		}
	})
	return accepted
}

// dismiss dismisses all reviews. On GitLab, the reviewers revoke their approvals.
func (h *fakeHost) dismiss(number int) {
	h.change(number, func(p *forgetest.Pull) {
		for i := range p.Reviews {
			p.Reviews[i].Verdict = "dismissed"
		}
		if h.forge == "gitlab" {
			p.Reviews = nil
		}
	})
}

func (h *fakeHost) merge(number int, method string) (commit string) {
	h.t.Helper()
	h.change(number, func(p *forgetest.Pull) {
		run := func(args ...string) string { return gitAs(h.t, "ann", h.server, args...) }
		git(h.t, h.server, "fetch", "-q", "origin", "+refs/*:refs/remotes/all/*")
		run("checkout", "-q", "-B", "main", "refs/remotes/all/heads/main")
		before := run("rev-parse", "HEAD")
		switch method {
		case "merge":
			run("merge", "-q", "--no-ff", "-m", fmt.Sprintf("Merge pull request %d", number), p.Head)
		case "squash":
			run("merge", "-q", "--squash", p.Head)
			run("commit", "-q", "-m", p.Title)
		case "rebase":
			run("checkout", "-q", "-B", "rebased", p.Head)
			run("rebase", "-q", "main")
			run("checkout", "-q", "main")
			run("merge", "-q", "--ff-only", "rebased")
			if h.forge == "gitlab" { // it rebases the branch of the merge request first; bob starts that
				head := run("rev-parse", "HEAD")
				h.pushes[p.Branch] = append(h.pushes[p.Branch], forgetest.Push{By: "bob", Before: p.Head, After: head,
					Branch: p.Branch, At: h.tick()})
				h.update(p, head)
				h.tick()
			}
		case "queue":
			run("merge", "-q", "--ff-only", h.queuedMerge)
			h.state.QueuedMerges = nil
		default:
			h.t.Fatalf("unknown way to merge: %s", method)
		}
		commit = run("rev-parse", "HEAD")
		git(h.t, h.server, "push", "-q", "origin", "HEAD:main")
		p.Merged, p.MergedAt = commit, h.now
		if h.forge != "gitea" { // Gitea knows only the last commit of a rebase
			p.Commits = strings.Fields(run("rev-list", "--first-parent", before+".."+commit))
		}
	})
	return commit
}

func (h *fakeHost) enqueue(number int) string {
	h.change(number, func(p *forgetest.Pull) {
		git(h.t, h.server, "fetch", "-q", "origin", "+refs/*:refs/remotes/all/*")
		git(h.t, h.server, "checkout", "-q", "-B", "queue", "refs/remotes/all/heads/main")
		gitAs(h.t, "ann", h.server, "merge", "-q", "--no-ff", "-m", fmt.Sprintf("Merge pull request %d", number),
			p.Head)
		h.queuedMerge = git(h.t, h.server, "rev-parse", "HEAD")
		ref := fmt.Sprintf("refs/heads/gh-readonly-queue/main/pr-%d-%s", number, p.Head)
		git(h.t, h.server, "push", "-q", "origin", "HEAD:"+ref)
		h.state.QueuedMerges = []forgetest.QueuedMerge{{Ref: ref, Commit: h.queuedMerge}}
	})
	return h.queuedMerge
}

func (h *fakeHost) comments(number int) (out []hostComment) {
	h.state.Mu.Lock()
	defer h.state.Mu.Unlock()
	for _, c := range h.pull(number).Comments {
		if c.Author == forgetest.BotLogin {
			out = append(out, hostComment{c.ID, c.Body})
		}
	}
	return out
}

func (h *fakeHost) statuses(commit, context string) (out []hostStatus) {
	h.state.Mu.Lock()
	defer h.state.Mu.Unlock()
	for _, line := range slices.Clone(h.state.Statuses) {
		fields := strings.SplitN(line, " ", 4)
		if len(fields) == 4 && fields[0] == commit && fields[2] == context {
			state := fields[1]
			if state == "failed" {
				state = "failure"
			}
			out = append(out, hostStatus{state, fields[3]})
		}
	}
	return out
}
