package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// forges are the implementations that pass the same tests.
var forges = []struct {
	kind       Kind
	path       string // of the repository
	api        func(*fakeForge) http.Handler
	authorized func(req *http.Request, token string) bool
}{
	{KindGitHub, "/acme/people", gitHubAPI, func(req *http.Request, token string) bool {
		return req.Header.Get("Authorization") == "Bearer "+token
	}},
	{KindGitLab, "/acme/hr/people", gitLabAPI, func(req *http.Request, token string) bool {
		return req.Header.Get("Private-Token") == token
	}},
	{KindGitea, "/acme/people", giteaAPI, func(req *http.Request, token string) bool {
		return req.Header.Get("Authorization") == "token "+token
	}},
}

// fixture is a client with the fake forge behind it.
type fixture struct {
	*fakeForge
	Forge
	reopen func() Forge // a new client, as after a restart
	clock  *time.Time
}

func eachForge(t *testing.T, do func(t *testing.T, kind Kind, s *fixture)) {
	for _, f := range forges {
		t.Run(string(f.kind), func(t *testing.T) {
			r := &fakeForge{t: t, token: canary}
			server := r.serve(f.api(r), func(req *http.Request) bool { return f.authorized(req, r.token) })
			now := noon
			reopen := func() Forge {
				opened, err := Open(Config{Kind: f.kind, Repository: server.URL + f.path + ".git", Token: canary,
					UserAgent: "roster/test", Now: func() time.Time { return now }})
				if err != nil {
					t.Fatal(err)
				}
				return opened
			}
			do(t, f.kind, &fixture{fakeForge: r, Forge: reopen(), reopen: reopen, clock: &now})
		})
	}
}

func sha(c string) string { return strings.Repeat(c, 40) }

func TestPullRequestsListsEveryOpenOne(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		for i := 1; i <= 250; i++ {
			s.pulls = append(s.pulls, &fakePull{number: i, title: fmt.Sprintf("Change %d", i), author: "ann",
				head: sha("a"), base: "main", draft: i == 7, fork: i == 8,
				updated: noon.Add(time.Duration(i) * time.Minute)})
		}
		s.pulls = append(s.pulls, &fakePull{number: 300, author: "ann", head: sha("a"), base: "other", updated: noon},
			&fakePull{number: 301, author: "ann", head: sha("a"), base: "main", merged: sha("c"), updated: noon})
		list, err := s.PullRequests(t.Context(), "main")
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 250 || list[0].Number != 250 || list[249].Number != 1 {
			t.Fatalf("%d pull requests, from %d to %d", len(list), list[0].Number, list[len(list)-1].Number)
		}
		for _, pr := range list {
			if pr.Draft != (pr.Number == 7) || pr.Fork != (pr.Number == 8) {
				t.Errorf("#%d: draft %t, fork %t", pr.Number, pr.Draft, pr.Fork)
			}
		}
		pr := list[0]
		if pr.Head != sha("a") || pr.Title != "Change 250" || pr.Author != "ann" || pr.URL == "" ||
			!strings.HasSuffix(pr.HeadRef, "/250/head") || !pr.Updated.Equal(noon.Add(250*time.Minute)) {
			t.Errorf("%+v", pr)
		}
	})
}

func TestCommentIsEditedInPlace(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		p := &fakePull{number: 7, author: "ann", head: sha("a"), base: "main"}
		s.pulls = []*fakePull{p}
		for i := range 230 { // roster's comment will be on a later page
			s.add(p, "bob", fmt.Sprint("talk ", i))
		}
		s.add(p, "eve", Marker+"\nof another author")
		upsert := func(f Forge, body string) {
			t.Helper()
			if err := f.Comment(t.Context(), 7, body); err != nil {
				t.Fatal(err)
			}
		}
		own := func() []string {
			var out []string
			for _, c := range p.comments {
				if c.author == botLogin {
					out = append(out, c.body)
				}
			}
			return out
		}
		want := func(writes int, bodies ...string) {
			t.Helper()
			for i, b := range bodies {
				bodies[i] = Marker + "\n" + b
			}
			if !slices.Equal(own(), bodies) {
				t.Errorf("roster's comments are %q; want %q", own(), bodies)
			}
			if n := s.sent("POST"); n > writes {
				t.Errorf("%d comments were created; want at most %d", n, writes)
			}
		}
		upsert(s, "one")
		want(1, "one")
		upsert(s, "two")
		want(0, "two")
		upsert(s, "two")
		if n := s.sent("GET") + s.sent("PATCH") + s.sent("PUT"); n != 0 {
			t.Errorf("%d requests for an unchanged comment; want none", n)
		}
		restarted := s.reopen()
		upsert(restarted, "three")
		want(0, "three")
		p.comments = slices.DeleteFunc(p.comments, func(c *storedComment) bool { return c.author == botLogin })
		upsert(restarted, "four")
		want(1, "four")
		i := slices.IndexFunc(p.comments, func(c *storedComment) bool { return c.author == "eve" })
		if p.comments[i].body != Marker+"\nof another author" {
			t.Errorf("the comment of another author became %q", p.comments[i].body)
		}
	})
}

