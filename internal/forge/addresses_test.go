package forge

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
)

func TestAForgeBelowAPathOfItsHost(t *testing.T) {
	for _, kind := range []Kind{KindGitLab, KindGitea} {
		for _, suffix := range []string{"", "/", map[Kind]string{KindGitLab: "/api/v4", KindGitea: "/api/v1"}[kind],
			map[Kind]string{KindGitLab: "/api/v4/", KindGitea: "/api/v1/"}[kind]} {
			t.Run(string(kind)+" "+suffix, func(t *testing.T) {
				r := &forgetest.State{T: t, Token: canary, Path: "/git"}
				repository := r.Start(string(kind))
				u, err := url.Parse(repository)
				if err != nil {
					t.Fatal(err)
				}
				f, err := Open(Config{Kind: kind, Repository: repository, Token: canary,
					API: "http://" + u.Host + "/git" + suffix})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.PullRequests(t.Context(), "main"); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestWebURLOfARepository(t *testing.T) {
	for _, test := range []struct{ name, address, want string }{
		{"https", "https://github.com/acme/people.git", "https://github.com/acme/people.git"},
		{"https with a token", "https://ann:secret@github.com/acme/people", "https://github.com/acme/people"},
		{"http with a port", "http://127.0.0.1:3000/acme/people", "http://127.0.0.1:3000/acme/people"},
		{"the short form of SSH", "git@gitlab.com:acme/hr/people.git", "https://gitlab.com/acme/hr/people.git"},
		{"the short form without a user", "github.com:acme/people", "https://github.com/acme/people"},
		{"the short form with a slash", "git@github.com:/acme/people", "https://github.com/acme/people"},
		{"SSH with a port", "ssh://git@forge.example:2222/acme/people", "https://forge.example/acme/people"},
		{"SSH to an IPv6 address", "ssh://git@[2001:db8::1]:22/acme/people", "https://[2001:db8::1]/acme/people"},
		{"GitHub's SSH on port 443", "ssh://git@ssh.github.com:443/acme/people.git",
			"https://github.com/acme/people.git"},
		{"GitLab's SSH on port 443", "ssh://git@altssh.gitlab.com:443/acme/people.git",
			"https://gitlab.com/acme/people.git"},
		{"a folder", "/srv/git/people.git", ""},
		{"a relative folder with a colon", "./a:b", ""},
		{"a file URL", "file:///srv/git/people.git", ""},
	} {
		if have := WebURL(test.address); have != test.want {
			t.Errorf("%s: %q; want %q", test.name, have, test.want)
		}
	}
}

// SSH addresses do not have the path of the forge below its host, and the owner may have its name.
func TestAForgeBelowAPathWithAnSSHAddress(t *testing.T) {
	for kind, version := range map[Kind]string{KindGitLab: "/api/v4", KindGitea: "/api/v1"} {
		for _, owner := range []string{"acme", "git"} {
			t.Run(string(kind)+" "+owner, func(t *testing.T) {
				asked := make(chan string, 1)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					asked <- req.URL.Path
					forgetest.Respond(w, http.StatusOK, []any{})
				}))
				defer server.Close()
				f, err := Open(Config{Kind: kind, Repository: "git@forge.example:" + owner + "/people.git",
					Token: canary, API: server.URL + "/git" + version})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.PullRequests(t.Context(), "main"); err != nil {
					t.Fatal(err)
				}
				if path := <-asked; !strings.HasPrefix(path, "/git"+version+"/") ||
					!strings.Contains(path, "/"+owner+"/people/") {
					t.Errorf("asked for %s", path)
				}
			})
		}
	}
}

func TestAPageForBrowsersIsNotAnAnswer(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		for _, status := range []int{http.StatusOK, http.StatusBadGateway} {
			s.Limit = func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				w.WriteHeader(status)
				_, _ = w.Write([]byte("<html><title>Sign in</title>"))
			}
			_, err := s.PullRequests(t.Context(), "main")
			if err == nil || !strings.Contains(err.Error(), "page for browsers") {
				t.Errorf("status %d: %v", status, err)
			}
		}
	})
}

func TestACommentOfTheSameContentIsNotEdited(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		p := &forgetest.Pull{Number: 7, Author: "ann", Head: sha("a"), Base: "main"}
		s.Pulls = []*forgetest.Pull{p}
		if err := s.EditComment(t.Context(), 7, WithContent("nothing", "0")); err != nil {
			t.Fatal(err)
		}
		if len(p.Comments) != 0 {
			t.Errorf("an edit created %q", p.Comments[0].Body)
		}
		if err := s.Comment(t.Context(), 7, WithContent("base 1", "x")); err != nil {
			t.Fatal(err)
		}
		s.Sent("")
		restarted := s.reopen()
		for _, body := range []string{WithContent("base 2", "x"), WithContent("base 3", "x")} {
			if err := restarted.Comment(t.Context(), 7, body); err != nil {
				t.Fatal(err)
			}
		}
		s.Mu.Lock()
		for _, request := range s.Requests {
			if !strings.HasPrefix(request, "GET ") {
				t.Errorf("sent %s for the same content", request)
			}
		}
		s.Mu.Unlock()
		if err := restarted.EditComment(t.Context(), 7, WithContent("base 4", "y")); err != nil {
			t.Fatal(err)
		}
		if len(p.Comments) != 1 || !strings.Contains(p.Comments[0].Body, "base 4") {
			t.Errorf("the comments are %v", p.Comments)
		}
	})
}

func TestTheStatusOfAForkHasItsReference(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		s.Pulls = []*forgetest.Pull{{Number: 7, Author: "ann", Head: sha("a"), Base: "main", Fork: true}}
		status := Status{State: Success, Description: "x"}
		if err := s.SetStatus(t.Context(), sha("a"), status); (err != nil) != (kind == KindGitLab) {
			t.Errorf("without a reference: %v", err)
		}
		status.Ref = "refs/merge-requests/7/head"
		if err := s.SetStatus(t.Context(), sha("a"), status); err != nil {
			t.Error(err)
		}
	})
}

func TestTheMergeQueueIsListed(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		const ref = "refs/heads/gh-readonly-queue/main/pr-7-" + "abc"
		s.QueuedMerges = []forgetest.QueuedMerge{{Ref: ref, Commit: sha("a")},
			{Ref: "refs/heads/gh-readonly-queue/mainly/pr-8-abc", Commit: sha("b")}}
		queue, err := s.Forge.Queue(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		if kind != KindGitHub {
			if len(queue) != 0 {
				t.Errorf("the queue is %v", queue)
			}
			return
		}
		if len(queue) != 1 || queue[0].Commit != sha("a") || queue[0].Ref != ref {
			t.Errorf("the queue is %v", queue)
		}
	})
}

// An older GitLab does not say when a user approved; its notes do.
func TestApprovalsOfAnOlderGitLab(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		s.NoApprovalTimes = true
		s.Pulls = []*forgetest.Pull{{Number: 7, Author: "ann", Head: sha("2"), Base: "main",
			Versions: []forgetest.Version{version(sha("1"), noon), version(sha("2"), noon.Add(20*60e9))},
			Reviews:  []forgetest.Review{reviewBy("bob", sha("1"), "approve", noon.Add(10*60e9))}}}
		a, err := s.Approval(t.Context(), PullRequest{Number: 7, Author: "ann"})
		if err != nil || len(a.Approvers) != 1 || a.Approvers[0] != (Approver{"bob", sha("1")}) {
			t.Errorf("%s: %+v, %v", kind, a, err)
		}
	})
}