func TestStatusIsSet(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		names := map[State]string{Pending: "pending", Success: "success", Failure: "failure", Error: "error"}
		if kind == KindGitLab {
			names[Failure], names[Error] = "failed", "failed"
		}
		for _, state := range []State{Pending, Pending, Success, Failure, Error} {
			if err := s.SetStatus(t.Context(), sha("a"),
				Status{State: state, Description: "2 people lose\nall access"}); err != nil {
				t.Fatal(err)
			}
			if have, want := s.statuses[len(s.statuses)-1],
				sha("a")+" "+names[state]+" roster/preview 2 people lose all access"; have != want {
				t.Errorf("status %q; want %q", have, want)
			}
		}
		if err := s.SetStatus(t.Context(), sha("a"),
			Status{State: Success, Description: strings.Repeat("ä", 1000)}); err != nil {
			t.Errorf("a long description: %v", err)
		}
	})
}

func TestMergedFindsThePullRequestOfACommit(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		s.pulls = []*fakePull{
			{number: 1, author: "ann", head: sha("a"), base: "main", merged: sha("1"), updated: noon},
			{number: 2, author: "ann", head: sha("b"), base: "release", merged: sha("2"), updated: noon},
			{number: 3, author: "ann", head: sha("c"), base: "main"},
		}
		for _, test := range []struct {
			name, commit string
			want         int
		}{
			{"the merge", sha("1"), 1}, {"a merge to another branch", sha("2"), 0},
			{"the head of an open one", sha("c"), 0}, {"a push", sha("d"), 0},
		} {
			pr, ok, err := s.Merged(t.Context(), "main", test.commit)
			if err != nil || ok != (test.want > 0) || pr.Number != test.want {
				t.Errorf("%s: #%d, %t, %v; want #%d", test.name, pr.Number, ok, err, test.want)
			}
		}
	})
}

func TestApprovalReturnsTheApprovedHeads(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	versions := []fakeVersion{{sha("1"), at(0)}, {sha("2"), at(10)}, {sha("3"), at(20)}}
	for _, test := range []struct {
		name       string
		reviews    []fakeReview
		rulesUnmet bool
		not        Kind   // the forge that does not have this case
		want       string // the accounts with their heads, or part of the reason
	}{
		{name: "no reviews", want: "no reviewer other than its author"},
		{name: "approved by the author only", reviews: []fakeReview{{"ann", sha("1"), "approve", at(1)}},
			want: "no reviewer other than its author"},
		{name: "approved, then pushed to", reviews: []fakeReview{{"bob", sha("1"), "approve", at(5)}},
			want: "bob " + sha("1")},
		{name: "approved again after a push", reviews: []fakeReview{{"bob", sha("1"), "approve", at(5)},
			{"bob", sha("2"), "approve", at(15)}}, want: "bob " + sha("2")},
		{name: "two people, at different heads", reviews: []fakeReview{{"bob", sha("1"), "approve", at(5)},
			{"cleo", sha("2"), "approve", at(12)}}, want: "bob " + sha("1") + ", cleo " + sha("2")},
		{name: "the same person in another case", reviews: []fakeReview{{"bob", sha("1"), "approve", at(5)},
			{"Bob", sha("2"), "approve", at(12)}}, not: KindGitLab, want: "Bob " + sha("2")},
		{name: "the author in another case", reviews: []fakeReview{{"Ann", sha("1"), "approve", at(5)}},
			want: "no reviewer other than its author"},
		{name: "a comment changes nothing", reviews: []fakeReview{{"bob", sha("1"), "approve", at(5)},
			{"bob", sha("3"), "comment", at(25)}}, want: "bob " + sha("1")},
		{name: "dismissed", reviews: []fakeReview{{"bob", sha("1"), "dismissed", at(5)}},
			want: "no reviewer other than its author"},
		{name: "changes requested after the approval", reviews: []fakeReview{{"bob", sha("1"), "approve", at(5)},
			{"bob", sha("2"), "changes", at(15)}}, not: KindGitLab, want: "bob requests changes"},
		{name: "approved after changes were requested", reviews: []fakeReview{{"bob", sha("1"), "changes", at(5)},
			{"bob", sha("2"), "approve", at(15)}}, want: "bob " + sha("2")},
		{name: "approved by a user with read access only",
			reviews: []fakeReview{{"mallory", sha("3"), "approve", at(25)}}, not: KindGitLab,
			want: "no reviewer other than its author"},
		{name: "too few approvals for the forge's rules", reviews: []fakeReview{{"bob", sha("1"), "approve", at(5)}},
			rulesUnmet: true, not: KindGitHub, want: "it does not have all approvals"},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
				// Only GitLab has approval rules here. Its approvals do not include requests for
				// changes, and it lets only users with the permission approve.
				if kind == test.not || test.rulesUnmet && kind != KindGitLab {
					return
				}
				s.readers = []string{"mallory"}
				s.pulls = []*fakePull{{number: 7, author: "ann", head: sha("3"), base: "main", merged: sha("9"),
					versions: versions, reviews: test.reviews, rulesUnmet: test.rulesUnmet}}
				a, err := s.Approval(t.Context(), PullRequest{Number: 7, Author: "ann"})
				if err != nil {
					t.Fatal(err)
				}
				var heads []string
				for _, by := range a.Approvers {
					heads = append(heads, by.Account+" "+by.Head)
				}
				have := strings.Join(heads, ", ")
				if have != test.want && (have != "" || !strings.Contains(a.Why, test.want)) {
					t.Errorf("%+v; want %s", a, test.want)
				}
			})
		})
	}
}

func TestRateLimitStopsRequests(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		list := func() error { _, err := s.PullRequests(context.Background(), "main"); return err }
		s.limit = func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "90")
			respond(w, map[Kind]int{KindGitHub: 403, KindGitLab: 429, KindGitea: 429}[kind],
				map[string]any{"message": "slow down"})
		}
		var limited *RateLimitError
		if err := list(); !errors.As(err, &limited) || !limited.Until.Equal(noon.Add(90*time.Second)) {
			t.Fatalf("%v; want a rate limit until %v", err, noon.Add(90*time.Second))
		}
		s.sent("GET")
		*s.clock = noon.Add(89 * time.Second)
		if err := list(); !errors.As(err, &limited) || s.sent("GET") != 0 {
			t.Errorf("%v; want a rate limit without a request", err)
		}
		s.limit = nil
		*s.clock = noon.Add(91 * time.Second)
		if err := list(); err != nil {
			t.Errorf("after the limit ended: %v", err)
		}
	})
}

func TestTokenIsNotLeaked(t *testing.T) {
	eachForge(t, func(t *testing.T, kind Kind, s *fixture) {
		s.pulls = []*fakePull{{number: 7, author: "ann", head: sha("a"), base: "main"}}
		s.token = "another"
		errs := []error{s.Comment(t.Context(), 7, "x"), s.SetStatus(t.Context(), sha("a"), Status{State: Success})}
		_, err := s.PullRequests(t.Context(), "main")
		errs = append(errs, err)
		_, _, err = s.Merged(t.Context(), "main", sha("a"))
		errs = append(errs, err)
		_, err = s.Approval(t.Context(), PullRequest{Number: 7})
		errs = append(errs, err)
		_, err = s.Contributions(t.Context(), PullRequest{Number: 7, Branch: "change", HeadRepo: map[Kind]string{
			KindGitLab: "5"}[kind]})
		for _, err := range append(errs, err) {
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("rejected credentials: %v", err)
			}
		}
		other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			t.Errorf("the other host received %v", req.Header)
		}))
		defer other.Close()
		s.limit = func(w http.ResponseWriter) {
			w.Header().Set("Location", other.URL+"/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
		if _, err := s.PullRequests(t.Context(), "main"); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("a redirect to another host: %v", err)
		}
	})
}

func TestTooLongResponseIsAnError(t *testing.T) {
	eachForge(t, func(t *testing.T, _ Kind, s *fixture) {
		s.limit = func(w http.ResponseWriter) {
			chunk := []byte(strings.Repeat(" ", 1<<20))
			for range 40 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}
		if _, err := s.PullRequests(t.Context(), "main"); err == nil || !strings.Contains(err.Error(), "longer than") {
			t.Errorf("%v; want an error about the length", err)
		}
	})
}

func TestOpenRejectsInvalidConfigs(t *testing.T) {
	for _, c := range []Config{{Kind: "svn", Repository: "https://x.example/a/b"},
		{Kind: KindGitHub, Repository: "a/b"}, {Kind: KindGitHub, Repository: "https://x.example/a"},
		{Kind: KindGitea, Repository: "https://x.example/a/b/c"},
		{Kind: KindGitHub, Repository: "https://x.example/a/b", App: &App{PrivateKey: []byte(canary)}}} {
		if _, err := Open(c); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
